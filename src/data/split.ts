import { DrmadError } from "../errors.ts";
import type { Dataset, NdArray, Split } from "./dataset.ts";
import { permutation, substream, type Uniform } from "./random.ts";

/** Examples `x: [n, features]` (Float32Array) with their class `y: [n]` (Int32Array). */
export type LabelledSplit = { readonly x: NdArray; readonly y: NdArray };

/**
 * Disjoint random sets of the rows 0 … total − 1, one for each name in `counts`, in the order of its keys.
 * `source` names the data in errors.
 *
 * Errors: `invalid-argument` when a count is not a positive integer, or when they add up to more than `total`.
 */
export function drawRows<Name extends string>(
  source: string,
  total: number,
  counts: Readonly<Record<Name, number>>,
  next: Uniform,
): Record<Name, Int32Array> {
  const names = Object.keys(counts) as Name[];
  for (const name of names) {
    if (!Number.isSafeInteger(counts[name]) || counts[name] <= 0) {
      throw new DrmadError("invalid-argument", `${source}: ${name} is ${counts[name]}, not a positive integer.`, {
        hint: `Say how many rows of ${source} go to ${name}, at least 1.`,
      });
    }
  }
  const sum = names.reduce((rows, name) => rows + counts[name], 0);
  if (sum > total) {
    const wanted = names.map((name) => `${name} ${counts[name]}`).join(" + ");
    throw new DrmadError("invalid-argument", `${source} has ${total} rows, but ${wanted} = ${sum} are asked for.`, {
      hint: `Ask for at most ${total} rows in all.`,
    });
  }
  const order = permutation(total, next);
  let taken = 0;
  const drawn = names.map((name) => {
    const rows = order.subarray(taken, taken + counts[name]);
    taken += counts[name];
    return [name, rows] as const;
  });
  return Object.fromEntries(drawn) as Record<Name, Int32Array>;
}

/** How many rows go where; all are drawn at random from the same file. */
export interface Sizes {
  /** Rows to fit weights on. */
  readonly train: number;
  /** Rows to tune hyperparameters on. */
  readonly valid: number;
  /** Rows for the report; none unless told. */
  readonly test?: number;
  /** Names the random draw; 0 unless told. */
  readonly seed?: number;
}

/**
 * Disjoint random rows of arrays that share their first axis: copies, so that the arrays can go. `source` names them in errors.
 *
 * Errors: `malformed-file` when the arrays differ in their rows, or one has none; those of `drawRows`.
 */
export function splitRows<S extends Split>(source: string, arrays: S, sizes: Sizes): Dataset<S> {
  const { train, valid, test, seed = 0 } = sizes;
  const total = Object.values(arrays)[0]?.shape[0] ?? 0;
  const uneven = Object.entries(arrays).find(([, { shape }]) => shape[0] !== total);
  if (uneven !== undefined || total === 0) {
    const found = Object.entries(arrays).map(([name, { shape }]) => `${name} [${shape.join(", ")}]`);
    throw new DrmadError(
      "malformed-file",
      `${source} holds no arrays of equally many rows: ${found.join(", ") || "none"}.`,
      {
        hint: "Keep one row an example in every array; take single arrays out by parseNpz.",
      },
    );
  }
  const counts: Readonly<Record<string, number>> = test === undefined ? { train, valid } : { train, valid, test };
  const rows = drawRows(source, total, counts, substream(seed, "rows"));
  const part = (drawn: Int32Array): S =>
    Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, takeRows(array, drawn)])) as S;
  return {
    train: part(rows["train"]!),
    valid: part(rows["valid"]!),
    ...(rows["test"] === undefined ? {} : { test: part(rows["test"]) }),
  };
}

function takeRows({ data, shape }: NdArray, rows: Int32Array): NdArray {
  const width = data.length / shape[0]!;
  const to = new (data.constructor as new (length: number) => NdArray["data"])(rows.length * width);
  rows.forEach((row, i) => to.set(data.subarray(row * width, (row + 1) * width), i * width));
  return { data: to, shape: [rows.length, ...shape.slice(1)] };
}
