import { dense, grad, vjp } from "../autodiff/transform.ts";
import type { Program } from "../engine/engine.ts";
import { DrmadError } from "../errors.ts";
import type { Problem } from "../problem/problem.ts";
import { add, square } from "../tensor/elementwise.ts";
import { dependents, toGraph, type Graph } from "../tensor/graph.ts";
import { input } from "../tensor/layout.ts";
import { sum } from "../tensor/reduce.ts";
import type { Tensor } from "../tensor/tensor.ts";
import {
  expectScalar,
  hyperInputName,
  hyperSymbols,
  initialSymbols,
  productsOf,
  splitInputs,
  stateLeaves,
  stepSymbols,
} from "./symbols.ts";
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

/** T steps of training as a forward loop; the named state leaves and products are kept for every step, as they are before it. */
export function trainProgram(problem: Problem, keep: readonly string[], length?: number): Program {
  const leaves = stateLeaves(problem);
  const symbols = hyperSymbols(problem);
  const step = stepSymbols(problem, symbols, (leaf) => input(leaf.name, leaf.shape), length);
  const carry = Object.fromEntries(leaves.map((leaf) => [leaf.name, `next/${leaf.name}`]));
  const products = productsOf(problem, step.loss);
  const outputs = {
    ...named(
      leaves.map((leaf) => `next/${leaf.name}`),
      step.next,
    ),
    // Products are outputs whether they are kept or not: so a step is compiled to the same arithmetic, bit for bit.
    ...Object.fromEntries([...products].map(([name, product]) => [`kept/${name}`, product])),
    ...Object.fromEntries(
      leaves.flatMap(({ name }, i) => (keep.includes(name) ? [[`kept/${name}`, step.state[i]!]] : [])),
    ),
  };
  return {
    name: "training step",
    graph: toGraph(outputs),
    loop: { carry, scan: keep.map((name) => `kept/${name}`), direction: "forward" },
  };
}

function weightInputs(problem: Problem): { readonly list: readonly Tensor[]; readonly tree: unknown } {
  const at = new Map(problem.weights.map(({ path, shape }) => [path, input(`weights/${path}`, shape)]));
  return { list: [...at.values()], tree: problem.weightTree((path) => at.get(path)!) };
}

/** f(w, λ) on the validation split, ∇w f, and ∂f/∂λ in unconstrained coordinates (the direct part). */
export function outerProgram(problem: Problem, length?: number): Program {
  const symbols = hyperSymbols(problem);
  const weights = weightInputs(problem);
  const batch = splitInputs("valid", problem.data.valid, false, length);
  const value = expectScalar(problem.spec.valid.loss(weights.tree, symbols.whole, batch), "valid.loss");
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

/** The outer loss and every metric on a split. */
export function evaluateProgram(problem: Problem, split: SplitName): Program {
  const symbols = hyperSymbols(problem);
  const weights = weightInputs(problem);
  const batch = splitInputs(split, problem.data[split]!, false);
  const outputs: Record<string, Tensor> = {
    loss: expectScalar(problem.spec.valid.loss(weights.tree, symbols.whole, batch), "valid.loss"),
  };
  for (const [name, metric] of Object.entries(problem.spec.metrics ?? {})) {
    if (name === "loss")
      throw new DrmadError("invalid-experiment", 'a metric cannot be called "loss"', { hint: "Choose another name." });
    outputs[name] = expectScalar(metric(weights.tree, symbols.whole, batch), `metrics.${name}`);
  }
  return { name: `${split} metrics`, graph: toGraph(outputs) };
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

/** @throws DrmadError unused-hyperparameter for one that neither training, nor the start, nor the outer loss depends on */
export function checkEveryHyperIsUsed(problem: Problem, programs: readonly Program[]): void {
  for (const { name } of problem.hypers.tensors) {
    if (!programs.some(({ graph }) => reaches(graph, name))) {
      throw new DrmadError("unused-hyperparameter", `nothing in the experiment depends on hyperparameter ${name}`, {
        hint: "Use it in train.loss, the dynamics, initial or valid.loss, or take it out of hyper.",
      });
    }
  }
}
