import { methods, tune, type DefinedExperiment, type Method, type OuterOptimizer, type TuneResult } from "drmad";
import type { ReproductionContext, Row } from "../src/cli/reproduction.ts";

/** One way to tune, or a control: a row of a table. */
export interface Way<S> {
  readonly name: string;
  readonly control?: true;
  readonly paper?: string;
  readonly experiment: (folder: string, size: S) => DefinedExperiment;
  /** None where nothing is tuned: one outer step is made, of which the start is taken; the training after it is not used. */
  readonly method?: (seed: number) => Method;
  /** The experiment's own unless told. */
  readonly optimizer?: (size: S) => OuterOptimizer;
}

type Metrics = Readonly<Record<string, number>>;

/** What one tuning run gave, at the untuned start and at the step with the lowest validation loss. */
export interface Outcome {
  readonly start: Metrics;
  readonly tuned: Metrics;
  readonly best: number;
  readonly growth: number;
  /** By outer step. */
  readonly valid: readonly Metrics[];
  /** Natural values of the hyperparameters at the best step. */
  readonly values: Readonly<Record<string, readonly number[]>>;
}

const values = (result: TuneResult): Outcome["values"] =>
  Object.fromEntries(Object.entries(result.values).map(([name, { data }]) => [name, [...data]]));

async function outcome<S>(
  way: Way<S>,
  folder: string,
  size: S,
  seed: number,
  signal: AbortSignal,
  keep: readonly string[],
): Promise<Outcome> {
  const result = await tune(way.experiment(folder, size), {
    seed,
    signal,
    trustEngine: true,
    // Every way does all its steps, so that none is stopped by luck.
    patience: 1000,
    ...(way.method === undefined
      ? { method: methods.directOnly(), outerSteps: 1 }
      : { method: way.method(seed), ...(way.optimizer === undefined ? {} : { optimizer: way.optimizer(size) }) }),
  });
  const { test, steps, best } = result;
  const chosen = way.method === undefined ? 0 : best;
  return {
    start: test!.start,
    tuned: way.method === undefined ? test!.start : test!.tuned,
    best: chosen,
    growth: Math.max(...steps.map(({ growth }) => growth ?? 1)),
    valid: way.method === undefined ? [steps[0]!.valid] : steps.map(({ valid }) => valid),
    values: Object.fromEntries(Object.entries(values(result)).filter(([name]) => keep.includes(name.split(".")[0]!))),
  };
}

/**
 * Every way with every seed, each a part of its own: one seed after the other, so that a seed's data are read once.
 * @param keep hyperparameters whose tuned values are wanted
 */
export async function allOutcomes<S extends { readonly seeds: readonly number[] }>(
  ways: readonly Way<S>[],
  size: S,
  folder: string,
  { part, signal }: ReproductionContext,
  keep: readonly string[] = [],
): Promise<(name: string) => readonly Outcome[]> {
  const found = new Map<string, Outcome[]>(ways.map(({ name }) => [name, []]));
  for (const seed of size.seeds) {
    for (const way of ways) {
      const compute = (): Promise<Outcome> => outcome(way, folder, size, seed, signal, keep);
      found.get(way.name)!.push(await part(`seed ${seed}, ${way.name}`, compute));
    }
  }
  return (name) => {
    const outcomes = found.get(name);
    if (outcomes === undefined) throw new Error(`there is no way called ${JSON.stringify(name)}`);
    return outcomes;
  };
}

export const rowOf = <S>({ name, paper, control }: Way<S>, figures: readonly number[]): Row => ({
  name,
  values: figures,
  ...(paper === undefined ? {} : { paper }),
  ...(control === undefined ? {} : { control }),
});
