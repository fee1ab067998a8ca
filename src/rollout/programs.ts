import { dense, grad, vjp } from "../autodiff/transform.ts";
import type { Program } from "../engine/engine.ts";
import { DrmadError } from "../errors.ts";
import type { Problem } from "../problem/problem.ts";
import { add, square } from "../tensor/elementwise.ts";
import { dependents, toGraph, type Graph } from "../tensor/graph.ts";
import { input } from "../tensor/layout.ts";
import { sum } from "../tensor/reduce.ts";
import { pack } from "../tensor/pack.ts";
import type { Packed, Tensor } from "../tensor/tensor.ts";
import { keptName, scaleName } from "./path.ts";
import type { TrainOptions } from "./rollout.ts";
import { windowEnd, windowSums } from "./snapshots.ts";
import { expectScalar, outerLoss, priorOf, splitInputs } from "./loss.ts";
import { hyperInputName, hypersAt, hyperSymbols } from "./hypers.ts";
import { initialSymbols } from "./initial.ts";
import { productsOf } from "./products.ts";
import { isPackable, stateLeaves } from "./state.ts";
import { STEP, stepSymbols, trainLoss } from "./step.ts";
import { adjointName, type SweepProgram } from "./sweep.ts";

export type SplitName = "train" | "valid" | "test";

const named = (names: readonly string[], values: readonly Tensor[]): Record<string, Tensor> =>
  Object.fromEntries(names.map((name, i) => [name, values[i]!]));

/** The weights before training, of drawn numbers and hyperparameters. */
export function startProgram(problem: Problem): Program {
  const initial = initialSymbols(problem, hyperSymbols(problem));
  return {
    name: "initial weights",
    graph: toGraph(
      named(
        problem.weights.map(({ path }) => `weights/${path}`),
        initial,
      ),
    ),
  };
}

/** What is kept of a step: the tensors themselves, or packed ones with their scales. */
function keptTensors(
  keep: readonly string[],
  valueOf: (name: string) => Tensor,
  packing: (name: string) => Packed | undefined,
): Record<string, Tensor> {
  const kept: Record<string, Tensor> = {};
  for (const name of keep) {
    const packed = packing(name);
    if (packed === undefined) {
      kept[keptName(name)] = valueOf(name);
      continue;
    }
    const { values, scale } = pack(valueOf(name), packed);
    kept[keptName(name)] = values;
    if (scale !== undefined) kept[keptName(scaleName(name))] = scale;
  }
  return kept;
}

interface ProgramOptions extends Pick<TrainOptions, "keep" | "packed" | "snapshots"> {
  /** Whether the loss of every step is an output as well. */
  readonly losses?: boolean;
}

/** Among the stacked outputs of training: the loss of every step. */
export const LOSS = "loss";

/** T steps of training as a forward loop; the named state leaves and products are kept for every step, as they are before it. */
export function trainProgram(
  problem: Problem,
  { keep = [], packed, snapshots, losses = false }: ProgramOptions = {},
  length?: number,
): Program {
  const leaves = stateLeaves(problem);
  const symbols = hyperSymbols(problem);
  const step = stepSymbols(problem, symbols, (leaf) => input(leaf.name, leaf.shape), length);
  const carry = Object.fromEntries(leaves.map((leaf) => [leaf.name, `next/${leaf.name}`]));
  const products = productsOf(problem, step.loss);
  const outputs: Record<string, Tensor> = {
    ...named(
      leaves.map((leaf) => `next/${leaf.name}`),
      step.next,
    ),
    // Products are outputs whether they are kept or not: so a step is compiled to the same arithmetic, bit for bit.
    ...Object.fromEntries([...products].map(([name, product]) => [`product of ${name}`, product])),
  };
  const values = new Map([...leaves.map(({ name }, i) => [name, step.state[i]!] as const), ...products]);
  const whole = new Set(leaves.filter((leaf) => !isPackable(leaf)).map((leaf) => leaf.name));
  const kept = keptTensors(
    keep,
    (name) => values.get(name)!,
    (name) => (whole.has(name) ? undefined : packed),
  );
  const sums = snapshots === undefined ? {} : windowSums(problem, step.state, snapshots);
  const restart = Object.fromEntries(Object.keys(sums).map((name) => [name, `next/${name}`]));
  for (const [name, value] of Object.entries(sums)) outputs[`next/${name}`] = value;
  const blocks =
    snapshots === undefined ? {} : { blocks: { length: snapshots.every, restart, end: windowEnd(problem, snapshots) } };
  return {
    name: packed === undefined ? "training step" : `training step, kept as ${packed}`,
    graph: toGraph({ ...outputs, ...kept, ...(losses && { [LOSS]: step.loss }) }),
    loop: { carry, scan: [...Object.keys(kept), ...(losses ? [LOSS] : [])], direction: "forward", ...blocks },
  };
}

