import { mapPoint, type Point } from "../data/point.ts";
import { DrmadError } from "../errors.ts";
import { positiveRate, type OuterOptimizer } from "./optimizer.ts";

export interface AdamOptions {
  readonly rate: number;
  /** β₁ */
  readonly first?: number;
  /** β₂ */
  readonly second?: number;
  readonly epsilon?: number;
}

export interface AdamState {
  readonly step: number;
  readonly mean: Point;
  readonly square: Point;
}

/**
 * m ← β₁m + (1−β₁)g,  s ← β₂s + (1−β₂)g²,  u ← u − α · m/(1−β₁ᵏ) / (√(s/(1−β₂ᵏ)) + ε) at the k-th update.
 *
 * A zero gradient moves nothing. Source: Kingma and Ba 2015, algorithm 1.
 */
export function adam({ rate, first = 0.9, second = 0.999, epsilon = 1e-8 }: AdamOptions): OuterOptimizer<AdamState> {
  positiveRate("adam", rate);
  for (const [name, value] of Object.entries({ first, second })) {
    if (!(value >= 0 && value < 1)) {
      throw new DrmadError("invalid-argument", `adam has ${name} ${value}`, { hint: "Give a number from 0, below 1." });
    }
  }
  if (!(epsilon > 0 && Number.isFinite(epsilon))) {
    throw new DrmadError("invalid-argument", `adam has epsilon ${epsilon}`, { hint: "Give a finite number above 0." });
  }
  return {
    name: `adam(${rate})`,
    init: (point) => ({ step: 0, mean: mapPoint(point, () => 0), square: mapPoint(point, () => 0) }),
    update(gradient, state) {
      const step = state.step + 1;
      const mean = mapPoint(state.mean, (m, name, i) => first * m + (1 - first) * gradient[name]![i]!);
      const square = mapPoint(state.square, (s, name, i) => second * s + (1 - second) * gradient[name]![i]! ** 2);
      const change = mapPoint(mean, (m, name, i) => {
        const spread = Math.sqrt(square[name]![i]! / (1 - second ** step));
        return (-rate * m) / (1 - first ** step) / (spread + epsilon);
      });
      return { change, state: { step, mean, square } };
    },
    withRate: (other) => adam({ rate: other, first, second, epsilon }),
  };
}
