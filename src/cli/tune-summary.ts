import type { HyperTensor } from "../problem/hyper.ts";
import type { Metrics, TuneResult } from "../study/events.ts";
import { chosenText } from "./chosen.ts";
import { fidelitySummary } from "./fidelity-report.ts";
import { counted, count, listed, metricText, number, seconds, table } from "./format.ts";
import { statistics } from "./statistics.ts";
import { fill } from "./terminal.ts";

/** Most tensors that the summary lists. */
const MOST_TENSORS = 8;
/** Metrics whose better direction is known: down. */
const DOWNWARD = ["loss", "error"];

/** A result without the tuned values. */
export type Figures = Omit<TuneResult, "values">;

/** What came of a study without its values: its figures before and after, and what to think of them. */
export const outcomeLines = (result: Figures, columns: number): readonly string[] => [
  ...metricTable(result),
  "",
  ...verdicts(result).map((sentence) => fill(sentence, columns)),
];

/** What came of a study, in lines for people: figures first, then what to make of them. */
export function tuneSummary(result: TuneResult, hypers: readonly HyperTensor[], columns: number): readonly string[] {
  const { experiment, hyperparameters, steps } = result;
  const done = counted(steps.length - 1, "outer step");
  const first =
    `${experiment}: ${counted(hyperparameters, "hyperparameter")} after ${done} ` +
    `of ${result.method} with ${result.optimizer}, ${seconds(result.seconds)} in all`;
  return [
    fill(first, columns),
    "",
    ...metricTable(result),
    "",
    ...(result.best === 0 ? [] : [...valueTable(result, hypers), ""]),
    ...verdicts(result).map((sentence) => fill(sentence, columns)),
  ];
}

/** Two columns, or one where the untuned start is the result. */
function metricTable({ steps, best, test }: Figures): readonly string[] {
  const start = steps[0]!;
  const tuned = steps[best]!;
  const rows = (split: string, ...columns: Metrics[]): string[][] =>
    Object.keys(columns[0]!).map((name) => [
      `${split} ${name}`,
      ...columns.slice(0, best === 0 ? 1 : 2).map((metrics) => metricText(name, metrics[name]!)),
    ]);
  return table([
    best === 0 ? ["", "untuned"] : ["", "untuned", `step ${best}`],
    ...rows("training", start.train, tuned.train),
    ...rows("validation", start.valid, tuned.valid),
    ...(test === undefined ? [] : rows("test", test.start, test.tuned)),
  ]);
}

function valueTable({ values }: TuneResult, hypers: readonly HyperTensor[]): readonly string[] {
  const rows = hypers.slice(0, MOST_TENSORS).map(({ name, shape, start, transform }) => {
    const { min, median, max } = statistics(values[name]!.data);
    const before = start.every((u) => u === start[0]) ? number(transform.value(start[0]!)) : "varies";
    return [name, `[${shape.join(", ")}]`, before, ...[min, median, max].map(number)];
  });
  const more = hypers.length - rows.length;
  return [
    ...table([["hyperparameter", "shape", "start", "min", "median", "max"], ...rows]),
    ...(more > 0 ? [`and ${count(more)} more`] : []),
  ];
}

/** What to make of the figures, a sentence each. */
export function verdicts(result: Figures): readonly string[] {
  const { steps, best, stop, stopDetail, outerSteps } = result;
  const reasons = {
    budget: stopDetail ?? (outerSteps === 1 ? "the one outer step is done" : `all ${outerSteps} outer steps are done`),
    plateau: stopDetail ?? "the validation loss got no better",
    "non-finite": `outer step ${steps.length} failed: ${stopDetail ?? "a run diverged"}; a smaller --outer-rate may help`,
    "not-stationary": `outer step ${steps.length} has no gradient: ${stopDetail ?? "training ended at no minimum"}`,
    "not-converged": `outer step ${steps.length} has no gradient: ${stopDetail ?? "a solver stopped short"}`,
    "invalid-experiment": `outer step ${steps.length} failed: ${stopDetail ?? "a metric is not finite"}`,
    chaotic: stopDetail ?? "a hypergradient was chaotic",
    cancelled: `it was interrupted in outer step ${steps.length}`,
  };
  const lines = [`Stopped because ${reasons[stop]}.`];
  if (best > 0) lines.push(`The result is step ${best}, which has the lowest validation loss.`);
  else if (steps.length > 1)
    lines.push("No step brought the validation loss below that of the untuned start, which is the result.");
  else lines.push("Only the untuned start was trained, so nothing is tuned.");
  return [
    ...lines,
    ...(result.chosen === undefined ? [] : [chosenText(result.chosen)]),
    ...seedsVerdict(result),
    ...testVerdict(result),
    ...clipVerdict(result),
    ...chaosVerdict(result),
    ...fidelityVerdict(result),
  ];
}

