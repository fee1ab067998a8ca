import { mapPoint, type Point } from "../data/point.ts";
import { requireOptions } from "../errors.ts";
import { decayOf, positive, positiveRate, type OuterOptimizer } from "./optimizer.ts";

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
 * A gradient of zero moves nothing at the first update; later ones go on with the averages. Source: Kingma and Ba 2015,
 * algorithm 1.
 */
export function adam(options: AdamOptions): OuterOptimizer<AdamState> {
  requireOptions("outer.adam", options, {
    rate: "number",
    first: "number?",
    second: "number?",
    epsilon: "number?",
  });
  const { rate, first = 0.9, second = 0.999, epsilon = 1e-8 } = options;
  positiveRate("adam", rate);
  decayOf("adam", "first", first);
  decayOf("adam", "second", second);
  positive("adam", "epsilon", epsilon);
  return {
    name: `adam(${rate})`,
    settings: { rate, first, second, epsilon },
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
