import { dense, grad } from "../autodiff/transform.ts";
import { settingsAt, type LeafState } from "../dynamics/dynamics.ts";
import { DrmadError } from "../errors.ts";
import type { Split } from "../data/dataset.ts";
import type { Problem } from "../problem/problem.ts";
import { cast } from "../tensor/elementwise.ts";
import { alias, gather, input } from "../tensor/layout.ts";
import { sameShape, showShape, sizeOf, type Shape } from "../tensor/shape.ts";
import { isTensor, topological, type Tensor } from "../tensor/tensor.ts";
import { leavesOf } from "../tensor/tree.ts";

/** One tensor of the training state: a weight, or a slot of the optimiser for it. */
export interface StateLeaf {
  readonly name: string;
  readonly kind: "weights" | "slot";
  readonly slot: string;
  readonly path: string;
  readonly shape: Shape;
}

/** Names and shapes of the training state: all weights, then slot after slot. */
export function stateLeaves(problem: Problem): readonly StateLeaf[] {
  const group = (slot: string, kind: StateLeaf["kind"]): StateLeaf[] =>
    problem.weights.map(({ path, shape }) => ({ name: `${slot}/${path}`, kind, slot, path, shape }));
  return [...group("weights", "weights"), ...problem.slots.flatMap((slot) => group(slot, "slot"))];
}

export const hyperInputName = (name: string): string => `hyper/${name}`;

/** Hyperparameters as tensors. */
export interface HyperSymbols {
  /** Unconstrained coordinates, in the order of the problem's tensors. */
  readonly raw: readonly Tensor[];
  /** Natural values, with the axis of steps where they have one. */
  readonly natural: readonly Tensor[];
  /** What losses outside training see. */
  readonly whole: unknown;
}

export function hyperSymbols(problem: Problem): HyperSymbols {
  const { tensors } = problem.hypers;
  const raw = tensors.map((t) => input(hyperInputName(t.name), t.shape));
  const natural = tensors.map((t, i) => t.transform.natural(raw[i]!));
  const at = new Map(tensors.map((t, i) => [t.name, natural[i]!]));
  return { raw, natural, whole: problem.hypers.arrange((name) => at.get(name)!) };
}

/** The hyperparameters of one step: per-step ones at the step, the others as they are. */
export interface StepHypers {
  /** For each of the problem's tensors: its value at the step where it is per step, else undefined. */
  readonly picked: readonly (Tensor | undefined)[];
  readonly tree: unknown;
}

export function hypersAt(problem: Problem, symbols: HyperSymbols, t: Tensor): StepHypers {
  const picked = problem.hypers.tensors.map((tensor, i) =>
    tensor.perStep ? gather(symbols.natural[i]!, t) : undefined,
  );
  const at = new Map(problem.hypers.tensors.map((tensor, i) => [tensor.name, picked[i] ?? symbols.natural[i]!]));
  return { picked, tree: problem.hypers.arrange((name) => at.get(name)!) };
}

/** The arrays of a split as inputs; with `rows`, as tables of which a step takes some rows. */
export const splitInputs = (name: string, split: Split, rows: boolean, length?: number): Record<string, Tensor> =>
  Object.fromEntries(
    Object.entries(split).map(([key, array]) => [
      key,
      input(
        `${name}/${key}`,
        length === undefined ? array.shape : [length, ...array.shape.slice(1)],
        array.data instanceof Int32Array ? "int" : "float",
        { rows },
      ),
    ]),
  );

export function expectScalar(loss: unknown, which: string): Tensor {
  if (!isTensor(loss)) {
    throw new DrmadError(
      "invalid-loss",
      `${which} returned ${loss === undefined ? "nothing" : typeof loss}, not a tensor`,
      {
        hint: "Return a scalar tensor made with ops, for example ops.crossEntropy(logits, labels).",
      },
    );
  }
  if (loss.shape.length !== 0) {
    throw new DrmadError("invalid-loss", `${which} has shape ${showShape(loss.shape)}, but a loss is one number`, {
      hint: "Reduce it to a scalar with ops.mean or ops.sum.",
    });
  }
  return loss.dtype === "float" ? loss : cast(loss, "float");
}

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
    const result = dynamics.step(before, gradients[i]!, settingsAt(dynamics, path, shape));
    after.set(`weights/${path}`, result.weight);
    for (const slot of dynamics.slots) after.set(`${slot}/${path}`, result.slots[slot]!);
  });
  return { loss, state, gradients, next: leaves.map((leaf) => after.get(leaf.name)!), hypers };
}

/** Arithmetic for each number of a product from which keeping it is cheaper than computing it again. */
const FLOP_WORTH_A_NUMBER = 64;

/** Operations whose derivatives are functions of their value, so that what they are taken of is not needed again. */
const KNOWN_BY_VALUE: ReadonlySet<string> = new Set(["tanh", "sigmoid"]);

/**
 * Matrix products of the inner loss that are worth keeping, by name: as far on in the calculation as nothing else uses
 * them, so with what is added to them, and through an activation; together at most half as large as the weights.
 */
export function productsOf(problem: Problem, loss: Tensor): ReadonlyMap<string, Tensor> {
  const order = topological([loss]);
  const users = new Map<Tensor, Tensor[]>();
  for (const n of order) for (const x of n.inputs) users.set(x, [...(users.get(x) ?? []), n]);
  const followed = (n: Tensor, into: (user: Tensor) => boolean): Tensor => {
    const [user, ...others] = users.get(n) ?? [];
    return user !== undefined && others.length === 0 && sameShape(user.shape, n.shape) && into(user) ? user : n;
  };
  let room = problem.weights.reduce((n, { shape }) => n + sizeOf(shape), 0) / 2;
  const kept = new Map<string, Tensor>();
  for (const n of order) {
    if (n.op !== "matmul") continue;
    const a = n.inputs[0]!;
    const inner = a.shape[a.shape.length - (n.attributes.transposeA ? 2 : 1)]!;
    if (2 * inner < FLOP_WORTH_A_NUMBER || sizeOf(n.shape) > room) continue;
    room -= sizeOf(n.shape);
    const affine = followed(n, (user) => user.op === "add");
    kept.set(
      `product/${kept.size}`,
      followed(affine, (user) => KNOWN_BY_VALUE.has(user.op)),
    );
  }
  return kept;
}

/** The weights before training: the drawn ones, as the experiment changes them by hyperparameters. */
export function initialSymbols(problem: Problem, symbols: HyperSymbols): readonly Tensor[] {
  const drawn = new Map(problem.weights.map(({ path, shape }) => [path, input(`drawn/${path}`, shape)]));
  const tree = problem.weightTree((path) => drawn.get(path)!);
  const { initial } = problem.spec;
  if (initial === undefined) return [...drawn.values()];
  const leaves = leavesOf(initial(tree, symbols.whole), isTensor);
  return problem.weights.map(({ path, shape }) => {
    const found = leaves.find((leaf) => leaf.path === path)?.value;
    if (found === undefined || showShape(found.shape) !== showShape(shape)) {
      throw new DrmadError(
        "invalid-experiment",
        `initial gives ${found === undefined ? "nothing" : `shape ${showShape(found.shape)}`} for the weights ${path} of shape ${showShape(shape)}`,
        { hint: "Return a tree nested like params, each tensor of its parameter's shape." },
      );
    }
    return found;
  });
}
