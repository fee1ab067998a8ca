import type { SplitOf } from "../data/dataset.ts";
import { requireOptions, type OptionNames } from "../errors.ts";
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

type Parts = Required<AnySpec & TuneDefaults>;

/** Files of experiments run without a type checker: a misspelt part would be left out in silence. */
function requireParts(spec: AnySpec & TuneDefaults): void {
  const names: OptionNames<AnySpec & TuneDefaults> = {
    name: "optional",
    data: "required",
    params: "required",
    hyper: "required",
    initial: "optional",
    train: "required",
    valid: "required",
    metrics: "optional",
    outer: "optional",
    method: "optional",
  };
  const train: OptionNames<Parts["train"]> = {
    loss: "required",
    dynamics: "required",
    steps: "required",
    batch: "optional",
    rows: "optional",
  };
  const code = "invalid-experiment";
  requireOptions("defineExperiment", spec, names, code);
  requireOptions("train of the experiment", spec.train, train, code);
  requireOptions("valid of the experiment", spec.valid, { loss: "required", prior: "optional" }, code);
  requireOptions("outer of the experiment", spec.outer, { optimizer: "optional", steps: "optional" }, code);
}

/**
 * States an experiment: data, weights, hyperparameters, the inner loss and how it is trained on, the outer loss, metrics.
 * Losses are traced, not run: pure functions of tensors, written with `ops` and `nn`.
 *
 * @throws DrmadError invalid-experiment for a part that does not exist, and for one that is missing
 */
export function defineExperiment<const P extends ParametersOf<P>, const H extends HypersLike<H>, S extends SplitOf<S>>(
  spec: ExperimentSpec<P, H, S> & TuneDefaults,
): DefinedExperiment {
  requireParts(spec as unknown as AnySpec & TuneDefaults);
  const { outer, method } = spec;
  return makeExperiment(spec as unknown as AnySpec, {
    ...(outer === undefined ? {} : { outer }),
    ...(method === undefined ? {} : { method }),
  });
}
