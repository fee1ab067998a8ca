/** Statistics of figures that seeds have one of each. */
export const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;

/** Of the mean; Infinity for a single value, of which it is not known. */
export function standardError(values: readonly number[]): number {
  const m = mean(values);
  const n = values.length;
  return n < 2 ? Infinity : Math.sqrt(values.reduce((sum, v) => sum + (v - m) ** 2, 0) / (n - 1) / n);
}

/** A mean difference with its standard error. */
export interface Difference {
  readonly difference: number;
  /** Infinity where there is one seed only. */
  readonly error: number;
}

/** Of a pair of rows over the same seeds: mean difference a − b, and its standard error. */
export function paired(a: readonly number[], b: readonly number[]): Difference {
  const differences = a.map((v, i) => v - b[i]!);
  return { difference: mean(differences), error: standardError(differences) };
}

export const show = (value: number, digits = 2): string => value.toFixed(digits);
/** The mean with its standard error, where there is one. */
export const plusMinus = (values: readonly number[], digits = 2): string =>
  values.length < 2
    ? show(mean(values), digits)
    : `${show(mean(values), digits)} ± ${show(standardError(values), digits)}`;

/** The one whose figures are lowest in the mean; of several, the first. */
export const lowest = <T>(all: readonly T[], figures: (one: T) => readonly number[]): T =>
  all.reduce((a, b) => (mean(figures(a)) <= mean(figures(b)) ? a : b));

export const product = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, v, i) => sum + v * b[i]!, 0);

/** Of the angle between two lists of the same length. */
export const cosine = (a: readonly number[], b: readonly number[]): number =>
  product(a, b) / Math.sqrt(product(a, a) * product(b, b));

/** Pearson's, of two lists of the same length. */
export function correlation(a: readonly number[], b: readonly number[]): number {
  const [ma, mb] = [mean(a), mean(b)];
  const sum = (of: (i: number) => number): number => a.reduce((total, _, i) => total + of(i), 0);
  const together = sum((i) => (a[i]! - ma) * (b[i]! - mb));
  return together / Math.sqrt(sum((i) => (a[i]! - ma) ** 2) * sum((i) => (b[i]! - mb) ** 2));
}
