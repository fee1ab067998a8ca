import type { Recorded, Table } from "../../src/cli/reproduction.ts";
import { type Difference, lowest, mean, paired, plusMinus, show } from "../statistics.ts";
import { order } from "../verdict.ts";
import { type Judgement, rowOf, tableOf, valuesOf, type Verdict } from "./claim.ts";

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
  const so = order(difference, ["lower", "higher"]);
  return Number.isFinite(difference.error)
    ? `${signed(difference.difference, digits)} ± ${show(difference.error, digits)} (${so})`
    : `${signed(difference.difference, digits)} (one seed: ${so})`;
}

/** Where lower figures are better. */
export interface Improvement {
  readonly table: string;
  readonly way: string;
  readonly start: string;
  /** Controls that know what the others have to find. */
  readonly oracles?: readonly string[];
  /** What has to be beaten: controls unless told, or every other row. */
  readonly rivals?: "all";
}

const improvesRule = (rivals: string): string =>
  `It holds where the figure is lower than that of the start and of every ${rivals} by more than two paired standard errors, and partly where it is lower than that of the start by so much. It does not hold where it is clear that it is not lower than that of the start.`;
export const IMPROVES = improvesRule("control");
export const IMPROVES_ON_ALL = improvesRule("other row of the table");

interface Values {
  readonly name: string;
  readonly values: readonly number[];
}

const valuesIn = ({ values }: Values): readonly number[] => values;

/** Controls of a table, or all rows, without those named. */
function rivalsOf(
  recorded: Recorded,
  title: string,
  without: readonly string[],
  kind: "controls" | "all" = "controls",
): readonly Values[] {
  const left = new Set(without.map((name) => rowOf(recorded, title, name).name));
  return tableOf(recorded, title)
    .rows.filter(({ name, control }) => (kind === "all" || control === true) && !left.has(name))
    .map(({ name, values }) => ({ name, values: values.map(Number) }));
}

export function improves({ table: title, way, start, oracles = [], rivals: kind }: Improvement) {
  return (recorded: Recorded): Judgement => {
    const table = tableOf(recorded, title);
    const digits = digitsOf(table);
    const ours = valuesOf(recorded, title, way);
    const fromStart = compared(ours, valuesOf(recorded, title, start));
    const rivals = rivalsOf(recorded, title, [way, start, ...oracles], kind);
    const best = lowest(rivals, valuesIn);
    const lower = rivals.map(({ values }) => isBelow(compared(ours, values)));
    const part = isBelow(fromStart);
    return {
      verdict: verdictOf({ whole: every([part, ...lower]), part }),
      figures:
        `${rowOf(recorded, title, way).name}: ${plusMinus(ours, digits)} ${table.unit}. Minus ${start}: ${told(fromStart, digits)}. ` +
        `Minus the best ${kind === "all" ? "of the others" : "control"}, ${best.name}: ${told(compared(ours, best.values), digits)}; it is lower than ${lower.filter((each) => each === "yes").length} of ${rivals.length} ${kind === "all" ? "others" : "controls"}.`,
    };
  };
}

/** @param what the best that there is to gain, as a clause */
export const keepsRule = (what: string): string =>
  `It holds where nine tenths of what ${what} gains are kept, and partly where half of it is, but neither where a control keeps as much: all with two standard errors to spare, seed by seed. It does not hold where, with as much to spare, less than half is kept, a control keeps more, or nothing is gained.`;
export const KEEPS = keepsRule("the exact hypergradient");

/** Whether a way keeps what another, the exact hypergradient mostly, gains, and controls do not; lower figures are better. */
export function keeps({
  table: title,
  way,
  start,
  best,
  oracles = [],
}: Omit<Improvement, "rivals"> & { readonly best: string }) {
  return (recorded: Recorded): Judgement => {
    const table = tableOf(recorded, title);
    const digits = digitsOf(table);
    const row = (name: string): readonly number[] => valuesOf(recorded, title, name);
    const [ours, from, to] = [row(way), row(start), row(best)];
    const gain = mean(from) - mean(to);
    const share = (values: readonly number[]): string => signed((100 * (mean(from) - mean(values))) / gain, 0);
    // What is lost beyond the allowed share of the exact gain, seed by seed.
    const kept = (least: number): Decision =>
      isBelow(compared(ours.map((value, i) => value - to[i]!), from.map((value, i) => (1 - least) * (value - to[i]!)))); // prettier-ignore
    const controls = rivalsOf(recorded, title, [way, start, best, ...oracles]);
    const alone = controls.map(({ values }) => isBelow(compared(ours, values)));
    const needed = [isBelow(compared(to, from)), ...alone];
    const lost = `${way}: ${plusMinus(ours, digits)}; ${best}: ${plusMinus(to, digits)}, from ${plusMinus(from, digits)} ${table.unit}. Difference ${told(compared(ours, to), digits)}`;
    if (gain <= 0) return { verdict: verdictOf({ whole: every(needed), part: every(needed) }), figures: `${lost}: ${best} gains nothing that could be kept.` }; // prettier-ignore
    const rival = controls.length === 0 ? undefined : lowest(controls, valuesIn);
    return {
      verdict: verdictOf({ whole: every([...needed, kept(0.9)]), part: every([...needed, kept(0.5)]) }),
      figures:
        `${lost}: ${share(ours)} % of the gain.` +
        (rival === undefined
          ? ""
          : ` Of the controls, ${rival.name} keeps most, ${share(rival.values)} %; ${way} minus that: ${told(compared(ours, rival.values), digits)}; it keeps more than ${alone.filter((each) => each === "yes").length} of ${controls.length} controls.`),
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
