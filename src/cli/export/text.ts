import type { NdArray } from "../../data/dataset.ts";
import type { StepRecord } from "../../study/events.ts";
import { forkText } from "../../study/fork-text.ts";
import { toJson } from "../json.ts";
import { VERSION } from "../version.ts";
import { stepOf, tensorsOf, type Source, type StepChoice, type Values } from "./source.ts";

const SCHEMA = 1;

/** A study without its weights' history: figures, settings, warnings, and the natural values at one outer step. */
export async function jsonText(source: Source, choice: StepChoice): Promise<string> {
  const { name, info, summary, steps, best, result, chosen, fidelity, warnings, fork, times } = source;
  const step = stepOf(source, choice);
  const values = await source.valuesAt(step);
  const { tensors: _, ...start } = info;
  const described = tensorsOf(source, values).map((tensor) => ({
    ...tensor,
    data: Array.from(values[tensor.name]!.data),
  }));
  return `${toJson(
    {
      schema: SCHEMA,
      drmad: VERSION,
      name,
      ...(summary && { study: summary }),
      ...(fork && { fork: { ...fork, text: forkText(fork) } }),
      ...(times && { times }),
      start,
      steps,
      best,
      ...(result && { stop: result.stop, stopDetail: result.stopDetail, test: result.test, seconds: result.seconds }),
      ...(chosen && { chosen }),
      ...(fidelity.length > 0 && { fidelity }),
      warnings,
      step,
      values: described,
    },
    2,
  )}\n`;
}

/** RFC 4180. Numbers have all their digits; what is absent is empty. */
const cell = (value: number | string | boolean | undefined): string => {
  const text = value === undefined ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};
const lines = (rows: readonly (readonly (number | string | boolean | undefined)[])[]): string =>
  rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");

const FIGURES = {
  prior: "prior",
  validStandardError: "valid_standard_error",
  gradientNorm: "gradient_norm",
  directNorm: "direct_norm",
  growth: "growth",
  growthPassedAt: "growth_passed_at",
  chaotic: "chaotic",
  clipped: "clipped",
  seconds: "seconds",
} as const satisfies Partial<Record<keyof StepRecord, string>>;

/** The outer steps, one a row. */
export function stepsCsv({ steps, best }: Source): string {
  const metrics = (["train", "valid", "test"] as const).flatMap((split) =>
    [...new Set(steps.flatMap((record) => Object.keys(record[split] ?? {})))].map((metric) => [split, metric] as const),
  );
  const figures = Object.keys(FIGURES) as (keyof typeof FIGURES)[];
  return lines([
    ["step", "best", ...metrics.map(([split, metric]) => `${split}_${metric}`), ...figures.map((key) => FIGURES[key])],
    ...steps.map((record) => [
      record.step,
      record.step === best,
      ...metrics.map(([split, metric]) => record[split]?.[metric]),
      ...figures.map((key) => record[key]),
    ]),
  ]);
}

/** The values at one outer step, one a row, with their place along each axis as 3 or 3;0. */
export async function valuesCsv(source: Source, choice: StepChoice): Promise<string> {
  const step = stepOf(source, choice);
  const values = await source.valuesAt(step);
  return lines([
    ["step", "tensor", "index", "value"],
    ...Object.entries(values).flatMap(([name, array]) =>
      Array.from(array.data, (value, i) => [step, name, indexOf(array, i), value]),
    ),
  ]);
}

function indexOf({ shape }: NdArray, at: number): string {
  const places: number[] = [];
  for (let axis = shape.length - 1, rest = at; axis >= 0; rest = Math.floor(rest / shape[axis--]!))
    places.unshift(rest % shape[axis]!);
  return places.join(";");
}

/** What a file of values says of itself. */
export const metadataOf = ({ info, name }: Source, step: number): Readonly<Record<string, string>> => ({
  format: "drmad hyperparameters, natural values",
  study: name,
  experiment: info.experiment,
  method: info.method,
  seed: (info.seeds ?? [info.seed]).join(","),
  step: String(step),
  drmad: VERSION,
});

export type { Values };
