import { lineChart } from "../picture/line-chart.ts";
import { toPng } from "../picture/png.ts";
import type { Store, StudySummary } from "../store/store.ts";
import type { Metrics, StepRecord } from "../study/events.ts";
import { pngAssets } from "./assets.ts";
import { metricText, number, table } from "./format.ts";
import { writeJson } from "./json.ts";
import { destination, writeRun } from "./run-folder.ts";

interface Shown {
  readonly summary: StudySummary;
  /** What it was run with, as words. */
  readonly settings: Readonly<Record<string, string>>;
  readonly steps: readonly StepRecord[];
  readonly test?: { readonly start: Metrics; readonly tuned: Metrics };
}

const SETTINGS = [
  "experiment",
  "method",
  "optimizer",
  "seed",
  "seeds",
  "outerSteps",
  "innerSteps",
  "precision",
  "threads",
  "engine",
  "weights",
  "hyperparameters",
] as const;

async function read(store: Store, name: string): Promise<Shown> {
  const [summary, logged] = [await store.get(name), await store.events(name)];
  const events = logged.map(({ event }) => event);
  const start = events.find(({ type }) => type === "start");
  const result = events.find(({ type }) => type === "result");
  const settings =
    start?.type === "start"
      ? {
          ...Object.fromEntries(SETTINGS.map((key) => [key, wordOf(start[key])])),
          patience: wordOf(start.identity?.patience),
        }
      : {};
  const steps = events.flatMap((event) => (event.type === "step" ? [event] : []));
  const test = result?.type === "result" ? result.test : undefined;
  return { summary, settings, steps, ...(test !== undefined && { test }) };
}

const wordOf = (value: unknown): string =>
  value === undefined ? "-" : Array.isArray(value) ? value.join(",") : String(value);

/** Several studies in one table: the settings that differ, and what came of each; with a folder, their curves too. */
export async function showSeveral(
  store: Store,
  names: readonly string[],
  { json, out }: { readonly json?: true; readonly out?: string },
): Promise<number> {
  const to = out === undefined ? undefined : destination(out);
  const studies: Shown[] = [];
  for (const name of names) studies.push(await read(store, name));
  const keys = [...new Set(studies.flatMap(({ settings }) => Object.keys(settings)))];
  const differ = keys.filter((key) => new Set(studies.map(({ settings }) => settings[key] ?? "-")).size > 1);
  const files = to === undefined ? [] : ([["comparison.png", await toPng(picture(studies), pngAssets())]] as const);
  const folder = to === undefined ? null : writeRun(to, "comparison", files);
  if (json === true) {
    for (const { summary, settings, steps, test } of studies) {
      const best = summary.best === null ? null : steps[summary.best.step]!;
      const { name, state, startLoss } = summary;
      writeJson({ type: "study", name, state, settings, steps: steps.length, startLoss, best, test: test ?? null });
    }
    writeJson({ type: "result", store: store.place, studies: studies.length, differ, folder });
    return 0;
  }
  const lines = rowsOf(studies, differ);
  const same = keys.filter((key) => !differ.includes(key) && studies[0]!.settings[key] !== "-");
  if (same.length > 0)
    lines.push("", `The same: ${same.map((key) => `${key} ${studies[0]!.settings[key]}`).join(", ")}.`);
  if (differ.includes("experiment") || differ.includes("innerSteps") || differ.includes("seed"))
    lines.push("Losses of other experiments, seeds or training steps are not measured alike.");
  lines.push("The best step is chosen by its validation loss; the test rows only measure.");
  if (folder !== null) lines.push(`Written to ${folder}: comparison.png`);
  process.stdout.write(`${lines.join("\n")}\n`);
  return 0;
}

const cell = (metric: string, of: Metrics | undefined): string =>
  of?.[metric] === undefined ? "-" : metricText(metric, of[metric]);

function rowsOf(studies: readonly Shown[], differ: readonly string[]): string[] {
  const metrics = Object.keys(studies.find(({ steps }) => steps.length > 0)?.steps[0]!.valid ?? { loss: 0 });
  const titles = metrics.flatMap((metric) => [`valid ${metric}`, `test ${metric}`]);
  const rows = studies.map(({ summary, settings, steps, test }) => [
    summary.name,
    ...differ.map((key) => settings[key] ?? "-"),
    summary.state,
    steps.length === 0 ? "-" : String(steps.length - 1),
    summary.startLoss === null ? "-" : number(summary.startLoss),
    summary.best === null ? "-" : String(summary.best.step),
    ...metrics.flatMap((metric) => [
      cell(metric, summary.best === null ? undefined : steps[summary.best.step]?.valid),
      cell(metric, test?.tuned),
    ]),
  ]);
  return table([["study", ...differ, "state", "steps", "untuned", "best", ...titles], ...rows]);
}

/** Validation loss by outer step. */
function picture(studies: readonly Shown[]): string {
  const series = studies.map(({ summary, steps }) => ({
    name: summary.name,
    x: steps.map(({ step }) => step),
    y: steps.map(({ valid }) => valid.loss),
  }));
  const all = series.flatMap(({ y }) => y).filter((value) => Number.isFinite(value));
  return lineChart({
    title: "Validation loss after training, by outer step",
    subtitle: `${studies.length} studies; step 0 is where each of them began`,
    xLabel: "outer step",
    yLabel: "validation loss",
    series,
    logY: Math.min(...all) > 0 && Math.max(...all) > 30 * Math.min(...all),
  });
}
