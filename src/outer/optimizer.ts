import type { Point } from "../data/point.ts";
import { DrmadError } from "../errors.ts";

export interface Update<S> {
  /** What to add to the point. */
  readonly change: Point;
  readonly state: S;
}

/** An outer optimiser: a pure transform of hypergradients into changes. Its state is plain data. */
export interface OuterOptimizer<S = unknown> {
  readonly name: string;
  init(point: Point): S;
  update(gradient: Point, state: S): Update<S>;
  /** The same optimiser with another rate, all its other settings kept; absent where it has none to change. */
  withRate?(rate: number): OuterOptimizer<S>;
}

export function positiveRate(name: string, rate: number): number {
  if (!(rate > 0 && Number.isFinite(rate))) {
    throw new DrmadError("invalid-argument", `${name} has rate ${rate}`, { hint: "Give a finite number above 0." });
  }
  return rate;
}
