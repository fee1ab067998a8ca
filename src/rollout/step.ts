import { dense, grad } from "../autodiff/transform.ts";
import { settingsAt, type LeafState } from "../dynamics/dynamics.ts";
import type { Problem } from "../problem/problem.ts";
import { alias, gather, input } from "../tensor/layout.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { hypersAt, type HyperSymbols, type StepHypers } from "./hypers.ts";
import { splitInputs, expectScalar } from "./loss.ts";
import { stateLeaves, type StateLeaf } from "./state.ts";

/** One training step Φ_t, with its gradient cut out so that derivatives can pass through it and around it apart. */
export interface StepSymbols {
  readonly loss: Tensor;
  /** State before the step, in the order of the state's leaves. */
  readonly state: readonly Tensor[];
  /** ∇w L under identities of their own, in the order of the weights. */
  readonly gradients: readonly Tensor[];
  /** State after the step. */
  readonly next: readonly Tensor[];
  readonly hypers: StepHypers;
}

/** Minibatch rows of the step, out of the table of this run's steps. */
export const ROWS = "rows";

function batchOf(problem: Problem, k: Tensor, length: number | undefined): Record<string, Tensor> {
  const { data, batch } = problem;
  if (batch === undefined) return splitInputs("train", data.train, false, length);
  const table = input(ROWS, [1, length ?? batch], "int", { rows: true });
  const rows = gather(table, k);
  return Object.fromEntries(
    Object.entries(splitInputs("train", data.train, true)).map(([key, x]) => [key, gather(x, rows)]),
  );
}

export const STEP: Tensor = input("t", [], "int");
export const PLACE: Tensor = input("k", [], "int");
export const BLOCK: Tensor = input("b", [], "int");

/** The inner loss at given weights, on the minibatch of the step. */
export const trainLoss = (
  problem: Problem,
  hypers: StepHypers,
  weightAt: (path: string) => Tensor,
  length?: number,
): Tensor =>
  expectScalar(
    problem.spec.train.loss(problem.weightTree(weightAt), hypers.tree, batchOf(problem, PLACE, length)),
    "train.loss",
  );

/**
 * Traces a step at the given state.
 * @param length rows of the minibatch, where it is not the problem's own (to compare engines on few rows)
 */
export function stepSymbols(
  problem: Problem,
  symbols: HyperSymbols,
  stateAt: (leaf: StateLeaf) => Tensor,
  length?: number,
): StepSymbols {
  const leaves = stateLeaves(problem);
  const state = leaves.map((leaf) => alias(stateAt(leaf)));
  const at = new Map(leaves.map((leaf, i) => [leaf.name, state[i]!]));
  const hypers = hypersAt(problem, symbols, STEP);
  const dynamics = problem.dynamics(hypers.tree);
  const loss = trainLoss(problem, hypers, (path) => at.get(`weights/${path}`)!, length);
  const weights = state.slice(0, problem.weights.length);
  const gradients = grad(loss, weights).map((g, i) => alias(dense(g, weights[i]!)));
  const after = new Map<string, Tensor>();
  problem.weights.forEach(({ path, shape }, i) => {
    const before: LeafState = {
      weight: weights[i]!,
      slots: Object.fromEntries(dynamics.slots.map((slot) => [slot, at.get(`${slot}/${path}`)!])),
    };
    const result = dynamics.step(before, gradients[i]!, settingsAt(dynamics, path, shape), STEP);
    after.set(`weights/${path}`, result.weight);
    for (const slot of dynamics.slots) after.set(`${slot}/${path}`, result.slots[slot]!);
  });
  return { loss, state, gradients, next: leaves.map((leaf) => after.get(leaf.name)!), hypers };
}
