import { DrmadError, requireOptions, type OptionNames } from "../errors.ts";
import type { Experiment } from "../problem/experiment.ts";
import type { StepRecord, StopReason, TuneEvent, TuneResult } from "../study/events.ts";
import { runStudy } from "../study/run.ts";
import { TUNE_OPTIONS, type TuneOptions } from "../study/settings.ts";
import type { StudyEvent } from "../study/state.ts";
import { lastStep, readFork, type ForkOf, type ForkSource } from "./fork.ts";
import type { NewStudy, Store, StudySummary } from "./store.ts";
import { forecastOf, requireKeep, type Keep } from "./retention.ts";
import type { KeptState } from "./tables.ts";

/** Which study, and how its user describes it. */
export interface StudyOptions {
  readonly store: Store;
  readonly name: string;
}

export interface NewStudyOptions extends StudyOptions {
  readonly tags?: readonly string[];
  readonly notes?: string;
  /** What the experiment is called in lists; its own name where left out. */
  readonly experiment?: string;
  /** The text of the experiment's file, kept beside. */
  readonly source?: string;
  /** Of which steps the arrays are kept, besides the first, the best and the last. Default `all`. */
  readonly keep?: Keep;
  /** More to keep of how it was begun. */
  readonly about?: Readonly<Record<string, unknown>>;
}

export interface ForkOptions extends NewStudyOptions {
  /** The study that it goes on from. */
  readonly of: string;
  /** A step whose values are kept; the last where left out. */
  readonly at?: number;
}

const RESUME_OPTIONS: OptionNames<TuneOptions & StudyOptions> = {
  ...TUNE_OPTIONS,
  store: "store",
  name: "text",
};
export const NEW_OPTIONS: OptionNames<TuneOptions & NewStudyOptions> = {
  ...RESUME_OPTIONS,
  tags: "list?",
  notes: "text?",
  experiment: "text?",
  source: "text?",
  keep: "text?",
  about: "record?",
};

const FORK_OPTIONS: OptionNames<TuneOptions & ForkOptions> = { ...NEW_OPTIONS, of: "text", at: "number?" };

/** How often a running study gives a sign of life, and looks whether it shall stop. */
const BEAT_MS = 2000;

/** Numbers and words among the options that decide the bits of the result, or how fast they come. Code cannot be kept. */
const KEPT = [
  "seed",
  "seeds",
  "innerSteps",
  "outerSteps",
  "patience",
  "testCurve",
  "fidelity",
  "onChaos",
  "precision",
  "threads",
  "engine",
  "trustEngine",
] as const satisfies readonly (keyof TuneOptions)[];

/**
 * Tunes as `tune` does, and keeps the study in a store: every outer step is told only when it and all that the next one
 * depends on are on disk. Whatever ends the process, `resume` goes on.
 *
 * Errors: those of `tune`; `study-exists`; `study-lost` where another process took the study over; `write-failed` where the
 * store cannot be written, with all kept steps safe; `unsupported` for an optimizer whose state is no plain data.
 */
export async function tune(experiment: Experiment, options: TuneOptions & NewStudyOptions): Promise<TuneResult> {
  requireOptions("study.tune", options, NEW_OPTIONS);
  const { store, name } = options;
  await store.create(described(experiment, options));
  return goOn(experiment, store, name, tuneOptions(options));
}

const tuneOptions = (options: TuneOptions & NewStudyOptions): TuneOptions => {
  const {
    store: _s,
    name: _n,
    tags: _t,
    notes: _o,
    experiment: _e,
    source: _c,
    keep: _k,
    about: _a,
    ...rest
  } = options;
  return rest;
};

function described(experiment: Experiment, options: TuneOptions & NewStudyOptions): NewStudy {
  const { name, tags = [], notes = "", experiment: called, source, keep = "all", about = {} } = options;
  requireKeep(keep);
  const kept = Object.fromEntries(KEPT.flatMap((key) => (options[key] === undefined ? [] : [[key, options[key]]])));
  return {
    name,
    tags,
    notes,
    experiment: called ?? experiment.spec?.name ?? "experiment",
    ...(source === undefined ? {} : { source }),
    options: { ...about, keep, tune: kept },
  };
}

/**
 * Begins a study from a kept step of another, with other options where some are given; the rest are as they were there. What is
 * changed is an event in its log. Where only the way of moving is (method, optimizer, outer steps, patience, what to do about
 * chaos, the test curve, fidelity), it has the steps before that one too and evaluates that one again, so that one more
 * outer step than before goes on where the other study ended, bit for bit as if it had been begun so. With other data, seeds,
 * training steps or precision nothing that was measured can be compared, so that the step's values are its start.
 *
 * The optimiser goes on with its state where that is kept (of the last step) and it is of the same kind, a new rate or not; else
 * it begins with none.
 *
 * Errors: those of `tune`; `study-not-found`; `study-changed` for an experiment with other hyperparameters; `invalid-argument`
 * for a step that is not kept, or where nothing is left to do.
 */
export async function fork(experiment: Experiment, options: TuneOptions & ForkOptions): Promise<TuneResult> {
  requireOptions("study.fork", options, FORK_OPTIONS);
  const { of, at, ...given } = options;
  const { store, name } = given;
  const source = await store.get(of);
  const { keep } = source.options as { readonly keep?: Keep };
  const merged = { ...(keep !== undefined && { keep }), ...given, ...withKept(source, given) };
  const from: ForkOf = { of, step: at ?? (await lastStep(store, of)) };
  // What is wrong with it is told before anything is made.
  await readFork(store, from);
  await store.create(described(experiment, { ...merged, about: { ...merged.about, fork: from } }));
  try {
    return await goOn(experiment, store, name, tuneOptions(merged));
  } catch (error) {
    // One that was refused has not begun, and would have the name for nothing.
    const { events, state } = await store.get(name);
    if (events === 0 && state === "failed") await store.remove(name);
    throw error;
  }
}

