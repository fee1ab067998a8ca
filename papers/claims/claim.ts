import type { Recorded, Row, Table } from "../../src/cli/reproduction.ts";

export type Verdict = "holds" | "holds partly" | "does not hold" | "not decided";

export interface Judgement {
  readonly verdict: Verdict;
  /** What it was decided by, and with what spread. */
  readonly figures: string;
}

/** A page with figures of a benchmark, beside the page of claims. */
export type Page = "methods.md" | "performance.md";

function cellOf(page: string, row: string, cell: number): string {
  const line = page.split("\n").find((each) => each.startsWith("|") && each.includes(row));
  return line?.split("|")[cell + 1]?.replaceAll("−", "-") ?? "";
}

/** The first number in a cell of a page's table, in the row that has this in it. */
export function onPage(page: string, row: string, cell = 1): number {
  const found = /-?\d+(\.\d+)?(e[+-]\d+)?/.exec(cellOf(page, row, cell));
  if (found === null) throw new Error(`no number in cell ${cell} of a row of the page with ${JSON.stringify(row)}`);
  return Number(found[0]);
}

/** Least and most, in the brackets behind that number. */
export function rangeOnPage(page: string, row: string, cell = 1): readonly [least: number, most: number] {
  const found = /\((-?[\d.]+)–(-?[\d.]+)\)/.exec(cellOf(page, row, cell));
  if (found === null) throw new Error(`no range in cell ${cell} of a row of the page with ${JSON.stringify(row)}`);
  return [Number(found[1]), Number(found[2])];
}

/** Something that a paper says, and how figures decide whether it is so. */
export interface Claim {
  /** As a heading. */
  readonly says: string;
  /** Where in the paper, or who else says so. */
  readonly where: string;
  readonly evidence:
    | {
        readonly kind: "run";
        /** A reproduction; without its results.json the claim is not run. */
        readonly id: string;
        /** What makes the verdict, in a sentence. */
        readonly rule: string;
        readonly judge: (recorded: Recorded) => Judgement;
        /** Beginnings of the titles of tables to show: all that begin so. */
        readonly tables: readonly string[];
        /** Shown; the others are linked. */
        readonly picture?: string;
        /** How the paper did otherwise, or the recorded run, where the reproduction's own conclusions do not say. */
        readonly unlike?: string;
        /** What a page has to say besides, whether it was run or not. */
        readonly besides?: { readonly page: Page; readonly tell: (page: string) => string };
      }
    | {
        readonly kind: "page";
        readonly page: Page;
        readonly command: string;
        readonly rule: string;
        readonly judge: (page: string) => Judgement;
        readonly unlike?: string;
      }
    | { readonly kind: "none"; readonly why: string };
}

export interface Paper {
  readonly title: string;
  readonly claims: readonly Claim[];
}

/** @throws Error where no table begins so */
export function tablesOf({ id, tables }: Recorded, title: string): readonly Table[] {
  const found = tables.filter((table) => table.title.startsWith(title));
  if (found.length === 0) throw new Error(`${id} has 0 tables that begin with ${JSON.stringify(title)}`);
  return found;
}

/** @throws Error where no table, or more than one, begins so */
export function tableOf(recorded: Recorded, title: string): Table {
  const found = tablesOf(recorded, title);
  if (found.length > 1)
    throw new Error(`${recorded.id} has ${found.length} tables that begin with ${JSON.stringify(title)}`);
  return found[0]!;
}

/** @throws Error where no row, or more than one, begins so */
export function rowOf(recorded: Recorded, title: string, name: string): Row {
  const { rows } = tableOf(recorded, title);
  const same = rows.filter((row) => row.name === name);
  const found = same.length > 0 ? same : rows.filter((row) => row.name.startsWith(name));
  if (found.length !== 1)
    throw new Error(`${recorded.id}, ${title}: ${found.length} rows that begin with ${JSON.stringify(name)}`);
  return found[0]!;
}

/** Figures of a row. JSON has no numbers that are not finite: those are text there. */
export const valuesOf = (recorded: Recorded, title: string, name: string): readonly number[] =>
  rowOf(recorded, title, name).values.map(Number);
