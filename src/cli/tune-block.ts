import type { StartInfo, StepRecord, TuneEvent } from "../study/events.ts";
import { clock, count } from "./format.ts";
import { progressBar } from "./progress.ts";
import { paint, widthOf, type Terminal } from "./terminal.ts";
import { metricsText } from "./tune-table.ts";

/** What runs at a moment, and what came before. */
export interface Progress {
  readonly name: string;
  /** Undefined while the experiment is loaded. */
  readonly info: StartInfo | undefined;
  readonly now: Extract<TuneEvent, { type: "progress" }> | undefined;
  readonly steps: readonly StepRecord[];
  readonly best: number;
  /** What a study that goes on had before this run. */
  readonly before?: Extract<TuneEvent, { type: "resumed" }>;
  /** Seconds since the start of this run, and since the outer step that runs began. */
  readonly elapsed: number;
  readonly sinceStep: number;
  /** Seconds after which no outer step begins. */
  readonly limit: number | undefined;
}

const PHASES = {
  compile: "compiling",
  train: "training",
  backward: "differentiating",
  evaluate: "evaluating",
} as const;

/** The block below the table: what runs, the best so far, the time. */
export function blockLines(terminal: Terminal, progress: Progress): readonly string[] {
  const { name, info, steps } = progress;
  if (info === undefined) return [`loading ${name}`];
  const room = terminal.columns() - 1;
  // Past the last step come the test figures and the files.
  const over = steps.length > info.outerSteps;
  return [
    over ? paint(terminal, "bold", "evaluating and writing") : phaseLine(terminal, info, progress, room),
    bestLine(progress, room),
    timeLine(info, progress, room),
  ];
}

function phaseLine(terminal: Terminal, { outerSteps }: StartInfo, { now, steps }: Progress, room: number): string {
  const phase = now?.phase ?? "train";
  const known = now !== undefined && phase !== "compile";
  const counts = known ? `${count(now.done)}/${count(now.total)}` : "";
  const text = `outer step ${steps.length} of ${outerSteps}  ${PHASES[phase].padEnd(15)}`;
  // Room for the counts of any phase, so that the bar keeps its length.
  const width = Math.min(30, room - text.length - 19);
  const head = text.replace(/^outer step \d+ of \d+/, (words) => paint(terminal, "bold", words));
  if (width < 5) return `${head.trimEnd()} ${counts}`;
  const bar = progressBar(known && now.total > 0 ? now.done / now.total : 0, width, terminal.unicode);
  return `${head}  ${paint(terminal, "cyan", bar)}  ${counts}`;
}

/** The longest of its forms that there is room for. */
function bestLine({ steps, best }: Progress, room: number): string {
  const start = steps[0];
  if (start === undefined) return "best so far: after the first training";
  const { valid } = steps[best]!;
  const forms = [
    ...(best === 0
      ? []
      : [`best so far: step ${best}, validation ${metricsText(valid)} (untuned ${metricsText(start.valid)})`]),
    `best so far: step ${best}, validation ${metricsText(valid)}`,
    `best: step ${best}, ${metricsText(valid)}`,
    `best: step ${best}, ${metricsText({ loss: valid.loss })}`,
  ];
  return forms.find((form) => widthOf(form) <= room) ?? forms.at(-1)!;
}

/** Says whose time it tells, where a study has more than one; the longest of its forms that there is room for. */
function timeLine(info: StartInfo, progress: Progress, room: number): string {
  const { elapsed, before } = progress;
  const left = leftText(info, progress);
  if (before === undefined) return `${clock(elapsed)} elapsed, ${left}`;
  const run = `${clock(elapsed)} this run, ${clock(before.seconds + elapsed)} the study in all`;
  const since = clock((Date.now() - Date.parse(before.begun)) / 1000);
  const forms = [`${run}, ${since} since it was begun, ${left}`, `${run}, ${left}`];
  return forms.find((form) => widthOf(form) <= room) ?? `${clock(elapsed)} this run, ${left}`;
}

function leftText({ outerSteps }: StartInfo, { steps, elapsed, sinceStep, limit }: Progress): string {
  // The first step compiles as well; it counts only while there is no other.
  const measured = steps.length > 1 ? steps.slice(1) : steps;
  if (measured.length === 0) return "time left not known yet";
  const each = measured.reduce((sum, { seconds }) => sum + seconds, 0) / measured.length;
  const toGo = Math.max(0, each * (outerSteps + 1 - steps.length) - sinceStep);
  const left = limit === undefined ? toGo : Math.min(toGo, Math.max(0, limit - elapsed) + each);
  return `about ${clock(left)} left`;
}
