import type { Point } from "../data/point.ts";
import { openEngine, type EngineOptions } from "../engine/choose.ts";
import type { NdArray } from "../data/dataset.ts";
import { DrmadError, type OptionNames } from "../errors.ts";
import { isExperiment, type Experiment } from "../problem/experiment.ts";
import { resolveProblem, type Problem } from "../problem/problem.ts";
import { createRollout } from "../rollout/create.ts";
import { flopOf } from "../rollout/probe.ts";
import { trainProgram } from "../rollout/programs.ts";
import type { Rollout, RolloutOptions } from "../rollout/rollout.ts";
import { sizeOf } from "../tensor/shape.ts";

export interface SessionOptions extends EngineOptions, Omit<RolloutOptions, "onLosses"> {
  /** Fixes the data split, initial weights and minibatches. */
  readonly seed?: number;
  /** Training steps, instead of the experiment's own. */
  readonly innerSteps?: number;
}

export const SESSION_OPTIONS: OptionNames<SessionOptions> = {
  engine: "text?",
  precision: "text?",
  threads: "number?",
  worker: "boolean?",
  onProgress: "function?",
  signal: "record?",
  trustEngine: "boolean?",
  seed: "number?",
  innerSteps: "number?",
};

/** An experiment on an engine, ready to run. */
export interface Session {
  readonly problem: Problem;
  readonly rollout: Rollout;
  /** The same experiment under another seed, on the same engine. */
  reseeded(seed: number): Promise<{ readonly problem: Problem; readonly rollout: Rollout }>;
  /** What runs here and why, one sentence. */
  readonly reason: string;
  close(): Promise<void>;
}

/** Work per step from which a second thread pays (measured: 13 MFLOP gains nothing, 107 MFLOP gains a fifth). */
const FLOP_FOR_THREADS = 4e7;

/** One thread for small steps, all of `available` for large ones. */
export const threadsFor = (problem: Problem, available: number): number =>
  flopOf(trainProgram(problem).graph) < FLOP_FOR_THREADS ? 1 : Math.max(1, available);

export function requireExperiment(experiment: unknown): asserts experiment is Experiment {
  if (!isExperiment(experiment)) {
    throw new DrmadError("invalid-experiment", "what was given is not an experiment", {
      hint: "Make one with defineExperiment({ … }); a file exports it as default.",
    });
  }
}

export async function openSession(
  experiment: Experiment,
  options: SessionOptions & Pick<RolloutOptions, "onLosses"> = {},
): Promise<Session> {
  requireExperiment(experiment);
  const resolve = (seed?: number): Promise<Problem> =>
    resolveProblem(experiment, {
      ...(seed === undefined ? {} : { seed }),
      ...(options.innerSteps === undefined ? {} : { steps: options.innerSteps }),
    });
  const problem = await resolve(options.seed);
  const { engine, reason } = await openEngine(options);
  try {
    const rollout = createRollout(problem, engine, options);
    return {
      problem,
      rollout,
      async reseeded(seed) {
        const other = await resolve(seed);
        return { problem: other, rollout: rollout.reseeded(other) };
      },
      reason,
      close: () => engine.close(),
    };
  } catch (error) {
    await engine.close();
    throw error;
  }
}

/** What to tell where programs were too large to be compared with the reference interpreter. */
export const uncompared = (programs: readonly string[]): string =>
  `not compared with the reference interpreter, because too large for it: ${programs.join(", ")}`;

/** Natural values of all hyperparameters at a point. */
export const naturalValues = (problem: Problem, point: Point): Readonly<Record<string, NdArray>> =>
  Object.fromEntries(
    problem.hypers.tensors.map(({ name, shape, transform }) => [
      name,
      { data: point[name]!.map((u) => transform.value(u)), shape },
    ]),
  );

export const weightCount = (problem: Problem): number => problem.weights.reduce((n, { shape }) => n + sizeOf(shape), 0);

/** Number of hyperparameters, by the name the experiment gives them. */
export function hyperCounts(problem: Problem): Readonly<Record<string, number>> {
  const counts: Record<string, number> = Object.fromEntries(Object.keys(problem.spec.hyper).map((name) => [name, 0]));
  for (const { name, shape } of problem.hypers.tensors) counts[name.split(".")[0]!]! += sizeOf(shape);
  return counts;
}
