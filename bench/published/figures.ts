/** What was measured, round by round. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly median: number;
  readonly least: number;
  readonly most: number;
  readonly values: readonly number[];
  /** The most it should be; left out where a figure is only stated. */
  readonly bound?: number;
  /** Why the bound says nothing here, where it does not. */
  readonly caveat?: string;
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

export const figure = (
  name: string,
  unit: string,
  values: readonly number[],
  extra: { readonly bound?: number; readonly caveat?: string } = {},
): Figure => ({
  name,
  unit,
  median: median(values),
  least: Math.min(...values),
  most: Math.max(...values),
  values,
  ...extra,
});

/** Ratios round by round, so that what slows a whole round cancels. */
export const ratios = (above: readonly number[], below: readonly number[]): number[] =>
  above.map((value, i) => value / below[i]!);

const show = (value: number): string => value.toFixed(Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 3);

function verdict({ median, bound, caveat }: Figure): string {
  if (bound === undefined) return caveat === undefined ? "" : `(${caveat})`;
  const word = median <= bound ? "ok" : "MISSED";
  return `≤ ${bound}  ${caveat === undefined ? word : `${word}, but ${caveat}`}`;
}

/** One line: name, median, least … most, bound. */
export function line(f: Figure): string {
  const middle = `${show(f.median)} ${f.unit}`.trimEnd();
  return `  ${f.name.padEnd(54)} ${middle.padStart(14)}   ${`${show(f.least)} … ${show(f.most)}`.padEnd(20)} ${verdict(f)}`.trimEnd();
}
