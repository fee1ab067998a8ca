import type { NdArray } from "../data/dataset.ts";

export interface TensorSummary {
  readonly dtype: string;
  readonly shape: string;
  readonly least: number | null;
  readonly most: number | null;
  readonly mean: number | null;
  readonly histogram: string | null;
}

const BINS = 20;
const DTYPES = { Float32Array: "F32", Float64Array: "F64", Uint8Array: "U8", Int32Array: "I32" } as const;

/** By loops: calls for each of a million numbers take most of the time of a commit. */
function finiteOf(data: NdArray["data"]): Float64Array {
  const finite = new Float64Array(data.length);
  let n = 0;
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    if (Number.isFinite(value)) finite[n++] = value;
  }
  return finite.subarray(0, n);
}

/** What a list or a picture needs of a tensor without its file, from its finite numbers. */
export function summaryOf({ data, shape }: NdArray): TensorSummary {
  const described = {
    dtype: DTYPES[data.constructor.name as keyof typeof DTYPES],
    shape: JSON.stringify(shape),
  };
  const finite = finiteOf(data);
  if (finite.length === 0) return { ...described, least: null, most: null, mean: null, histogram: null };
  let [least, most, mean] = [Infinity, -Infinity, 0];
  for (let i = 0; i < finite.length; i++) {
    const value = finite[i]!;
    least = Math.min(least, value);
    most = Math.max(most, value);
    // A running mean does not overflow.
    mean += value / (i + 1) - mean / (i + 1);
  }
  const counts = Array.from({ length: BINS }, () => 0);
  const width = most / BINS - least / BINS;
  for (const value of finite) {
    const bin = width > 0 ? Math.floor((value - least) / width) : 0;
    counts[Math.min(BINS - 1, Math.max(0, bin))]!++;
  }
  return { ...described, least, most, mean, histogram: JSON.stringify(counts) };
}