/**
 * Goes on with a study from its last kept step, to the end that it would have had: bit for bit, on the same machine with the
 * same engine. The experiment, and a method or optimizer that is not the experiment's own, are given again, for code is not
 * kept; other options are as they were. A study that has its result gives it again.
 *
 * Methods and optimizers are compared by their names and settings, an optimizer by how it moves a point as well, the experiment
 * by its data, losses, dynamics, minibatches, initial weights and starting hyperparameters. A method that draws at random must
 * have `fromDraw`.
 *
 * Errors: those of `tune`; `study-not-found`; `study-running`; `study-changed`; `file-not-found` and `malformed-file` where the
 * store is damaged.
 */
export async function resume(experiment: Experiment, options: TuneOptions & StudyOptions): Promise<TuneResult> {
  requireOptions("study.resume", options, RESUME_OPTIONS);
  const { store, name, ...rest } = options;
  const before = await store.get(name);
  return goOn(experiment, store, name, withKept(before, rest), before);
}

/** The options that a study was begun with, but where others are given. */
function withKept({ options: { tune: kept } }: StudySummary, given: TuneOptions): TuneOptions {
  // One seed replaces several, and several one.
  const { seed: _, seeds: __, ...others } = (kept ?? {}) as TuneOptions;
  const asBefore = given.seed === undefined && given.seeds === undefined ? (kept as TuneOptions) : others;
  return { ...asBefore, ...given };
}

/** @param before the study as it was before this process took it, where it was begun earlier */
async function goOn(
  experiment: Experiment,
  store: Store,
  name: string,
  options: TuneOptions,
  before?: StudySummary,
): Promise<TuneResult> {
  const claim = await store.claim(name);
  const { from } = claim;
  if (from.result !== undefined) {
    await claim.release(stateAfter(from.result.stop, true));
    return from.result;
  }
  const stopping = new AbortController();
  const beat = (): void => {
    claim.beat().then(
      (stop) => stop && stopping.abort(),
      // Lost: nothing more can be kept. Any other failure shows where the next step is kept.
      (error: unknown) => error instanceof DrmadError && error.code === "study-lost" && stopping.abort(),
    );
  };
  const beating = setInterval(beat, BEAT_MS);
  beating.unref();
  const signals = [stopping.signal, ...(options.signal === undefined ? [] : [options.signal])];
  let ended = false;
  let forecast: StudyEvent | undefined;
  let keep: Keep = "all";
  let source: ForkSource | undefined;
  // Not when it was written last: notes and claims write too.
  const last = before && (await store.events(name)).findLast(({ event }) => ["start", "step"].includes(event.type))?.at;
  const onEvent = (event: TuneEvent): void => {
    options.onEvent?.(event);
    if (event.type === "start" && event.resumedAt !== undefined && before !== undefined)
      options.onEvent?.(resumedEvent(before, last ?? before.created, from.steps, event.outerSteps));
    if (forecast?.type !== "start") return;
    const told = forecastOf(forecast, keep, store.free());
    forecast = undefined;
    options.onEvent?.({ type: "forecast", ...told });
    if (told.free === undefined || told.bytes < told.free) return;
    const message = `all steps take ${told.bytes} bytes in the store, and its disk has room for ${told.free}: keep fewer, such as last:3`;
    options.onEvent?.({ type: "warning", message });
  };
  const append = async (events: readonly StudyEvent[]): Promise<void> => {
    // The steps that a fork takes over come without their arrays.
    await claim.append(events, source?.whole);
    forecast = events.find(({ type }) => type === "start") ?? forecast;
    ended ||= events.some(({ type }) => type === "result");
  };
  try {
    const begun = from.info !== undefined;
    const about = (await store.get(name)).options as { readonly keep?: Keep; readonly fork?: ForkOf };
    keep = about.keep ?? keep;
    const forked = begun || about.fork === undefined ? undefined : await readFork(store, about.fork);
    source = forked;
    const result = await runStudy(
      experiment,
      { ...options, onEvent, signal: AbortSignal.any(signals) },
      { from: begun ? from : undefined, fork: forked, name, append },
    );
    await claim.release(stateAfter(result.stop, ended));
    return result;
  } catch (error) {
    // The first error is the one to tell; where the store is at fault, this fails as well.
    await claim.release(...afterError(error)).catch(() => undefined);
    throw error;
  } finally {
    clearInterval(beating);
  }
}

const resumedEvent = (
  { name, created }: StudySummary,
  last: Date,
  steps: readonly StepRecord[],
  outerSteps: number,
): TuneEvent => ({
  type: "resumed",
  name,
  at: steps.length,
  outerSteps,
  begun: created.toISOString(),
  last: last.toISOString(),
  seconds: steps.reduce((sum, { seconds }) => sum + seconds, 0),
});

const DONE: readonly StopReason[] = ["budget", "plateau"];
const stateAfter = (stop: StopReason, ended: boolean): KeptState =>
  !ended ? "stopped" : DONE.includes(stop) ? "done" : "failed";

function afterError(error: unknown): [KeptState?, unknown?] {
  if (!(error instanceof DrmadError)) return ["failed", error];
  if (error.code === "cancelled") return ["stopped"];
  // It was not run: it is what it was.
  return error.code === "study-changed" ? [] : ["failed", error];
}
