import type { Metrics, StartInfo, StepRecord } from "../study/events.ts";
import { fidelityHeading } from "./fidelity-report.ts";
import { counted, listed, metricText, number } from "./format.ts";

/** One outer step a row; only the columns that a window has room for. */
export interface StepTable {
  readonly header: string;
  row(record: StepRecord, best: boolean, kept?: boolean): string;
}

interface Column {
  readonly title: string;
  /** Lower goes first where there is no room for all. */
  readonly rank: number;
  readonly width: number;
  cell(record: StepRecord): string;
}

const SPLITS = ["train", "valid", "test"] as const;
/** The last column: a mark at every step that is better than all before, or at the best of all. */
const MARKS = { running: "  better", over: "  best" } as const;
/** One more, where the arrays of some steps are not kept. */
const KEPT = "  arrays";

const optional = (value: number | undefined): string => (value === undefined ? "-" : number(value));

function columnsOf(first: StepRecord): Column[] {
  const metric = (split: (typeof SPLITS)[number], name: string, rank: number): Column => ({
    title: `${split} ${name}`,
    rank,
    width: Math.max(9, split.length + 1 + name.length),
    cell: (record) => metricText(name, record[split]?.[name] ?? NaN),
  });
  const names = Object.keys(first.valid);
  const shown = SPLITS.filter((split) => first[split] !== undefined);
  // Loss and metrics side by side, split by split; a narrow window keeps validation, and the losses.
  const ranks = { valid: 0, train: 10, test: 20 };
  const metrics = shown.flatMap((split) => names.map((name, i) => metric(split, name, 1 + ranks[split] + i)));
  return [
    { title: "step", rank: 0, width: 4, cell: ({ step }) => String(step) },
    ...metrics,
    ...(first.prior === undefined
      ? []
      : [{ title: "prior", rank: 27, width: 9, cell: ({ prior }: StepRecord) => optional(prior) }]),
    { title: "|gradient|", rank: 40, width: 10, cell: ({ gradientNorm }) => optional(gradientNorm) },
    {
      title: "growth",
      rank: 30,
      width: 9,
      cell: ({ growth, chaotic }) => optional(growth) + (chaotic === true ? "!" : ""),
    },
    { title: "seconds", rank: 25, width: 7, cell: ({ seconds }) => seconds.toFixed(2) },
  ];
}

export interface StepTableOptions {
  /** While steps come, each that is better than all before is marked; afterwards, the best of all. Default `running`. */
  readonly when?: keyof typeof MARKS;
  /** Whether to tell which steps have arrays. */
  readonly arrays?: boolean;
}

export function stepTable(
  first: StepRecord,
  room: number,
  { when = "running", arrays = false }: StepTableOptions = {},
): StepTable {
  const all = columnsOf(first);
  const last = MARKS[when];
  let left = room - last.length - (arrays ? KEPT.length : 0);
  const fitting = new Set<Column>();
  for (const column of [...all].sort((a, b) => a.rank - b.rank)) {
    left -= column.width + (fitting.size === 0 ? 0 : 2);
    if (left < 0) break;
    fitting.add(column);
  }
  const columns = all.filter((column) => fitting.has(column));
  const line = (cell: (column: Column) => string): string =>
    columns.map((column) => cell(column).padStart(column.width)).join("  ");
  return {
    header: line(({ title }) => title) + last + (arrays ? KEPT : ""),
    row: (record, best, kept = false) =>
      (
        line(({ cell }) => cell(record)) +
        (best ? "*" : "").padStart(last.length) +
        (arrays && kept ? "kept" : "").padStart(arrays ? KEPT.length : 0)
      ).trimEnd(),
  };
}

const seedsText = ({ seed, seeds }: StartInfo): string =>
  seeds === undefined ? `seed ${seed}` : `means over seeds ${listed(seeds.map(String))}`;

/** What is about to run, in two lines, and a third where fidelity is measured. */
export function heading(info: StartInfo): readonly string[] {
  const rows = info.rows["train"] ?? 0;
  return [
    `${info.experiment}: ${counted(info.hyperparameters, "hyperparameter")}, ${counted(info.weights, "weight")}, ` +
      `${counted(info.innerSteps, "training step")} on ${counted(rows, "row")}, ${seedsText(info)}`,
    `${info.method} with ${info.optimizer}, ${counted(info.outerSteps, "outer step")}; ` +
      `${info.engine}, ${info.precision}, ${counted(info.threads, "thread")}`,
    ...(info.fidelityPlan === undefined ? [] : [fidelityHeading(info.fidelityPlan)]),
  ];
}

/** Metrics of one evaluation: `loss 0.0912, error 1.76 %`. */
export const metricsText = (metrics: Metrics): string =>
  Object.entries(metrics)
    .map(([name, value]) => `${name} ${metricText(name, value)}`)
    .join(", ");
