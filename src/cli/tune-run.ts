import { relative } from "node:path";
import { DrmadError } from "../errors.ts";
import { withoutPassword } from "../store/postgres.ts";
import type { DefinedExperiment } from "../study/define.ts";
import type { StudyTimes } from "../store/times.ts";
import type { StopReason, TuneEvent, TuneResult } from "../study/events.ts";
import type { TuneOptions } from "../study/settings.ts";
import { shellWord } from "./format.ts";
import { interrupt } from "./interrupt.ts";
import { writeJson } from "./json.ts";
import { given } from "./options.ts";
import { outerOf } from "./outer-options.ts";
import { prepare, type Prepared } from "./prepare.ts";
import { describeResult, runFiles } from "./run-files.ts";
import { destination, stemOf, writeRun, type Destination } from "./run-folder.ts";
import { timesText } from "./study-text.ts";
import { fill, terminalOf } from "./terminal.ts";
import type { TuneFlags } from "./tune-command.ts";
import { tuneSummary } from "./tune-summary.ts";
import { liveView, plainView, silentView, type View } from "./tune-view.ts";
import { VERSION } from "./version.ts";

/** How an experiment is tuned: alone, kept as a study, or as one that goes on. */
export type Tuning = (
  experiment: DefinedExperiment,
  options: TuneOptions,
  /** Prints a line that stays, wherever the view has its lines; nothing where it is silent. */
  say: (line: string) => void,
) => Promise<TuneResult>;

/** Loads an experiment, tunes it in view of the user, and writes what came of it. */
export async function runTuning(name: string, flags: TuneFlags, tuning: Tuning): Promise<number> {
  const to = destination(flags.out);
  const view = viewOf(name, flags);
  const stop = interrupt(() => view.note("stopping; what was reached is written (Ctrl-C again quits at once)"));
  let done: Done;
  let kept: Kept | Error;
  try {
    done = await tuned(name, flags, view, stop.signal, tuning);
    kept = await keep(to, name, flags, done);
  } catch (error) {
    throw interrupted(error, flags);
  } finally {
    view.close();
    stop.dispose();
  }
  tell(flags, done, kept);
  if (kept instanceof Error) throw kept;
  if (done.result.stop === "cancelled") return stop.code();
  return FAILED.includes(done.result.stop) ? 1 : 0;
}

const FAILED: readonly StopReason[] = [
  "non-finite",
  "not-stationary",
  "not-converged",
  "invalid-experiment",
  "chaotic",
];

interface Done extends Prepared {
  readonly result: TuneResult;
  /** Of a kept study. */
  readonly times?: StudyTimes;
}

async function tuned(name: string, flags: TuneFlags, view: View, signal: AbortSignal, tuning: Tuning): Promise<Done> {
  const begin = performance.now();
  let before: Extract<TuneEvent, { readonly type: "resumed" }> | undefined;
  const prepared = await prepare(name, flags);
  const { experiment, threads } = prepared;
  if (signal.aborted) throw new DrmadError("cancelled", "stopped while the experiment was loaded");
  const result = await tuning(
    experiment,
    {
      ...optionsFor(flags, experiment),
      threads,
      signal,
      onEvent(event) {
        // The result comes last, once its files are there.
        if (event.type !== "result") view.event(event);
        if (event.type === "resumed") before = event;
        if (event.type === "start" && flags.engine !== "reference" && event.engine.startsWith("reference")) {
          const message =
            "ONNX Runtime cannot be loaded, so the slow reference interpreter runs; drmad doctor says why";
          view.event({ type: "warning", message });
        }
      },
    },
    view.line,
  );
  // Of several starts, each has times of its own.
  if (flags.study === undefined || before?.name !== flags.study) return { ...prepared, result };
  const run = (performance.now() - begin) / 1000;
  const sinceBegun = (Date.now() - Date.parse(before.begun)) / 1000;
  return { ...prepared, result, times: { run, study: result.seconds, sinceBegun } };
}

