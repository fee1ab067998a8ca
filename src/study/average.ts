import type { NdArray, Split } from "../data/dataset.ts";
import { mapPoint, type Point } from "../data/point.ts";
import { DrmadError } from "../errors.ts";
import type { Hypergradient } from "../hypergradient/method.ts";
import type { Problem } from "../problem/problem.ts";
import type { Buffers, Rollout } from "../rollout/rollout.ts";
import type { Metrics } from "./events.ts";
import { explained } from "./explained.ts";
import type { Session } from "./session.ts";
import { mean } from "./statistics.ts";

/** An experiment under one seed. */
export interface SeedRun {
  readonly problem: Problem;
  readonly rollout: Rollout;
}

/** The session's own seed first, then others on its engine. */
export async function openSeeds(session: Session, seeds: readonly number[]): Promise<readonly SeedRun[]> {
  const runs: SeedRun[] = [session];
  for (const seed of seeds.slice(1)) runs.push(await session.reseeded(seed));
  return runs;
}

export const allAt = (runs: readonly SeedRun[], point: Point): readonly SeedRun[] =>
  runs.map((run) => ({ ...run, rollout: run.rollout.at(point) }));

/**
 * Does the same under every seed, one after another.
 * @throws DrmadError as the task does, told with its beginning where a run diverged, and with its seed where there are several
 */
export async function onEach<R>(
  runs: readonly SeedRun[],
  task: (rollout: Rollout, i: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  for (const [i, { problem, rollout }] of runs.entries()) {
    try {
      results.push(await task(rollout, i));
    } catch (error) {
      const told = await explained(error, rollout);
      if (runs.length === 1 || !(told instanceof DrmadError)) throw told;
      const { code, message, hint } = told;
      throw new DrmadError(code, `with seed ${problem.seed}: ${message}`, { ...(hint && { hint }), cause: told });
    }
  }
  return results;
}

/** Trains under every seed. What the runs before hold is freed where one fails. */
export async function trainEach<R extends { readonly final: Buffers }>(
  runs: readonly SeedRun[],
  train: (rollout: Rollout, i: number) => Promise<R>,
): Promise<readonly R[]> {
  const done: R[] = [];
  try {
    await onEach(runs, async (rollout, i) => done.push(await train(rollout, i)));
  } catch (error) {
    done.forEach(({ final }, i) => runs[i]!.rollout.free(final));
    throw error;
  }
  return done;
}

export const meanMetrics = (found: readonly Metrics[]): Metrics =>
  Object.fromEntries(
    Object.keys(found[0]!).map((name) => [name, mean(found.map((each) => each[name]!))]),
  ) as unknown as Metrics;

const meanPoint = (points: readonly Point[]): Point =>
  mapPoint(points[0]!, (_, name, i) => mean(points.map((point) => point[name]![i]!)));

/** The mean over seeds; the growth is that of the seed where it was largest. */
export function meanHypergradient(found: readonly Hypergradient[]): Omit<Hypergradient, "final"> {
  const worst = found.reduce((a, b) => (b.growth > a.growth ? b : a));
  return {
    value: mean(found.map(({ value }) => value)),
    gradient: meanPoint(found.map(({ gradient }) => gradient)),
    direct: meanPoint(found.map(({ direct }) => direct)),
    growth: worst.growth,
    growthPassedAt: worst.growthPassedAt,
  };
}

const sameArray = (a: NdArray, b: NdArray | undefined): boolean =>
  a.data === b?.data || (b !== undefined && a.data.length === b.data.length && a.data.every((v, i) => v === b.data[i]));

const sameSplit = (a: Split | undefined, b: Split | undefined): boolean =>
  a === b ||
  (a !== undefined && b !== undefined && Object.entries(a).every(([key, array]) => sameArray(array, b[key])));

/** What to tell where the test rows depend on the seed: those of one may choose under another. */
export function testRowsWarning(runs: readonly SeedRun[]): string | undefined {
  const [first, ...others] = runs.map(({ problem }) => problem.data.test);
  if (others.every((test) => sameSplit(first, test))) return undefined;
  return (
    "the test rows differ between seeds, so rows that test under one seed may have chosen under another, and the test " +
    "figures may flatter: draw them with a seed of their own, the same for all"
  );
}
