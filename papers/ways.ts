import {
  methods,
  tune,
  type DefinedExperiment,
  type Method,
  type OuterOptimizer,
  type TuneOptions,
  type TuneResult,
} from "drmad";
import type { Drawing, ReproductionContext, Row } from "../src/cli/reproduction.ts";
import { mean } from "./statistics.ts";

/** What every way of a reproduction is run with. */
export interface Runs {
  readonly seeds: readonly number[];
  readonly outerSteps: number;
}

/** One way to tune, or a control: a row of a table. */
export interface Way<S> {
  readonly name: string;
  readonly control?: true;
  /** What the paper gives, as it gives it; by the name of the figure where it gives several. */
  readonly paper?: string | Readonly<Record<string, string>>;
  readonly experiment: (folder: string, size: S, seed: number) => DefinedExperiment;
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
  readonly stop: string;
  readonly growth: number;
  /** By outer step. */
  readonly valid: readonly Metrics[];
  /** Natural values of the hyperparameters at the best step. */
  readonly values: Readonly<Record<string, readonly number[]>>;
}

const values = (result: TuneResult): Outcome["values"] =>
  Object.fromEntries(Object.entries(result.values).map(([name, { data }]) => [name, [...data]]));

/** Every way does all its steps, so that none is stopped by luck. */
export const PATIENCE = 1000;

async function outcome<S extends Runs>(
  way: Way<S>,
  folder: string,
  size: S,
  options: TuneOptions & { readonly seed: number },
  keep: readonly string[],
): Promise<Outcome> {
  const { seed } = options;
  const result = await tune(way.experiment(folder, size, seed), {
    ...options,
    trustEngine: true,
    patience: PATIENCE,
    ...(way.method === undefined
      ? { method: methods.directOnly(), outerSteps: 1 }
      : {
          method: way.method(seed),
          outerSteps: size.outerSteps,
          ...(way.optimizer === undefined ? {} : { optimizer: way.optimizer(size) }),
        }),
  });
  const { test, steps, best, stop } = result;
  const chosen = way.method === undefined ? 0 : best;
  return {
    start: test!.start,
    tuned: way.method === undefined ? test!.start : test!.tuned,
    best: chosen,
    stop,
    growth: Math.max(...steps.map(({ growth }) => growth ?? 1)),
    valid: way.method === undefined ? [steps[0]!.valid] : steps.map(({ valid }) => valid),
    values: Object.fromEntries(Object.entries(values(result)).filter(([name]) => keep.includes(name.split(".")[0]!))),
  };
}

/**
 * Every way with every seed, each a part of its own: one seed after the other, so that a seed's data are read once.
 * @param keep hyperparameters whose tuned values are wanted
 * @param options how all are run
 */
export async function allOutcomes<S extends Runs>(
  ways: readonly Way<S>[],
  size: S,
  folder: string,
  { part, signal }: ReproductionContext,
  keep: readonly string[] = [],
  options: Pick<TuneOptions, "worker"> = {},
): Promise<(name: string) => readonly Outcome[]> {
  const found = new Map<string, Outcome[]>(ways.map(({ name }) => [name, []]));
  for (const seed of size.seeds) {
    for (const way of ways) {
      const compute = (): Promise<Outcome> => outcome(way, folder, size, { ...options, seed, signal }, keep);
      found.get(way.name)!.push(await part(`seed ${seed}, ${way.name}`, compute));
    }
  }
  return (name) => {
    const outcomes = found.get(name);
    if (outcomes === undefined) throw new Error(`there is no way called ${JSON.stringify(name)}`);
    return outcomes;
  };
}

type Named = Pick<Way<never>, "name" | "control" | "paper">;

/** @param figure what it is called where the paper gives several */
export function rowOf({ name, paper: papers, control }: Named, values: readonly number[], figure?: string): Row {
  const paper = typeof papers === "object" ? papers[figure ?? ""] : papers;
  return {
    name,
    values,
    ...(paper === undefined ? {} : { paper }),
    ...(control === undefined ? {} : { control }),
  };
}

/** Names of the controls. */
export const controlsOf = (ways: readonly Named[]): readonly string[] =>
  ways.filter(({ control }) => control === true).map(({ name }) => name);

type Series = (Drawing & { readonly kind: "lines" })["series"][number];

/** A figure of validation by outer step, mean over seeds: a line for each way, dashed for a control. */
export const curvesOf = (
  ways: readonly Named[],
  of: (name: string) => readonly Outcome[],
  figure: (valid: Metrics) => number,
  emphasis: string,
): readonly Series[] =>
  ways.map(({ name, control }) => {
    const curves = of(name).map(({ valid }) => valid.map(figure));
    const steps = Array.from({ length: Math.max(...curves.map(({ length }) => length)) }, (_, i) => i);
    return {
      name,
      x: steps,
      y: steps.map((i) => mean(curves.map((curve) => curve[i] ?? NaN))),
      dashed: control === true,
      emphasis: name === emphasis,
    };
  });
