export interface Statistics {
  readonly min: number;
  readonly median: number;
  readonly mean: number;
  readonly max: number;
}

/** Of at least one value. A value that is not a number makes all of them so. */
export function statistics(values: ArrayLike<number>): Statistics {
  const sorted = Float64Array.from(values).sort();
  const n = sorted.length;
  if (Number.isNaN(sorted[n - 1])) return { min: NaN, median: NaN, mean: NaN, max: NaN };
  const half = n >> 1;
  return {
    min: sorted[0]!,
    median: n % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2,
    mean: sorted.reduce((sum, value) => sum + value, 0) / n,
    max: sorted[n - 1]!,
  };
}
