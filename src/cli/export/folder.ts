import { join } from "node:path";
import * as v from "valibot";
import { readBytes } from "../../data/open.ts";
import { DrmadError } from "../../errors.ts";
import { decodeSafetensors } from "../../store/safetensors.ts";
import type { Figures } from "../tune-summary.ts";
import { fileKind } from "../file-kind.ts";
import type { Source, Values } from "./source.ts";

/** What must be in result.json for anything to be made of it; the rest is carried along. */
const metrics = v.record(v.string(), v.union([v.number(), v.string()]));
const schema = v.looseObject({
  schema: v.literal(1),
  experiment: v.string(),
  method: v.string(),
  optimizer: v.string(),
  hyperparameters: v.number(),
  steps: v.pipe(v.array(v.looseObject({ step: v.number(), train: metrics, valid: metrics })), v.minLength(1)),
  best: v.number(),
  stop: v.string(),
});

export const isRunFolder = (path: string): boolean => fileKind(join(path, "result.json")) === "file";

/** A run that `drmad tune` wrote to a folder: it has the values of its result only. @throws DrmadError malformed-file */
export function folderSource(path: string): Source {
  const file = join(path, "result.json");
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder().decode(readBytes(file)), numbers);
  } catch (cause) {
    throw cause instanceof DrmadError ? cause : malformed(file, "it is no JSON", cause);
  }
  const checked = v.safeParse(schema, parsed);
  if (!checked.success) throw malformed(file, v.summarize(checked.issues).replaceAll("\n", " "));
  if (checked.output.steps[checked.output.best] === undefined) throw malformed(file, "its best step is not there");
  const result = parsed as Figures;
  const valuesAt = (step: number): Promise<Values> => {
    if (step !== result.best) {
      const what = `the folder ${JSON.stringify(path)} has the values of outer step ${result.best} only`;
      throw new DrmadError("unsupported", what, { hint: "Keep every step with drmad tune --study NAME." });
    }
    const name = join(path, "hyperparameters.safetensors");
    return Promise.resolve(decodeSafetensors(readBytes(name), name).tensors);
  };
  return {
    name: path,
    info: result,
    steps: result.steps,
    best: result.best,
    result,
    ...(result.chosen && { chosen: result.chosen }),
    fidelity: result.fidelity ?? [],
    warnings: [],
    valuesAt,
    start: () => Promise.resolve(undefined),
  };
}

/** What JSON has no numbers for is in words. */
const WORDS: Readonly<Record<string, number>> = { NaN: NaN, Infinity: Infinity, "-Infinity": -Infinity };
const numbers = (_: string, value: unknown): unknown =>
  typeof value === "string" && Object.hasOwn(WORDS, value) ? WORDS[value] : value;

const malformed = (file: string, how: string, cause?: unknown): DrmadError =>
  new DrmadError("malformed-file", `${file} is not what drmad tune writes: ${how}`, {
    hint: "Bring the folder back from a copy, or tune again.",
    cause,
  });
