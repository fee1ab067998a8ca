import type { Recorded, Table } from "../../src/cli/reproduction.ts";
import { mean, paired, plusMinus, show } from "../statistics.ts";
import { type Judgement, rowOf, tableOf, valuesOf, type Verdict } from "./claim.ts";

export interface Difference {
  readonly difference: number;
  /** Infinity where there is one seed only. */
  readonly error: number;
}

/** Of two rows over the same seeds: a − b, seed by seed. */
export const compared = (a: readonly number[], b: readonly number[]): Difference => paired(a, b);

/** Whether something is so, by figures with a spread. */
export type Decision = "yes" | "no" | "open";

/** Whether a figure is below a bound: open where the interval of two standard errors spans it. */
export function isBelow({ difference, error }: Difference, bound = 0): Decision {
  if (difference + 2 * error < bound) return "yes";
  return difference - 2 * error >= bound ? "no" : "open";
}

export const isAbove = ({ difference, error }: Difference, bound = 0): Decision =>
  isBelow({ difference: -difference, error }, -bound);

/** Whether all are so. */
export function every(decisions: readonly Decision[]): Decision {
  if (decisions.includes("no")) return "no";
  return decisions.includes("open") ? "open" : "yes";
}

/** Whether at least one is so. */
export function some(decisions: readonly Decision[]): Decision {
  if (decisions.includes("yes")) return "yes";
  return decisions.includes("open") ? "open" : "no";
}

/** The best that is clear: the whole claim, or its part; else whether it is clear that not even the part holds. */
export function verdictOf({ whole, part }: { readonly whole: Decision; readonly part: Decision }): Verdict {
  if (whole === "yes") return "holds";
  if (part === "yes") return "holds partly";
  return part === "no" ? "does not hold" : "not decided";
}

/** Digits that a table's figures are told to. */
const digitsOf = ({ unit }: Table): number => (unit.startsWith("%") ? 2 : 3);

const signed = (value: number, digits: number): string => show(value, digits).replace("-", "−");

export function told(difference: Difference, digits: number): string {
  const order = isBelow(difference) === "yes" ? "lower" : isAbove(difference) === "yes" ? "higher" : "no clear difference"; // prettier-ignore
  return Number.isFinite(difference.error)
    ? `${signed(difference.difference, digits)} ± ${show(difference.error, digits)} (${order})`
    : `${signed(difference.difference, digits)} (one seed: ${order})`;
}

/** Where lower figures are better. */
export interface Improvement {
  readonly table: string;
  readonly way: string;
  readonly start: string;
  /** Controls that know what the others have to find. */
  readonly oracles?: readonly string[];
}

export const IMPROVES =
  "It holds where the figure is lower than that of the start and of every control by more than two paired standard errors, and partly where it is lower than that of the start by so much. It does not hold where it is clear that it is not lower than that of the start.";

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
    const lower = controls.map(({ values }) => isBelow(compared(ours, values)));
    const part = isBelow(fromStart);
    return {
      verdict: verdictOf({ whole: every([part, ...lower]), part }),
      figures:
        `${rowOf(recorded, title, way).name}: ${plusMinus(ours, digits)}. Minus ${start}: ${told(fromStart, digits)}. ` +
        `Minus the best control, ${best.name}: ${told(compared(ours, best.values), digits)}; it is lower than ${lower.filter((each) => each === "yes").length} of ${controls.length} controls.`,
    };
  };
}

/** @param what the best that there is to gain, as a clause */
export const keepsRule = (what: string): string =>
  `It holds where, with two standard errors to spare, nine tenths of what ${what} gains are kept, and partly where half of it is. It does not hold where less than half is kept, with as much to spare, or nothing is gained.`;
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
    const gained = isBelow(compared(to, from));
    // What is lost beyond the allowed share of the exact gain, seed by seed.
    const kept = (share: number): Decision =>
      isBelow(compared(ours.map((value, i) => value - to[i]!), from.map((value, i) => (1 - share) * (value - to[i]!)))); // prettier-ignore
    const lost = compared(ours, to);
    return {
      verdict: verdictOf({ whole: every([gained, kept(0.9)]), part: every([gained, kept(0.5)]) }),
      figures:
        `${way}: ${plusMinus(ours, digits)}; ${best}: ${plusMinus(to, digits)}, from ${plusMinus(from, digits)}. Difference ${told(lost, digits)}` +
        (gain > 0
          ? `: ${show((100 * (gain - lost.difference)) / gain, 0)} % of the gain.`.replace("-", "−")
          : `: ${best} gains nothing that could be kept.`),
    };
  };
}

const ORDER: readonly Verdict[] = ["does not hold", "not decided", "holds partly", "holds"];

/** Of something that two rules ask for: the lesser verdict, and both figures. */
export const lesser =
  (...judges: readonly ((recorded: Recorded) => Judgement)[]) =>
  (recorded: Recorded): Judgement => {
    const each = judges.map((judge) => judge(recorded));
    return {
      verdict: ORDER.find((verdict) => each.some((one) => one.verdict === verdict))!,
      figures: each.map(({ figures }) => figures).join(" "),
    };
  };
