import { DrmadError } from "../errors.ts";
import type { NdArray } from "./dataset.ts";
import { permutation, type Uniform } from "./random.ts";

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