/** What the library is to do, of what the command line says. */
function optionsFor(flags: TuneFlags, experiment: DefinedExperiment): TuneOptions {
  const { seed = 0, seeds } = flags;
  const optimizer = outerOf(flags, experiment.options.outer?.optimizer);
  return {
    ...given(flags, "innerSteps", "engine", "trustEngine", "precision", "method", "outerSteps", "patience", "seconds"),
    ...given(flags, "testCurve", "fidelity", "onChaos"),
    ...(seeds === undefined ? { seed } : { seeds: Array.from({ length: seeds }, (_, i) => seed + i) }),
    ...(optimizer === undefined ? {} : { optimizer }),
  };
}

/** Where the files of a study lie, and what went wrong with some of them. */
interface Kept {
  readonly folder: string;
  readonly files: readonly string[];
  readonly warnings: readonly string[];
}

/** @returns an error where nothing could be written: the figures should be seen before it is thrown */
async function keep(to: Destination, name: string, flags: TuneFlags, done: Done): Promise<Kept | Error> {
  const warnings: string[] = [];
  const { result, problem } = done;
  const record = { version: VERSION, options: optionsOf(name, flags, done), result, problem };
  const files = await runFiles(record, (message) => warnings.push(message));
  try {
    const folder = writeRun(to, stemOf(result.experiment), files);
    const moved = "folder" in to && folder !== to.folder;
    if (moved) warnings.push(`${to.folder} was filled by another meanwhile; the results are beside it`);
    return { folder, files: files.map(([file]) => file), warnings };
  } catch (error) {
    if (error instanceof DrmadError) return error;
    throw error;
  }
}

function tell({ json, study, store }: TuneFlags, { result, problem, times }: Done, kept: Kept | Error): void {
  const { folder, files, warnings } = kept instanceof Error ? { folder: null, files: [], warnings: [] } : kept;
  if (json === true) {
    for (const message of warnings) writeJson({ type: "warning", message });
    writeJson({
      type: "result",
      ...(study !== undefined && { study }),
      folder,
      files,
      ...describeResult(result),
      ...(times && { times }),
    });
    return;
  }
  for (const message of warnings) process.stderr.write(`warning: ${message}\n`);
  const columns = terminalOf(process.stdout).columns();
  const lines = [...tuneSummary(result, problem.hypers.tensors, columns)];
  if (times !== undefined) lines.push("", fill(`Time: ${timesText(times, "this run")}.`, columns));
  if (folder !== null) {
    const near = relative(process.cwd(), folder) || ".";
    const shown = near.startsWith("..") ? folder : near;
    lines.push("", fill(`Written to ${shown}: ${files.join(", ")}`, columns));
  }
  if (study !== undefined && (result.stop === "cancelled" || isOver(result)))
    lines.push(`Go on: ${resumeLine(study, store)}`);
  process.stdout.write(`${lines.join("\n")}\n`);
}

/** Its seconds were over: it has neither all its steps nor a plateau. */
const isOver = ({ stop, steps, outerSteps }: TuneResult): boolean => stop === "budget" && steps.length <= outerSteps;

const resumeLine = (study: string, store: string | undefined): string =>
  ["drmad", "resume", study, ...(store === undefined ? [] : ["--store", withoutPassword(store)])]
    .map(shellWord)
    .join(" ");

function viewOf(name: string, { json, quiet, seconds }: TuneFlags): View {
  if (json === true) return { ...silentView, event: writeJson };
  if (quiet === true) return silentView;
  const terminal = terminalOf(process.stderr);
  return terminal.live ? liveView(terminal, name, seconds) : plainView(terminal);
}

/** Before its first step is complete there is nothing to keep. */
const interrupted = (error: unknown, { study, store }: TuneFlags): unknown =>
  error instanceof DrmadError && error.code === "cancelled"
    ? new DrmadError("cancelled", "interrupted before the untuned start was trained; nothing was written", {
        ...(study !== undefined && { hint: `Go on: ${resumeLine(study, store)}` }),
      })
    : error;

/** The options in force, by the names of the command line. */
function optionsOf(experiment: string, flags: TuneFlags, { threads }: Prepared): Readonly<Record<string, unknown>> {
  const { json: _json, quiet: _quiet, trace: _trace, dashboard: _dashboard, method, store, ...rest } = flags;
  const place = store === undefined ? {} : { store: withoutPassword(store) };
  return { experiment, ...rest, ...place, ...(method === undefined ? {} : { method: method.name }), threads };
}
