import { DrmadError, requireOptions } from "../errors.ts";
import { requireSeed } from "../data/random.ts";
import type { Experiment } from "../problem/experiment.ts";
import type { TuneResult } from "../study/events.ts";
import type { TuneOptions } from "../study/settings.ts";
import { NEW_OPTIONS, resume, tune, type NewStudyOptions } from "./persist.ts";

export interface MultiStartOptions extends Omit<TuneOptions, "seed" | "seeds">, NewStudyOptions {
  /** One study for each. */
  readonly seeds: readonly number[];
  /** What to keep of how each of them was begun, besides `about`. */
  readonly aboutEach?: (name: string, seed: number) => Readonly<Record<string, unknown>>;
  /** Before each of them. */
  readonly onStudy?: (name: string, seed: number, how: Beginning) => void;
}

/** `again`: it was removed, for one that came after it is there, and is made anew from its own start. */
export type Beginning = "new" | "resumed" | "again";

export interface Started {
  readonly name: string;
  readonly seed: number;
  readonly result?: TuneResult;
  /** Where even its untuned start has no result. */
  readonly error?: DrmadError;
}

export interface MultiStart {
  /** In order; after an interruption or where the seconds are over, those that were reached. */
  readonly studies: readonly Started[];
  /** The lowest validation loss among them; test rows choose nothing. Absent where none has a result. */
  readonly best?: Started;
}

/** What one start may fail with while others do not. */
const OWN: readonly DrmadError["code"][] = ["non-finite", "not-stationary", "not-converged"];

const OPTIONS = { ...NEW_OPTIONS, seeds: "list", aboutEach: "function?", onStudy: "function?" } as const;

export const lossOf = ({ steps, best }: TuneResult): number => steps[best]!.valid.loss;

/**
 * Tunes from several starts: for each seed a study of its own, `NAME/1`, `NAME/2`, …, one after another, each kept and resumable as
 * any other. Called again with the same name, it goes on with those that are there, and makes those that are not, be it that they
 * had not begun or were removed. The best is chosen on validation alone.
 *
 * Right where a result depends on the luck of one seed. A seed decides the split too where the data are a function of it: then
 * the losses are of different rows, and their order says less. Instead of the mean over seeds at every step (`seeds` of `tune`).
 *
 * Errors: those of `tune` and `resume`, but for a start that diverges or is refused by its method, which is told in its place.
 */
export async function multiStart(experiment: Experiment, options: MultiStartOptions): Promise<MultiStart> {
  requireOptions<object>("study.multiStart", options, OPTIONS);
  const { seeds, aboutEach, onStudy, name, seconds, about, ...rest } = options;
  if (!Array.isArray(seeds) || seeds.length === 0 || new Set(seeds).size < seeds.length) {
    throw new DrmadError("invalid-argument", `seeds: ${JSON.stringify(seeds)}`, {
      hint: "Give a list of different seeds, such as [0, 1, 2].",
    });
  }
  for (const seed of seeds) requireSeed("study.multiStart", seed);
  const begin = performance.now();
  const left = (): number => (seconds ?? Infinity) - (performance.now() - begin) / 1000;
  const there = new Set((await options.store.list()).map((study) => study.name));
  const studies: Started[] = [];
  for (const [i, seed] of seeds.entries()) {
    if (left() <= 0 || options.signal?.aborted === true) break;
    const each = `${name}/${i + 1}`;
    const own = { name: each, ...(seconds !== undefined && { seconds: left() }) };
    const last = seeds.findLastIndex((_, j) => there.has(`${name}/${j + 1}`));
    onStudy?.(each, seed, there.has(each) ? "resumed" : i < last ? "again" : "new");
    try {
      const result = there.has(each)
        ? await resume(experiment, { ...resumed(rest), ...own })
        : await tune(experiment, { ...rest, ...own, seed, about: { ...about, ...aboutEach?.(each, seed) } });
      studies.push({ name: each, seed, result });
      if (result.stop === "cancelled") break;
    } catch (error) {
      if (!(error instanceof DrmadError) || !OWN.includes(error.code)) throw error;
      studies.push({ name: each, seed, error });
    }
  }
  const [best] = studies
    .filter(({ result }) => result !== undefined)
    .sort((a, b) => lossOf(a.result!) - lossOf(b.result!));
  return { studies, ...(best !== undefined && { best }) };
}

const resumed = ({ tags: _t, notes: _n, experiment: _e, source: _s, keep: _k, ...rest }: Omit<NewStudyOptions, "name" | "about"> & TuneOptions) => rest; // prettier-ignore
