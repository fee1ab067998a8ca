import type { Recorded, Row, Table } from "../../src/cli/reproduction.ts";
import { mean, paired, plusMinus, show } from "../statistics.ts";

export type Verdict = "holds" | "holds partly" | "does not hold" | "not decided";

export interface Judgement {
  readonly verdict: Verdict;
  /** What it was decided by, and with what spread. */
  readonly figures: string;
}

/** A page with figures of a benchmark, beside the page of claims. */
export type Page = "methods.md" | "performance.md";

/** The first number in a cell of a page's table, in the row that has this in it. */
export function onPage(page: string, row: string, cell = 1): number {
  const line = page.split("\n").find((each) => each.startsWith("|") && each.includes(row));
  const found = /-?\d+(\.\d+)?(e[+-]\d+)?/.exec(line?.split("|")[cell + 1]?.replaceAll("−", "-") ?? "");
  if (found === null) throw new Error(`no number in cell ${cell} of a row of the page with ${JSON.stringify(row)}`);
  return Number(found[0]);
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
        /** How the paper did otherwise, where the reproduction's own conclusions do not say. */
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

export interface Difference {
  readonly difference: number;
  readonly error: number;
  readonly order: "lower" | "higher" | "no clear difference";
}

/** Of two rows over the same seeds: a − b, and whether that is more than two paired standard errors from 0. */
export function compared(a: readonly number[], b: readonly number[]): Difference {
  const { difference, error } = paired(a, b);
  const clear = Math.abs(difference) > 2 * error;
  return { difference, error, order: clear ? (difference < 0 ? "lower" : "higher") : "no clear difference" };
}

/** Digits that a table's figures are told to. */
const digitsOf = ({ unit }: Table): number => (unit.startsWith("%") ? 2 : 3);

const signed = (value: number, digits: number): string => show(value, digits).replace("-", "−");
export const told = ({ difference, error, order }: Difference, digits: number): string =>
  Number.isFinite(error)
    ? `${signed(difference, digits)} ± ${show(error, digits)} (${order})`
    : `${signed(difference, digits)} (one seed: ${order})`;

/** Where lower figures are better. */
export interface Improvement {
  readonly table: string;
  readonly way: string;
  readonly start: string;
  /** Controls that know what the others have to find. */
  readonly oracles?: readonly string[];
}

export const IMPROVES =
  "It holds where the figure is lower than that of the start and of every control by more than two paired standard errors, and partly where it is lower than that of the start, but not of every control.";

export function improves({ table: title, way, start, oracles = [] }: Improvement) {
  return (recorded: Recorded): Judgement => {
    const table = tableOf(recorded, title);
    const digits = digitsOf(table);
    const ours = valuesOf(recorded, title, way);
    const fromStart = compared(ours, valuesOf(recorded, title, start));
    const controls = table.rows
      .filter(({ name, control }) => control === true && name !== start && !oracles.includes(name))
      .map(({ name, values }) => ({ name, values: values.map(Number) }));
    const best = controls.reduce((a, b) => (mean(a.values) <= mean(b.values) ? a : b));
    const all = controls.map(({ values }) => compared(ours, values));
    const lower = fromStart.order === "lower";
    return {
      verdict:
        lower && all.every(({ order }) => order === "lower") ? "holds" : lower ? "holds partly" : "does not hold",
      figures:
        `${rowOf(recorded, title, way).name}: ${plusMinus(ours, digits)}. Minus ${start}: ${told(fromStart, digits)}. ` +
        `Minus the best control, ${best.name}: ${told(compared(ours, best.values), digits)}; it is lower than ${all.filter(({ order }) => order === "lower").length} of ${all.length} controls.`,
    };
  };
}

/** @param what the best that there is to gain, as a clause */
export const keepsRule = (what: string): string =>
  `It holds where, with two standard errors to spare, nine tenths of what ${what} gains are kept, and partly where half of it is.`;
export const KEEPS = keepsRule("the exact hypergradient");

/** Whether a way keeps what another, the exact hypergradient mostly, gains; lower figures are better. */
export function keeps({ table: title, way, start, best }: Omit<Improvement, "oracles"> & { readonly best: string }) {
  return (recorded: Recorded): Judgement => {
    const digits = digitsOf(tableOf(recorded, title));
    const [ours, from, to] = [way, start, best].map((name) => valuesOf(recorded, title, name)) as [
      readonly number[],
      readonly number[],
      readonly number[],
    ];
    const gain = mean(from) - mean(to);
    const lost = compared(ours, to);
    const keptFor = (share: number): boolean => {
      // What is lost beyond the allowed share of the exact gain, seed by seed.
      const beyond = paired(
        ours.map((value, i) => value - to[i]!),
        from.map((value, i) => (1 - share) * (value - to[i]!)),
      );
      return gain > 0 && beyond.difference + 2 * beyond.error <= 0;
    };
    return {
      verdict: keptFor(0.9) ? "holds" : keptFor(0.5) ? "holds partly" : "does not hold",
      figures:
        `${way}: ${plusMinus(ours, digits)}; ${best}: ${plusMinus(to, digits)}, from ${plusMinus(from, digits)}. Difference ${told(lost, digits)}` +
        (gain > 0
          ? `: ${show((100 * (gain - lost.difference)) / gain, 0)} % of the gain.`.replace("-", "−")
          : `: ${best} gains nothing that could be kept.`),
    };
  };
}
