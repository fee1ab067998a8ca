import type { Compared, Comparison } from "../study/compare.ts";
import { EQUAL, distanceOf, figuresOf, findingsOf, isMeasured, type Figures } from "./compare-figures.ts";
import type { Memory } from "./compare-memory.ts";
import { chosenText } from "./chosen.ts";
import { counted, listed, number, table } from "./format.ts";
import { statistics } from "./statistics.ts";
import { fill } from "./terminal.ts";

interface Column {
  readonly title: string;
  /** The highest goes first where a window has no room for all. */
  readonly rank: number;
  cell(figures: Figures): string;
}

const DASH = "-";
const signed = (value: number): string => `${value < 0 ? "-" : ""}${Math.abs(value).toFixed(1)}`;
const cosine = (value: number | undefined): string => (value === undefined ? DASH : value.toFixed(6));
const ratio = (value: number): string => (value < 100 ? value.toFixed(2) : number(value));

const COLUMNS: readonly Column[] = [
  { title: "seconds", rank: 4, cell: ({ seconds }) => number(seconds.median) },
  { title: "CPU s", rank: 8, cell: ({ cpuSeconds }) => (cpuSeconds === undefined ? DASH : number(cpuSeconds.median)) },
  { title: "× plain", rank: 0, cell: ({ ratio: { median } }) => ratio(median) },
  { title: "extra MB", rank: 2, cell: ({ extraMemory: m }) => (m === undefined ? "not measured" : signed(m.median)) },
  { title: "cosine", rank: 0, cell: ({ row }) => cosine(row.total.cosine) },
  { title: "length", rank: 3, cell: ({ row }) => (row.total.lengthRatio === undefined ? DASH : number(row.total.lengthRatio)) }, // prettier-ignore
  { title: "signs", rank: 5, cell: ({ row: { total } }) => (total.signAgreement === undefined ? DASH : `${(100 * total.signAgreement).toFixed(1)} %`) }, // prettier-ignore
  { title: "growth", rank: 6, cell: ({ row }) => number(row.growth) },
];
/** Where there is a direct part, the part through training is what tells of a method. */
const THROUGH: Column = { title: "through", rank: 1, cell: ({ row }) => cosine(row.through.cosine) };
const TRUST: Column = { title: "trust", rank: 7, cell: ({ row }) => (row.kind === "control" ? DASH : row.trust) };

const hasDirectPart = (rows: readonly Figures[]): boolean => rows.some(({ row }) => row.direct.length > 0);

const shownName = ({ kind, name }: Compared): string => (kind === "control" ? `control: ${name}` : name);

/** The rows of the table, as many columns as there is room for; what refused is named below it. */
export function comparisonTable(
  { rows, plain }: Comparison,
  memory: Memory | undefined,
  room: number,
): readonly string[] {
  const figures = rows.filter(isMeasured).map((row) => figuresOf(row, plain, memory));
  const all = [...COLUMNS, ...(hasDirectPart(figures) ? [THROUGH] : []), TRUST];
  let columns = all.filter(({ title }) => title !== "extra MB" || memory !== undefined);
  const lines = (): string[] =>
    table([
      ["", ...columns.map(({ title }) => title)],
      ...figures.map((figure) => [shownName(figure.row), ...columns.map(({ cell }) => cell(figure))]),
    ]);
  while (columns.length > 2 && Math.max(...lines().map((line) => line.length)) > room) {
    const last = columns.reduce((worst, column) => (column.rank > worst.rank ? column : worst));
    columns = columns.filter((column) => column !== last);
  }
  return lines();
}

const times = ({ ratio: { median } }: Figures): string => `${ratio(median)} times plain training`;
const far = (figures: Figures): string =>
  distanceOf(figures) <= EQUAL ? "equal to it but for rounding" : `1 − cosine ${distanceOf(figures).toExponential(1)}`;
const names = (rows: readonly Figures[]): string => listed(rows.map(({ row }) => row.name));

/** Why there is no approximation to look at first. */
function withoutNearest(rows: readonly Compared[], exact: Figures, quicker: readonly Figures[]): string {
  const use = `${exact.row.name}, which is exact at ${times(exact)}`;
  const approximate = rows.filter(({ kind }) => kind === "approximate");
  if (approximate.length === 0) return `No approximation was compared; the quickest exact method is ${use}.`;
  if (!approximate.some(isMeasured)) return `No approximation here gave a hypergradient: use ${use}.`;
  if (quicker.length > 0) return `What is cheaper here has no direction (${names(quicker)}): use ${use}.`;
  return `No approximation here is cheaper than ${use}: use that.`;
}

/** What was compared with what, and what it shows, in sentences. */
export function comparisonWords(
  comparison: Comparison,
  memory: Memory | undefined,
  memoryRounds: number,
): readonly string[] {
  const { rows, plain, rounds, threads, hyperparameters, innerSteps, seed, precision, engine } = comparison;
  const figures = rows.filter(isMeasured).map((row) => figuresOf(row, plain, memory));
  const { exact, quicker, nearest, control, noBetter } = findingsOf(figures);
  const middle = statistics(plain.seconds).median;
  const undirected = figures.filter((row) => !Number.isFinite(distanceOf(row)));
  const refused = rows.filter((row) => !isMeasured(row));
  const threadText = threads === 1 ? "single-threaded" : `on ${counted(threads, "thread")}`;
  return [
    ...refused.map((row) =>
      `${row.name}: ${row.outcome}: ${"message" in row ? row.message : ""}.`.replace(/\.\.$/, "."),
    ),
    ...rows.flatMap((row) => (isMeasured(row) && row.chosen !== undefined ? [chosenText(row.chosen)] : [])),
    `Compared with the exact hypergradient by ${rows[0]!.name}: ${counted(hyperparameters, "hyperparameter")}, ` +
      `${counted(innerSteps, "training step")}, seed ${seed}. This is the starting point only: along a run approximations ` +
      "decay, and accuracy here certifies nothing later.",
    `Seconds are medians of ${counted(rounds, "round")} in which all took turns, after one that compiles; "× plain" is the median ` +
      `of the ratios to plain training in the same round (${number(middle)} s), ${threadText}, ${engine} in ${precision}.`,
    memory === undefined
      ? "Memory was not measured" + (memoryRounds > 0 ? ": this system does not tell a process's peak." : ".")
      : `Extra MB is the peak memory of a fresh process running the method less that of one that trains and takes the outer ` +
        `loss's gradient, the median of ${counted(memoryRounds, "round")}; directOnly does the same as plain training, so its figure is noise.`,
    nearest === undefined
      ? withoutNearest(rows, exact, quicker)
      : `Of what is cheaper than ${exact.row.name} (exact, ${times(exact)}), ${nearest.row.name} is nearest: ` +
        `${far(nearest)} at ${times(nearest)}${nearest.ratio.max < exact.ratio.min ? "" : ", though their times overlap"}.`,
    ...(control === undefined || noBetter.length === 0
      ? []
      : [`No nearer than the control ${control.row.name}, and so not worth their cost here: ${names(noBetter)}.`]),
    ...(undirected.length === 0
      ? []
      : [`0 everywhere, so without a direction, and not in the chart: ${names(undirected)}.`]),
  ];
}

export const comparisonReport = (
  comparison: Comparison,
  memory: Memory | undefined,
  memoryRounds: number,
  room: number,
): readonly string[] => [
  ...comparisonTable(comparison, memory, room),
  "",
  ...comparisonWords(comparison, memory, memoryRounds).map((words) => fill(words, room)),
];
