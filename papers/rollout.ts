import { DrmadError, hypergradient, type DefinedExperiment, type Method } from "drmad";

export type Rollout = Parameters<Method["run"]>[0];
/** Unconstrained coordinates of all hyperparameters, by tensor. */
export type Point = Rollout["point"];
export type Options = NonNullable<Parameters<typeof hypergradient>[2]>;
export type Metrics = Readonly<Record<string, number>>;

/**
 * Opens an experiment for a seed and does something with its rollout: any number of runs, at any points, compiled once.
 * It runs on this thread, because a thread of its own for each of hundreds of short sessions costs more than they do.
 * @throws DrmadError what `use` throws; non-finite among them
 */
export async function onRollout<T>(
  experiment: DefinedExperiment,
  options: Options,
  use: (rollout: Rollout) => Promise<T>,
): Promise<T> {
  let found: { readonly value: T } | undefined;
  let failed: unknown;
  const wrapped: Method = {
    name: "on rollout",
    exact: false,
    async run(rollout) {
      const zero = Object.fromEntries(Object.entries(rollout.point).map(([k, v]) => [k, new Float64Array(v.length)]));
      try {
        found = { value: await use(rollout) };
      } catch (error) {
        failed = error;
      }
      return { value: 0, gradient: zero, direct: zero, growth: 1, final: {} };
    },
  };
  await hypergradient(experiment, wrapped, { trustEngine: true, worker: false, ...options });
  if (found === undefined) throw failed;
  return found.value;
}

/** Trains at the rollout's point, and evaluates splits. */
export async function evaluated<S extends "train" | "valid" | "test">(
  rollout: Rollout,
  splits: readonly S[],
): Promise<Record<S, Metrics>> {
  const start = await rollout.start();
  const { final } = await rollout.train(start).finally(() => rollout.free(start));
  try {
    const found = {} as Record<S, Metrics>;
    for (const split of splits) found[split] = await rollout.evaluate(final, split);
    return found;
  } finally {
    rollout.free(final);
  }
}

/** The value, or undefined where a run diverged. */
export async function unlessDiverged<T>(run: () => Promise<T>): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof DrmadError && error.code === "non-finite") return undefined;
    throw error;
  }
}
