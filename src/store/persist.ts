import { DrmadError, requireOptions, type OptionNames } from "../errors.ts";
import type { Experiment } from "../problem/experiment.ts";
import type { StopReason, TuneResult } from "../study/events.ts";
import { runStudy } from "../study/run.ts";
import { TUNE_OPTIONS, type TuneOptions } from "../study/settings.ts";
import type { StudyEvent } from "../study/state.ts";
import type { Store } from "./store.ts";
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
  /** More to keep of how it was begun. */
  readonly about?: Readonly<Record<string, unknown>>;
}

const RESUME_OPTIONS: OptionNames<TuneOptions & StudyOptions> = {
  ...TUNE_OPTIONS,
  store: "store",
  name: "text",
};
const NEW_OPTIONS: OptionNames<TuneOptions & NewStudyOptions> = {
  ...RESUME_OPTIONS,
  tags: "list?",
  notes: "text?",
  experiment: "text?",
  source: "text?",
  about: "record?",
};

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
  const { store, name, tags = [], notes = "", experiment: called, source, about = {}, ...rest } = options;
  const kept = Object.fromEntries(KEPT.flatMap((key) => (rest[key] === undefined ? [] : [[key, rest[key]]])));
  await store.create({
    name,
    tags,
    notes,
    experiment: called ?? experiment.spec?.name ?? "experiment",
    ...(source === undefined ? {} : { source }),
    options: { ...about, tune: kept },
  });
  return goOn(experiment, store, name, rest);
}

/**
 * Goes on with a study from its last kept step, to the end that it would have had: bit for bit, on the same machine with the
 * same engine. The experiment, and a method or optimizer that is not the experiment's own, are given again, for code is not
 * kept; other options are as they were. A study that has its result gives it again.
 *
 * Method and optimizer are compared by their names, the experiment by its data, losses, initial weights and starting
 * hyperparameters. A method that draws at random must have `fromDraw`.
 *
 * Errors: those of `tune`; `study-not-found`; `study-running`; `study-changed`; `file-not-found` and `malformed-file` where the
 * store is damaged.
 */
export async function resume(experiment: Experiment, options: TuneOptions & StudyOptions): Promise<TuneResult> {
  requireOptions("study.resume", options, RESUME_OPTIONS);
  const { store, name, ...rest } = options;
  const { options: kept } = await store.get(name);
  // One seed replaces several, and several one.
  const { seed: _, seeds: __, ...others } = (kept["tune"] ?? {}) as TuneOptions;
  const asBefore = rest.seed === undefined && rest.seeds === undefined ? (kept["tune"] as TuneOptions) : others;
  return goOn(experiment, store, name, { ...asBefore, ...rest });
}

async function goOn(experiment: Experiment, store: Store, name: string, options: TuneOptions): Promise<TuneResult> {
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
  const append = async (events: readonly StudyEvent[]): Promise<void> => {
    await claim.append(events);
    ended ||= events.some(({ type }) => type === "result");
  };
  try {
    const result = await runStudy(
      experiment,
      { ...options, signal: AbortSignal.any(signals) },
      { from: from.info === undefined ? undefined : from, append },
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

const DONE: readonly StopReason[] = ["budget", "plateau"];
const stateAfter = (stop: StopReason, ended: boolean): KeptState =>
  !ended ? "stopped" : DONE.includes(stop) ? "done" : "failed";

function afterError(error: unknown): [KeptState?, unknown?] {
  if (!(error instanceof DrmadError)) return ["failed", error];
  if (error.code === "cancelled") return ["stopped"];
  // It was not run: it is what it was.
  return error.code === "study-changed" ? [] : ["failed", error];
}
