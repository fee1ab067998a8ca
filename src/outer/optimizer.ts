import type { Point } from "../rollout/rollout.ts";

/** An outer optimiser: a pure transform from a gradient to an update of unconstrained coordinates. */
export interface OuterOptimizer<S = unknown> {
  readonly name: string;
  init(point: Point): S;
  /** The change to add to the point, and the optimiser's next state. */
  update(gradient: Point, state: S): { readonly change: Point; readonly state: S };
}
