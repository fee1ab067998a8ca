import type { Method, OuterOptimizer } from "drmad";
import type { Point, Rollout } from "./rollout.ts";

/** Points that survive JSON. */
export type Plain = Readonly<Record<string, readonly number[]>>;
export const plain = (point: Point): Plain => Object.fromEntries(Object.entries(point).map(([k, v]) => [k, [...v]]));
export const typed = (point: Plain): Point =>
  Object.fromEntries(Object.entries(point).map(([k, v]) => [k, Float64Array.from(v)]));

/** The point, moved by a change. */
export const moved = (point: Point, change: Point): Point =>
  Object.fromEntries(Object.entries(point).map(([k, u]) => [k, u.map((v, i) => v + change[k]![i]!)]));

/** A hypergradient, and the point where it was taken. */
export interface Found {
  readonly point: Point;
  readonly value: number;
  readonly growth: number;
  readonly gradient: Point;
}

/** @param point the rollout's own where there is none */
export async function foundAt(rollout: Rollout, point: Point | undefined, method: Method): Promise<Found> {
  const at = rollout.at(point ?? rollout.point);
  const { value, growth, gradient, final } = await method.run(at);
  rollout.free(final);
  return { point: at.point, value, growth, gradient };
}

export interface Descent {
  /** Where it came to, after the last change. */
  readonly end: Point | undefined;
  /** Before each change. */
  readonly points: readonly Point[];
  /** Outer losses there; fewer than asked for where a run diverged. */
  readonly curve: readonly number[];
  readonly growth: readonly number[];
}

/**
 * An outer loop whose every step has a seed of its own: of initial weights, minibatches, or the split. `tune` holds one seed,
 * or the mean of some, for all steps.
 * @param start the experiment's own where there is none
 * @param at what is found at a step; undefined ends the descent
 */
export async function descent<S>(
  optimizer: OuterOptimizer<S>,
  outerSteps: number,
  start: Point | undefined,
  at: (step: number, point: Point | undefined) => Promise<Found | undefined>,
): Promise<Descent> {
  const [points, curve, growth]: [Point[], number[], number[]] = [[], [], []];
  let end = start;
  let state: S | undefined;
  for (let step = 0; step < outerSteps; step++) {
    const found = await at(step, end);
    if (found === undefined) break;
    points.push(found.point);
    curve.push(found.value);
    growth.push(found.growth);
    const update = optimizer.update(found.gradient, state ?? optimizer.init(found.point));
    state = update.state;
    end = moved(found.point, update.change);
  }
  return { end, points, curve, growth };
}