function weightInputs(problem: Problem): { readonly list: readonly Tensor[]; readonly tree: unknown } {
  const at = new Map(problem.weights.map(({ path, shape }) => [path, input(`weights/${path}`, shape)]));
  return { list: [...at.values()], tree: problem.weightTree((path) => at.get(path)!) };
}

/**
 * f(w, λ) on the validation split, with the prior where there is one, ∇w f, and ∂f/∂λ in unconstrained coordinates (the direct
 * part).
 */
export function outerProgram(problem: Problem, length?: number): Program {
  const symbols = hyperSymbols(problem);
  const weights = weightInputs(problem);
  const batch = splitInputs("valid", problem.data.valid, false, length);
  const value = outerLoss(problem, weights.tree, symbols.whole, batch);
  const gradients = grad(value, [...weights.list, ...symbols.raw]);
  const outputs: Record<string, Tensor> = { value };
  problem.weights.forEach(({ path }, i) => {
    outputs[`adjoint/weights/${path}`] = dense(gradients[i]!, weights.list[i]!);
  });
  outputs["squaredNorm"] = problem.weights
    .map(({ path }) => sum(square(outputs[`adjoint/weights/${path}`]!)))
    .reduce((a, b) => add(a, b));
  problem.hypers.tensors.forEach(({ name }, i) => {
    outputs[`direct/${name}`] = dense(gradients[problem.weights.length + i]!, symbols.raw[i]!);
  });
  return { name: "validation loss", graph: toGraph(outputs) };
}

/** The prior's part of the outer objective; undefined where there is none. */
export function priorProgram(problem: Problem): Program | undefined {
  const prior = priorOf(problem, hyperSymbols(problem).whole);
  return prior && { name: "prior", graph: toGraph({ prior }) };
}

/** What the weights and the data alone make of the outer objective. */
export const withoutPrior = (problem: Problem): Problem => ({
  ...problem,
  spec: { ...problem.spec, valid: { loss: problem.spec.valid.loss } },
});

/** Every metric on a split. */
function metricsOn(problem: Problem, split: SplitName): Record<string, Tensor> {
  const { whole } = hyperSymbols(problem);
  const { tree } = weightInputs(problem);
  const batch = splitInputs(split, problem.data[split]!, false);
  const metrics = Object.entries(problem.spec.metrics ?? {}).map(([name, metric]) => {
    if (name === "loss")
      throw new DrmadError("invalid-experiment", 'a metric cannot be called "loss"', { hint: "Choose another name." });
    return [name, expectScalar(metric(tree, whole, batch), `metrics.${name}`)] as const;
  });
  return Object.fromEntries(metrics);
}

/** The outer loss and every metric on a split. */
export function evaluateProgram(problem: Problem, split: SplitName): Program {
  const batch = splitInputs(split, problem.data[split]!, false);
  const value = problem.spec.valid.loss(weightInputs(problem).tree, hyperSymbols(problem).whole, batch);
  const outputs = { loss: expectScalar(value, "valid.loss"), ...metricsOn(problem, split) };
  return { name: `${split} metrics`, graph: toGraph(outputs) };
}

