/** One row of an example's table: a figure for each seed. */
export interface Row {
  readonly name: string;
  /** Absent where it trains on the validation rows. */
  readonly valid?: readonly number[];
  /** The test loss and the metrics of the test rows. */
  readonly test: Readonly<Record<string, readonly number[]>>;
}

export interface Recorded {
  readonly example: string;
  readonly seeds: readonly number[];
  readonly rows: readonly Row[];
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const standardError = (values: readonly number[]): number => {
  const m = mean(values);
  return Math.sqrt(values.reduce((s, v) => s + (v - m) ** 2, 0) / (values.length - 1) / values.length);
};
const show = (values: readonly number[] | undefined, digits: number): string =>
  values === undefined ? "–" : `${mean(values).toFixed(digits)} ± ${standardError(values).toFixed(digits)}`;

/** Before a table of a page; the table ends with the first line that is none of its own. */
export const markerOf = (example: string): string => `<!-- figures: ${example} -->`;

/** An example's table in Markdown, as prettier sets it. */
export function table({ rows, seeds }: Recorded): string {
  const metrics = Object.keys(rows[0]!.test).filter((name) => name !== "loss");
  const validated = rows.some(({ valid }) => valid !== undefined);
  const cells = [
    [
      `${seeds.length} seeds`,
      ...(validated ? ["validation loss"] : []),
      "test loss",
      ...metrics.map((name) => `test ${name} (%)`),
    ],
    ...rows.map(({ name, valid, test }) => [
      name,
      ...(validated ? [show(valid, 3)] : []),
      show(test["loss"], 3),
      ...metrics.map((metric) =>
        show(
          test[metric]!.map((v) => 100 * v),
          1,
        ),
      ),
    ]),
  ];
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const line = (row: readonly string[]): string => `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`;
  return [line(cells[0]!), line(widths.map((width) => "-".repeat(width))), ...cells.slice(1).map(line)].join("\n");
}

/** The page with the example's table in place of the one after its marker; undefined where it has no such marker. */
export function withTable(page: string, recorded: Recorded): string | undefined {
  const marker = `${markerOf(recorded.example)}\n\n`;
  const at = page.indexOf(marker);
  if (at < 0) return undefined;
  const from = at + marker.length;
  const old = /^(?:\|.*\n)*/.exec(page.slice(from))![0];
  return page.slice(0, from) + `${table(recorded)}\n` + page.slice(from + old.length);
}
