import type { NdArray } from "../data/dataset.ts";
import type { Problem } from "../problem/problem.ts";
import { sizeOf } from "../tensor/shape.ts";
import type { TunedTensor } from "./events.ts";
import type { Examples } from "./state.ts";

/** Most bytes of pixels that are kept with a study. */
const MOST_BYTES = 2 ** 24;
const WHITE = 255;

/** Whether a tensor has one value for each training row. */
export const isPerExample = ({ shape, perStep }: Pick<TunedTensor, "shape" | "perStep">, rows: number): boolean =>
  !perStep && shape[0] === rows && (shape.length === 1 || (shape.length === 2 && shape[1] === 1));

/**
 * The training rows of the first seed as pictures, `x` with the labels `y`: where a hyperparameter has a value for each row, the
 * data says how a row folds into an image, and they take at most 16 MB. They are for looking at: nothing of the study depends
 * on them.
 */
export function keptExamples({ data, hypers }: Problem): Examples | undefined {
  const { x, y } = data.train;
  if (data.image === undefined || x === undefined) return undefined;
  const [rows = 0, ...row] = x.shape;
  const size = data.image.height * data.image.width;
  if (!hypers.tensors.some((tensor) => isPerExample(tensor, rows))) return undefined;
  if (sizeOf(row) !== size || rows * size > MOST_BYTES) return undefined;
  const labelled = y !== undefined && y.data instanceof Int32Array && y.data.length === rows;
  return { pixels: { data: grey(x.data), shape: [rows, size] }, ...(labelled && { labels: { ...y, shape: [rows] } }) };
}

function grey(values: NdArray["data"]): Uint8Array {
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) {
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  const range = most - least || 1;
  return Uint8Array.from(values, (value) => Math.round((WHITE * (value - least)) / range));
}
