import { mean, standardError } from "../study/statistics.ts";
import { fill } from "./terminal.ts";
import type { Recorded, Reproduction, Row, Table } from "./reproduction.ts";

export interface Listed {
  readonly id: string;
  readonly about: string;
  readonly recorded: Recorded | undefined;
}

export function listing(entries: readonly Listed[], columns: number): readonly string[] {
  return entries.flatMap(({ id, about, recorded }) => [
    id,
    ...indented(about, columns),
    ...(recorded === undefined ? ["  not run"] : recorded.conclusions.flatMap((line) => indented(line, columns))),
  ]);
}

const indented = (text: string, columns: number): string[] =>
  fill(text, columns - 2)
    .split("\n")
    .map((line) => `  ${line}`);

const digits = (value: number): string =>
  Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3)
    ? value.toExponential(2)
    : String(Number(value.toPrecision(4)));

/** Mean and standard error over seeds, and the range. */
export function ours({ values }: Row): string {
  if (values.length === 0) return "not run";
  if (values.length === 1) return digits(mean(values));
  const range = `${digits(Math.min(...values))} to ${digits(Math.max(...values))}`;
  return `${digits(mean(values))} ± ${digits(standardError(values))} (${range})`;
}

/** Cells of a table, the heading first. */
export function cells({ unit, repeats = "seeds", rows }: Table): readonly (readonly string[])[] {
  const most = Math.max(...rows.map(({ values }) => values.length));
  const heading = most > 1 ? `ours, ${unit}: mean ± s.e. of ${most} ${repeats} (range)` : `ours, ${unit}`;
  const compare = rows.some(({ paper }) => paper !== undefined);
  const body = rows.map((row) => [
    row.control === true ? `(${row.name})` : row.name,
    ours(row),
    compare ? (row.paper ?? "–") : "",
  ]);
  return [["", heading, compare ? "paper" : "paper: no comparable figure"], ...body];
}

/** More of them than that are told by their mean and range only. */
const MOST_SEEDS = 10;

/** Cells with the value of every seed, the heading first; none where there is one seed, or more than ten. */
export function seedCells({ repeats = "seeds", rows }: Table, { config }: Recorded): readonly (readonly string[])[] {
  const most = Math.max(...rows.map(({ values }) => values.length));
  if (repeats !== "seeds" || most < 2 || most > MOST_SEEDS) return [];
  const seeds =
    "seeds" in config && Array.isArray(config.seeds) && config.seeds.length === most ? config.seeds : undefined;
  const heading = Array.from({ length: most }, (_, i) => (seeds === undefined ? `${i + 1}.` : `${seeds[i]}`));
  const body = rows.map(({ name, control, values }) => [
    control === true ? `(${name})` : name,
    ...heading.map((_, i) => (i < values.length ? digits(Number(values[i])) : "")),
  ]);
  return [["by seed", ...heading], ...body];
}

function columnsOf(all: readonly (readonly string[])[]): readonly string[] {
  const widths = all[0]?.map((_, i) => Math.max(...all.map((row) => [...row[i]!].length))) ?? [];
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join("  ")
      .trimEnd();
  return all.map(line);
}

function tableLines(table: Table, recorded: Recorded): readonly string[] {
  const bySeed = columnsOf(seedCells(table, recorded));
  return [table.title, ...columnsOf(cells(table)), ...(bySeed.length === 0 ? [] : ["", ...bySeed])];
}

/** What was found, for a terminal. Controls stand in brackets. */
export function report(reproduction: Reproduction, recorded: Recorded, columns: number): readonly string[] {
  const wrapped = (text: string): string[] => fill(text, columns).split("\n");
  const failed = recorded.expectations.filter(({ holds }) => !holds);
  return [
    ...wrapped(`The paper: ${reproduction.claim}`),
    ...(recorded.small ? wrapped("A small run: its figures are not to be compared with the paper's.") : []),
    ...recorded.tables.flatMap((table) => ["", ...tableLines(table, recorded)]),
    "",
    ...recorded.conclusions.flatMap(wrapped),
    ...(failed.length === 0
      ? []
      : ["", ...failed.flatMap(({ what, found }) => wrapped(`NOT AS EXPECTED: ${what} (${found})`))]),
  ];
}
