import { mean, standardError } from "../study/statistics.ts";
import { short } from "./format.ts";
import { worded } from "./reproduce-words.ts";
import { cut, fill } from "./terminal.ts";
import type { Recorded, Reproduction, Row, Table } from "./reproduction.ts";

export interface Listed {
  readonly id: string;
  readonly what: string;
  readonly about: string;
  readonly source: string;
  /** Of a full run. */
  readonly minutes: number;
  readonly data: readonly string[];
  readonly recorded: Recorded | undefined;
}

const halves = ({ id }: Listed): readonly [paper: string, name: string] => {
  const at = id.indexOf("/") + 1;
  return [id.slice(0, at), id.slice(at)];
};

/** One line each, below the paper that all of theirs have in their ids. */
export function listing(entries: readonly Listed[], columns: number): readonly string[] {
  const wide = (of: (entry: Listed) => string): number => Math.max(...entries.map((entry) => of(entry).length));
  const needs = ({ data }: Listed): string => data.join(", ") || "–";
  const [names, sets] = [wide((entry) => halves(entry)[1]), wide(needs)];
  const line = (entry: Listed): string =>
    cut(
      `  ${halves(entry)[1].padEnd(names)}  ${String(entry.minutes).padStart(2)} min  ${needs(entry).padEnd(sets)}  ${entry.what}`,
      columns,
    );
  const papers = [...new Set(entries.map((entry) => halves(entry)[0]))];
  return [
    ...papers.flatMap((paper) => [paper, ...entries.filter((entry) => halves(entry)[0] === paper).map(line)]),
    "",
    ...fill(FOOT, columns).split("\n"),
  ];
}

const FOOT =
  "Minutes are of a full run on two cores. An id is both words, such as 2015-maclaurin/chaos: drmad reproduce ID runs it, " +
  "with --small in a short form, and with --about tells more of it and what was found.";

/** All that is known of one without running it. */
export function aboutOne({ id, about, source, minutes, data, recorded }: Listed, columns: number): readonly string[] {
  const needed = data.length === 0 ? "no data but what drmad brings" : `the data of ${data.join(" and ")}`;
  return [
    id,
    ...indented(
      `${about}. ${source}. A full run takes about ${minutes} minutes on two cores and needs ${needed}.`,
      columns,
    ),
    ...(recorded === undefined
      ? ["  Not run yet."]
      : ["  Found by a full run:", ...recorded.conclusions.flatMap((text) => indented(worded(text), columns))]),
  ];
}

const indented = (text: string, columns: number): string[] =>
  fill(text, columns - 2)
    .split("\n")
    .map((line) => `  ${line}`);

/** At most four figures, with the minus of the text beside it. */
const digits = (value: number): string => short(value).replaceAll("-", "−");

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
