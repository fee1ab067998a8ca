/** Hypergradients: the gradient of a validation loss, after a whole training run, in everything the run depended on. */

// State an experiment.
export { defineExperiment, type DefinedExperiment } from "./study/define.ts";
export { hyper, type Hyper } from "./problem/hyper.ts";
export type { Parameter } from "./problem/parameter.ts";
export * as nn from "./nn/nn.ts";
export * as ops from "./tensor/ops.ts";
export type { Tensor } from "./tensor/tensor.ts";

// Data.
export { digits } from "./data/digits.ts";
export { mnist } from "./data/open.ts";
export * as files from "./data/files.ts";
export type { Dataset, NdArray, Split } from "./data/dataset.ts";

// How training moves: the usual ways by name, all of them under `dynamics`.
export { momentum } from "./dynamics/momentum.ts";
export { sgd } from "./dynamics/sgd.ts";
export * as dynamics from "./dynamics/optimisers.ts";
export type { Dynamics } from "./dynamics/dynamics.ts";

// Ways to a hypergradient: the usual ones by name, all of them under `methods`.
export { checkpointed } from "./hypergradient/checkpointed.ts";
export { drmad } from "./hypergradient/drmad.ts";
export { reverse } from "./hypergradient/reverse.ts";
export * as methods from "./hypergradient/methods.ts";
export type { GradientCheck } from "./hypergradient/check.ts";
export type { FidelityReport } from "./hypergradient/fidelity.ts";
export type { Hypergradient, Method } from "./hypergradient/method.ts";

// Use them.
export { checkExperiment } from "./study/check.ts";
export { fidelity } from "./study/fidelity.ts";
export { hypergradient, type HypergradientResult } from "./study/hypergradient.ts";
export { tune, type TuneOptions } from "./study/tune.ts";
export type { TuneEvent, TuneResult } from "./study/events.ts";
export * as outer from "./outer/outer.ts";
export type { OuterOptimizer } from "./outer/optimizer.ts";
export * as study from "./store/study.ts";
export { decodeSafetensors, encodeSafetensors } from "./store/safetensors.ts";

export { DrmadError } from "./errors.ts";
