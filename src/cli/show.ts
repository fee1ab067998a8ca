import type { LoggedEvent, Store, StudySummary } from "../store/store.ts";
import { timesOf } from "../store/times.ts";
import type { StepRecord } from "../study/events.ts";
import type { StudyEvent } from "../study/state.ts";
import { counted, count, listed, shellWord } from "./format.ts";
import { writeJson } from "./json.ts";
import { startsOf } from "./starts.ts";
import { forkText, timesText, withSettings } from "./study-text.ts";
import { fill, terminalOf } from "./terminal.ts";
import { outcomeLines } from "./tune-summary.ts";
import { stepTable } from "./tune-table.ts";

type Start = Extract<StudyEvent, { readonly type: "start" }>;
type Kept = { readonly step: StepRecord; readonly arrays: boolean };

/** Most steps whose numbers are listed. */
const MOST_LISTED = 12;
const NAME = 13;

/** Everything of one study: what it is, what it was begun with, its outer steps, and what came of it. */
export async function showOne(store: Store, name: string, json: boolean): Promise<number> {
  const summary = await store.get(name);
  const events = await store.events(name);
  if (json) {
    writeJson({ type: "study", ...summary, times: timesOf(summary, events) ?? null });
    for (const each of events) writeJson({ type: "event", ...each });
    writeJson({ type: "result", store: store.place, events: events.length });
    return 0;
  }
  const columns = terminalOf(process.stdout).columns();
  const facts = factsOf(summary, events);
  const lines = [
    `${summary.name}: ${summary.state}${summary.stopping ? ", asked to stop" : ""}`,
    ...facts.map(([title, text]) => fact(title, text, columns)),
    ...stepLines(summary, events, columns),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
  return 0;
}

/** What follows the first line stands below its text. */
const fact = (title: string, text: string, columns: number): string =>
  title.padEnd(NAME) + fill(text, Math.max(30, columns - NAME)).replaceAll("\n", `\n${" ".repeat(NAME)}`);

function factsOf(summary: StudySummary, events: readonly LoggedEvent[]): readonly (readonly [string, string])[] {
  const all = events.map(({ event }) => event);
  const start = all.find((event): event is Start => event.type === "start");
  const forks = all.flatMap((event) => (event.type === "fork" ? [forkText(event)] : []));
  const begun = summary.options["begun"] as { readonly args?: readonly string[] } | undefined;
  const times = timesOf(summary, events);
  const running = summary.state === "running";
  return [
    ["experiment", summary.experiment],
    // A fork has the words of the study that it was made of, and more: its origin says it better.
    ...(begun?.args === undefined || forks.length > 0
      ? []
      : [["begun by", `drmad tune ${begun.args.map(shellWord).join(" ")}`] as const]),
    ...forks.map((text) => ["fork", text] as const),
    ...(start === undefined ? [] : optionsOf(summary, start)),
    ...(summary.tags.length > 0 ? [["tags", summary.tags.join(", ")] as const] : []),
    ...(summary.notes === "" ? [] : [["notes", summary.notes] as const]),
    ["begun", summary.created.toISOString()],
    ["updated", summary.updated.toISOString()],
    ...(times === undefined ? [] : [["time", timesText(times, running ? "this run" : "the last run")] as const]),
    ...(summary.error === null ? [] : [["failed", summary.error.message] as const]),
  ];
}

/** What decides where it goes. */
function optionsOf(summary: StudySummary, start: Start): readonly (readonly [string, string])[] {
  const { method, optimizer, methodSettings, optimizerSettings, innerSteps, batch, rows, identity } = start;
  const train = rows["train"];
  const batches =
    batch === undefined
      ? ""
      : batch === train
        ? ", each on all training rows"
        : `, minibatches of ${count(batch)} rows`;
  const groups = Object.entries(start.groups).map(([name, n]) => `${name} ${count(n)}`);
  const starts = startsOf(summary.options);
  const more = [
    ...(identity === undefined ? [] : [`patience ${identity.patience}`]),
    ...(identity?.onChaos === "stop" ? ["stops at a chaotic hypergradient"] : []),
    ...(identity?.testCurve === true ? ["with a test curve"] : []),
  ];
  return [
    [
      "tunes",
      `${counted(start.hyperparameters, "hyperparameter")} (${groups.join(", ")}) of ${counted(start.weights, "weight")}`,
    ],
    ["method", withSettings(method, methodSettings)],
    ["optimizer", withSettings(optimizer, optimizerSettings)],
    ["outer steps", [count(start.outerSteps), ...more].join(", ")],
    ["training", `${counted(innerSteps, "step")}${batches}`],
    [
      "rows",
      Object.entries(rows)
        .map(([split, n]) => `${count(n)} ${split}`)
        .join(", "),
    ],
    start.seeds === undefined
      ? ["seed", String(start.seed)]
      : ["seeds", `means over ${listed(start.seeds.map(String))}`],
    ...(starts === undefined
      ? []
      : [
          [
            "starts",
            `one of ${starts.seeds.length} of ${starts.name}, with the seeds ${listed(starts.seeds.map(String))}`,
          ] as const,
        ]),
    ["engine", `${start.engine}, ${start.precision}, ${counted(start.threads, "thread")}`],
  ];
}

function stepLines({ best }: StudySummary, events: readonly LoggedEvent[], columns: number): readonly string[] {
  const steps = events.flatMap(({ event, arrays }): Kept[] => (event.type === "step" ? [{ step: event, arrays }] : []));
  if (steps.length === 0) return [];
  const some = steps.some(({ arrays }) => !arrays);
  const table = stepTable(steps[0]!.step, columns, { when: "over", arrays: some });
  const result = events.find(({ event }) => event.type === "result")?.event;
  return [
    "",
    table.header,
    ...steps.map(({ step, arrays }) => table.row(step, step.step === best?.step, arrays)),
    ...(some ? [fill(arraysText(steps), columns)] : []),
    ...events.flatMap(({ event }) => (event.type === "warning" ? [fill(`warning: ${event.message}`, columns)] : [])),
    ...(result?.type === "result" ? ["", ...outcomeLines(result, columns)] : []),
  ];
}

/** Of which steps values can be exported, shown or gone on from. */
function arraysText(steps: readonly Kept[]): string {
  const kept = steps.flatMap(({ step, arrays }) => (arrays ? [String(step.step)] : []));
  const which = kept.length === 0 || kept.length > MOST_LISTED ? "" : `: ${listed(kept)}`;
  return `arrays kept at ${kept.length} of ${counted(steps.length, "step")}${which}`;
}
