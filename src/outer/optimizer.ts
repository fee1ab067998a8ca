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
  /** All that it was made with, defaults filled in; kept studies list them, and compare them before they go on. */
  readonly settings?: Readonly<Record<string, string | number | boolean | undefined>>;
  init(point: Point): S;
  /** @param value the outer loss where the gradient was taken, for optimisers that compare one step with the next */
  update(gradient: Point, state: S, value?: number): Update<S>;
  /** Whether it shortens this gradient before it uses it; absent where it never does. */
  clips?(gradient: Point, state: S): boolean;
  /** The same optimiser with another rate, all its other settings kept; absent where it has none to change. */
  withRate?(rate: number): OuterOptimizer<S>;
  /** Of one that begins with coarser steps: a plateau does not end these, and the patience of a study begins after them. */
  readonly stages?: {
    /** Updates before the last stage. */
    readonly coarse: number;
    /** The optimiser of the last stage. */
    readonly fine: OuterOptimizer;
  };
}

export function positive(optimizer: string, setting: string, value: number): number {
  if (!(value > 0 && Number.isFinite(value))) {
    throw new DrmadError("invalid-argument", `${optimizer} has ${setting} ${value}`, {
      hint: "Give a finite number above 0.",
    });
  }
  return value;
}

export const positiveRate = (name: string, rate: number): number => positive(name, "rate", rate);

/** A share of the past that is kept. */
export function decayOf(optimizer: string, setting: string, value: number): number {
  if (!(value >= 0 && value < 1)) {
    throw new DrmadError("invalid-argument", `${optimizer} has ${setting} ${value}`, {
      hint: "Give a number from 0, below 1.",
    });
  }
  return value;
}

/** What wraps an optimiser takes it first, made: not its name, and not the function that makes it. */
export function requireInner(wrapper: string, optimizer: OuterOptimizer | undefined): void {
  if (typeof optimizer?.update === "function" && typeof optimizer.init === "function") return;
  throw new DrmadError("invalid-argument", `outer.${wrapper} is given no optimizer to wrap`, {
    hint: `Give one first, called: outer.${wrapper}(outer.adam({ rate: 0.05 }), …).`,
  });
}
