import type { Problem } from "../problem/problem.ts";
import type { Shape } from "../tensor/shape.ts";

/** One tensor of the training state: a weight, or a slot of the optimiser for it. */
export interface StateLeaf {
  readonly name: string;
  readonly kind: "weights" | "slot";
  readonly slot: string;
  readonly path: string;
  readonly shape: Shape;
  /** A slot that follows from how the weights move, so that a path of weights gives it too. */
  readonly recoverable: boolean;
}

/**
 * What a path of few states must know: the weights, and slots that do not follow from them. Second moments are divided by,
 * each in its own scale, so slots like these are never packed.
 */
export const isPlaced = (leaf: StateLeaf): boolean => !leaf.recoverable;
export const isPackable = (leaf: StateLeaf): boolean => leaf.kind === "weights" || leaf.recoverable;

/** Names and shapes of the training state: all weights, then slot after slot. */
export function stateLeaves(problem: Problem): readonly StateLeaf[] {
  const group = (slot: string, kind: StateLeaf["kind"]): StateLeaf[] =>
    problem.weights.map(({ path, shape }) => {
      const recoverable = kind === "slot" && problem.recoverable;
      return { name: `${slot}/${path}`, kind, slot, path, shape, recoverable };
    });
  return [...group("weights", "weights"), ...problem.slots.flatMap((slot) => group(slot, "slot"))];
}