/** The training loss at the weights before a step. */
export function trainingLoss(problem: Problem): Tensor {
  const shapes = new Map(problem.weights.map(({ path, shape }) => [path, shape]));
  const hypers = hypersAt(problem, hyperSymbols(problem), STEP);
  return trainLoss(problem, hypers, (path) => input(`weights/${path}`, shapes.get(path)!));
}

/** The same as a loop that changes nothing: its one output is the loss of each step. */
export const trainingLossProgram = (problem: Problem): Program => ({
  name: "training loss",
  graph: toGraph({ [LOSS]: trainingLoss(problem) }),
  loop: { carry: {}, scan: [LOSS], direction: "forward" },
});

/** What is evaluated on every split: the validation loss and the metrics. A mistake in these should not wait for the end of training. */
export function evaluated(problem: Problem): readonly Tensor[] {
  for (const split of ["train", "test"] as const) if (problem.data[split] !== undefined) metricsOn(problem, split);
  const batch = splitInputs("valid", problem.data.valid, false);
  const loss = problem.spec.valid.loss(weightInputs(problem).tree, hyperSymbols(problem).whole, batch);
  return [expectScalar(loss, "valid.loss"), ...Object.values(metricsOn(problem, "valid"))];
}

/**
 * The hypergradient from what a sweep gathered: through the initial weights, through the entries, and the direct part.
 * Outputs `gradient/NAME` in unconstrained coordinates.
 */
export function finishProgram(problem: Problem, { entries, symbols }: SweepProgram): Program {
  const initial = initialSymbols(problem, symbols);
  const adjoint = stateLeaves(problem)
    .filter((leaf) => leaf.kind === "weights")
    .map((leaf) => input(adjointName(leaf), leaf.shape));
  // The cotangents of a per-step entry form a table over all steps: the cotangent of the whole natural value.
  const nodes = entries.map((entry) => (entry.perStep === undefined ? entry.node : symbols.natural[entry.perStep]!));
  const cotangents = entries.map((entry, i) => input(entry.name, nodes[i]!.shape));
  const through = vjp([...initial, ...nodes], symbols.raw, [...adjoint, ...cotangents]);
  const outputs = Object.fromEntries(
    problem.hypers.tensors.map(({ name, shape }, i) => {
      const direct = input(`direct/${name}`, shape);
      const value = through[i];
      return [`gradient/${name}`, value ? add(value, direct) : direct];
    }),
  );
  return { name: "hypergradient", graph: toGraph(outputs) };
}

/** Whether anything that a graph gives depends on a hyperparameter tensor. */
export function reaches(graph: Graph, name: string): boolean {
  const reached = dependents(graph, new Set([hyperInputName(name)]));
  return Object.values(graph.outputs).some((at) => reached[at]);
}

/**
 * @throws DrmadError unused-hyperparameter for one that neither training, nor the start, nor the outer loss depends on, also
 * where only some of its tensors are idle: they would come back as they were, as if tuned
 */
export function checkEveryHyperIsUsed(problem: Problem, programs: readonly Program[]): void {
  const isUsed = (name: string): boolean => programs.some(({ graph }) => reaches(graph, name));
  for (const hyper of Object.keys(problem.spec.hyper)) {
    const tensors = problem.hypers.tensors.filter(({ name }) => name === hyper || name.startsWith(`${hyper}.`));
    const idle = tensors.filter(({ name }) => !isUsed(name)).map(({ name }) => name);
    if (idle.length === 0) continue;
    const part = idle.length < tensors.length;
    throw new DrmadError(
      "unused-hyperparameter",
      part
        ? `nothing in the experiment depends on these tensors of hyperparameter ${hyper}: ${idle.join(", ")}`
        : `nothing in the experiment depends on hyperparameter ${tensors.length === 1 ? tensors[0]!.name : hyper}`,
      {
        hint: part
          ? "Use them as the others are; the option biases leaves vectors out, and hyper.array or hyper.scalar belong to no weights."
          : "Use it in train.loss, the dynamics, initial or valid.loss, or take it out of hyper.",
      },
    );
  }
}
