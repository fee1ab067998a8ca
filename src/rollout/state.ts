import type { Problem } from "../problem/problem.ts";
import type { Shape } from "../tensor/shape.ts";

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
