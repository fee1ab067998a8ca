import type { SplitOf } from "../data/dataset.ts";
import { DrmadError, requireOptions, shownValue, type OptionNames } from "../errors.ts";
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
    name: "text?",
    data: "record or function",
    params: "tree",
    hyper: "record",
    initial: "function?",
    train: "record",
    valid: "record",
    metrics: "record?",
    outer: "record?",
    method: "method?",
  };
  const train: OptionNames<Parts["train"]> = {
    loss: "function",
    dynamics: "function or record",
    steps: "number",
    batch: "number?",
    rows: "function?",
  };
  const code = "invalid-experiment";
  requireOptions("defineExperiment", spec, names, code);
  requireOptions("train of the experiment", spec.train, train, code);
  requireOptions("valid of the experiment", spec.valid, { loss: "function", prior: "function?" }, code);
  requireOptions("outer of the experiment", spec.outer, { optimizer: "optimizer?", steps: "number?" }, code);
  for (const [name, metric] of Object.entries(spec.metrics ?? {})) {
    if (typeof metric === "function") continue;
    throw new DrmadError(code, `metrics of the experiment has ${name}: ${shownValue(metric)}`, {
      hint: "It must be a function of (w, h, batch), like a loss.",
    });
  }
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