/** What the figures are means of, and how sure the one is that chose. */
function seedsVerdict({ seeds, steps, best }: Figures): readonly string[] {
  if (seeds === undefined) return [];
  const { valid, validStandardError } = steps[best]!;
  return [
    `All figures are means over ${seeds.length} seeds; the standard error of the validation loss ${number(valid.loss)} is ` +
      `${number(validStandardError!)}.`,
  ];
}

function clipVerdict({ steps }: Figures): readonly string[] {
  const told = steps.filter(({ clipped }) => clipped !== undefined);
  if (told.length === 0) return [];
  const clipped = told.filter((record) => record.clipped === true);
  return [`${count(clipped.length)} of ${counted(told.length, "hypergradient")} were clipped.`];
}

/** How many of the hypergradients that were used meant nothing. */
function chaosVerdict({ steps, stop }: Figures): readonly string[] {
  const computed = steps.filter(({ chaotic }) => chaotic !== undefined);
  const chaotic = computed.filter((record) => record.chaotic === true);
  // Where chaos stops a run, that is said already, and nothing was moved by it.
  if (chaotic.length === 0 || stop === "chaotic") return [];
  return [
    `${count(chaotic.length)} of ${counted(computed.length, "hypergradient")} were chaotic, the first at step ${chaotic[0]!.step}: ` +
      "what moved by them moved at random.",
  ];
}

const fidelityVerdict = ({ fidelity }: Figures): readonly string[] =>
  fidelity === undefined ? [] : fidelitySummary(fidelity);

/** The truth about the test split, which chose nothing. */
function testVerdict(result: Figures): readonly string[] {
  const { test, best, rows, stop } = result;
  if (test === undefined && rows["test"] !== undefined && stop === "cancelled")
    return ["The test rows were not evaluated: they are at the end."];
  if (test === undefined && rows["test"] !== undefined)
    return ["The test metrics are not finite and are left out: nothing is known of rows that chose nothing."];
  if (test === undefined)
    return ["The experiment has no test split: the validation figures were chosen by, and flatter."];
  if (best === 0) return [];
  const worse = DOWNWARD.filter((name) => name in test.start && !(test.tuned[name]! <= test.start[name]!));
  if (worse.length === 0) return ["The test rows chose nothing; they only measure."];
  return [...overfitVerdict(result, worse), ...oddVerdict(result, worse)];
}

const changesOf = ({ test }: Figures, names: readonly string[]): string =>
  listed(
    names.map(
      (name) => `test ${name} (${metricText(name, test!.start[name]!)} to ${metricText(name, test!.tuned[name]!)})`,
    ),
  );

const alsoOnValidation =
  ({ steps, best }: Figures) =>
  (name: string): boolean =>
    steps[best]!.valid[name]! > steps[0]!.valid[name]!;

/** Worse on test rows than at the start, and no worse on the rows that chose. */
function overfitVerdict(result: Figures, worse: readonly string[]): readonly string[] {
  const also = alsoOnValidation(result);
  const names = worse.filter((name) => !also(name));
  if (names.length === 0) return [];
  const rows = counted(result.rows["valid"] ?? 0, "validation row");
  return [
    `Tuning made ${changesOf(result, names)} worse, although the validation rows show no such thing: it overfits the ${rows}.`,
  ];
}

/** Worse on all rows: it is not what the loss asks for. */
function oddVerdict(result: Figures, worse: readonly string[]): readonly string[] {
  const names = worse.filter(alsoOnValidation(result));
  if (names.length === 0) return [];
  return [
    `Tuning made ${changesOf(result, names)} worse, on the validation rows as well: what is tuned is the validation loss, which got better.`,
  ];
}
