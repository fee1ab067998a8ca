/** Statistics of figures that seeds have one of each. */
export const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;

/** Of the mean; Infinity for a single value, of which it is not known. */
export function standardError(values: readonly number[]): number {
  const m = mean(values);
  const n = values.length;
  return n < 2 ? Infinity : Math.sqrt(values.reduce((sum, v) => sum + (v - m) ** 2, 0) / (n - 1) / n);
}

/** Of a pair of rows over the same seeds: mean difference a − b, and its standard error. */
export function paired(
  a: readonly number[],
  b: readonly number[],
): { readonly difference: number; readonly error: number } {
  const differences = a.map((v, i) => v - b[i]!);
  return { difference: mean(differences), error: standardError(differences) };
}

export const show = (value: number, digits = 2): string => value.toFixed(digits);
export const plusMinus = (values: readonly number[], digits = 2): string =>
  values.length < 2
    ? show(mean(values), digits)
    : `${show(mean(values), digits)} ± ${show(standardError(values), digits)}`;
