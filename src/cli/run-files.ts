import type { Problem } from "../problem/problem.ts";
import { encodeSafetensors } from "../store/safetensors.ts";
import type { TuneResult } from "../study/events.ts";
import { naturalValues } from "../study/session.ts";
import { tensorInfos } from "../study/tensor-info.ts";
import { toPng } from "../picture/png.ts";
import { pngAssets } from "./assets.ts";
import { heedSignals } from "./interrupt.ts";
import { toJson } from "./json.ts";
import type { RunFiles } from "./run-folder.ts";
import { statistics, type Statistics } from "./statistics.ts";
import { tunePictures, type Pictured } from "./tune-pictures.ts";

/** What result.json holds follows this number. */
const SCHEMA = 1;

/** Of a tensor, without its values: those are in hyperparameters.safetensors. */
export type Described = Statistics & { readonly shape: readonly number[] };

export type DescribedResult = Omit<TuneResult, "values"> & { readonly values: Readonly<Record<string, Described>> };

export const describeResult = (result: TuneResult): DescribedResult => ({
  ...result,
  values: Object.fromEntries(
    Object.entries(result.values).map(([name, { data, shape }]) => [name, { shape, ...statistics(data) }]),
  ),
});

export interface RunRecord {
  readonly version: string;
  /** The command's options as they were given. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly result: TuneResult;
  readonly problem: Problem;
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The files of a run; result.json comes last. */
export async function runFiles(record: RunRecord, warn: (message: string) => void): Promise<RunFiles> {
  const { version, options, result, problem } = record;
  const tensors = encodeSafetensors(result.values, {
    format: "drmad hyperparameters, natural values",
    experiment: result.experiment,
    method: result.method,
    seed: (result.seeds ?? [result.seed]).join(","),
    step: String(result.best),
    drmad: version,
  });
  const described = toJson({ schema: SCHEMA, drmad: version, options, ...describeResult(result) }, 2);
  return [
    ["hyperparameters.safetensors", tensors],
    ...(await pictureFiles(result, problem, warn)),
    ["result.json", utf8(`${described}\n`)],
  ];
}

/** What is drawn of a study that has just been tuned. */
export function pictured(result: TuneResult, problem: Problem): Pictured {
  const begin = Object.fromEntries(problem.hypers.tensors.map(({ name, start }) => [name, start]));
  return {
    ...result,
    at: result.best,
    start: naturalValues(problem, begin),
    tensors: result.tensors ?? tensorInfos(problem),
    parameters: problem.weights,
    image: problem.data.image,
  };
}

/** Pictures are worth less than the figures: where they cannot be drawn, the run is kept without. */
async function pictureFiles(result: TuneResult, problem: Problem, warn: (message: string) => void): Promise<RunFiles> {
  try {
    const assets = pngAssets();
    const files: [string, Uint8Array][] = [];
    await heedSignals();
    for (const [name, svg] of tunePictures(pictured(result, problem))) {
      files.push([`${name}.png`, await toPng(svg, assets)]);
      await heedSignals();
    }
    return files;
  } catch (error) {
    warn(`the pictures could not be drawn: ${error instanceof Error ? error.message : String(error)}`);
    return [];
  }
}
