import type { SplitOf } from "../data/dataset.ts";
import type { Method } from "../hypergradient/method.ts";
import type { OuterOptimizer } from "../outer/optimizer.ts";
import { makeExperiment, type AnySpec, type Experiment, type ExperimentSpec } from "../problem/experiment.ts";
import type { HypersLike } from "../problem/hyper.ts";
import type { ParametersOf } from "../problem/parameter.ts";

/** How an experiment is tuned unless its user says otherwise. */
export interface TuneDefaults {
  readonly outer?: { readonly optimizer?: OuterOptimizer; readonly steps?: number };
  readonly method?: Method;
}

export type DefinedExperiment = Experiment<TuneDefaults>;

/**
 * States an experiment: data, weights, hyperparameters, the inner loss and how it is trained on, the outer loss, metrics.
 * Losses are traced, not run: pure functions of tensors, written with `ops` and `nn`.
 */
export function defineExperiment<const P extends ParametersOf<P>, const H extends HypersLike<H>, S extends SplitOf<S>>(
  spec: ExperimentSpec<P, H, S> & TuneDefaults,
): DefinedExperiment {
  const { outer, method } = spec;
  return makeExperiment(spec as unknown as AnySpec, {
    ...(outer === undefined ? {} : { outer }),
    ...(method === undefined ? {} : { method }),
  });
}
