import type { NdArray } from "./dataset.ts";

/** Most different whole numbers that are counted as classes. */
const MOST_CLASSES = 1000;

/** What an array holds. */
export interface ArraySummary {
  readonly shape: readonly number[];
  readonly dtype: "float32" | "float64" | "uint8" | "int32";
  /** Of the numbers that are finite; undefined where there is none. */
  readonly min?: number;
  readonly max?: number;
  /** NaN and infinite ones. */
  readonly notFinite: number;
  /** How often each class stands in a vector of whole numbers from 0, in order; undefined of anything else. */
  readonly classes?: readonly (readonly [name: number, rows: number])[];
}

const DTYPES = { Float32Array: "float32", Float64Array: "float64", Uint8Array: "uint8", Int32Array: "int32" } as const;

export function summarise({ data, shape }: NdArray): ArraySummary {
  let [min, max, notFinite] = [Infinity, -Infinity, 0];
  for (const value of data) {
    if (!Number.isFinite(value)) notFinite++;
    else {
      if (value < min) min = value;
      if (value > max) max = value;
    }
  }
  const classes = shape.length === 1 && !(data instanceof Float32Array) && min >= 0 ? countClasses(data) : undefined;
  return {
    shape,
    dtype: DTYPES[data.constructor.name as keyof typeof DTYPES],
    ...(min <= max ? { min, max } : {}),
    notFinite,
    ...(classes === undefined ? {} : { classes }),
  };
}

function countClasses(data: NdArray["data"]): ArraySummary["classes"] {
  const counts = new Map<number, number>();
  for (const value of data) {
    if (!Number.isInteger(value)) return undefined;
    counts.set(value, (counts.get(value) ?? 0) + 1);
    if (counts.size > MOST_CLASSES) return undefined;
  }
  return [...counts].sort(([a], [b]) => a - b);
}
