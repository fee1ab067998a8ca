import { add, exp, mul, sigmoid, softplus } from "../tensor/elementwise.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { DrmadError, shownValue } from "../errors.ts";

/**
 * A monotone map from an unconstrained coordinate u to a natural value λ. Losses see λ, optimisers move u.
 *
 * | transform  | λ(u)                     | λ in        |
 * | ---------- | ------------------------ | ----------- |
 * | identity   | u                        | (−∞, ∞)     |
 * | log        | eᵘ                       | (0, ∞)      |
 * | softplus   | log(1 + eᵘ)              | (0, ∞)      |
 * | logit      | 1 / (1 + e⁻ᵘ)            | (0, 1)      |
 * | bounds     | low + (high − low)·σ(u)  | (low, high) |
 */
export interface Transform {
  readonly name: string;
  /** The open interval of natural values. */
  readonly interval: readonly [number, number];
  natural(u: Tensor): Tensor;
  /** The same map for one number. */
  value(u: number): number;
  /** Its inverse. */
  unconstrained(value: number): number;
}

export type TransformName = "identity" | "log" | "softplus" | "logit";

const logistic = (u: number): number => 1 / (1 + Math.exp(-u));
const logit = (p: number): number => Math.log(p) - Math.log1p(-p);

const NAMED: Record<TransformName, Transform> = {
  identity: {
    name: "identity",
    interval: [-Infinity, Infinity],
    natural: (u) => u,
    value: (u) => u,
    unconstrained: (x) => x,
  },
  log: { name: "log", interval: [0, Infinity], natural: exp, value: Math.exp, unconstrained: Math.log },
  softplus: {
    name: "softplus",
    interval: [0, Infinity],
    natural: softplus,
    value: (u) => Math.max(u, 0) + Math.log1p(Math.exp(-Math.abs(u))),
    // log(eˣ − 1) without overflow
    unconstrained: (x) => x + Math.log(-Math.expm1(-x)),
  },
  logit: { name: "logit", interval: [0, 1], natural: sigmoid, value: logistic, unconstrained: logit },
};

const bounded = (low: number, high: number): Transform => ({
  name: `bounds(${low}, ${high})`,
  interval: [low, high],
  natural: (u) => add(low, mul(high - low, sigmoid(u))),
  value: (u) => low + (high - low) * logistic(u),
  unconstrained: (x) => logit((x - low) / (high - low)),
});

export interface TransformOptions {
  readonly transform?: TransformName;
  /** Keeps values strictly between two numbers; instead of `transform`. */
  readonly bounds?: readonly [number, number];
}

export function transformOf({ transform, bounds }: TransformOptions): Transform {
  if (bounds === undefined) {
    const found = NAMED[transform ?? "identity"];
    if (found === undefined) {
      throw new DrmadError("invalid-argument", `there is no transform "${String(transform)}"`, {
        hint: `Use one of ${Object.keys(NAMED).join(", ")}, or bounds: [low, high].`,
      });
    }
    return found;
  }
  const pair = bounds.length === 2 && bounds.every((bound) => typeof bound === "number");
  if (transform !== undefined || !pair || !(bounds[0] < bounds[1]) || !Number.isFinite(bounds[1] - bounds[0])) {
    throw new DrmadError("invalid-argument", `bounds [${bounds.map(shownValue).join(", ")}] do not make a transform`, {
      hint: "Give two finite numbers, the lower first, and no other transform.",
    });
  }
  return bounded(...bounds);
}

/** @throws DrmadError invalid-argument where a value lies outside the transform's open interval */
export function toUnconstrained(transform: Transform, values: Float64Array, name: string): Float64Array {
  const [low, high] = transform.interval;
  const bad = values.find((v) => !(v > low && v < high));
  if (bad !== undefined) {
    throw new DrmadError("invalid-argument", `hyperparameter ${name} starts at ${bad}, outside (${low}, ${high})`, {
      hint: `The ${transform.name} transform only reaches values strictly inside that interval.`,
    });
  }
  return values.map((v) => transform.unconstrained(v));
}
