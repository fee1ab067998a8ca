import { mapPoint, type Point } from "../data/point.ts";
import { requireOptions } from "../errors.ts";
import { decayOf, positive, positiveRate, type OuterOptimizer } from "./optimizer.ts";

export interface RmspropOptions {
  readonly rate: number;
  /** ρ */
  readonly decay?: number;
  readonly epsilon?: number;
}

export interface RmspropState {
  readonly square: Point;
}

/**
 * s ← ρs + (1−ρ)g²,  u ← u − α · g / (√s + ε), with s = 0 at first.
 *
 * There is no bias correction, so that the first step is α/√(1−ρ) along the sign of the gradient: 3.2 α by default. It suits
 * hypergradients whose lengths differ between coordinates and change along the run; like `sign`, it does not converge by
 * itself where they are noisy. A zero gradient moves nothing.
 *
 * Source: Tieleman and Hinton 2012, lecture 6.5 of "Neural networks for machine learning"; with decay 0.99 as PyTorch's
 * RMSprop has it. The code of Maclaurin et al. 2015 starts from s = 1 instead.
 */
export function rmsprop(options: RmspropOptions): OuterOptimizer<RmspropState> {
  requireOptions("outer.rmsprop", options, { rate: "number", decay: "number?", epsilon: "number?" });
  const { rate, decay = 0.9, epsilon = 1e-8 } = options;
  positiveRate("rmsprop", rate);
  decayOf("rmsprop", "decay", decay);
  positive("rmsprop", "epsilon", epsilon);
  return {
    name: `rmsprop(${rate})`,
    settings: { rate, decay, epsilon },
    init: (point) => ({ square: mapPoint(point, () => 0) }),
    update(gradient, state) {
      const square = mapPoint(state.square, (s, name, i) => decay * s + (1 - decay) * gradient[name]![i]! ** 2);
      const change = mapPoint(gradient, (g, name, i) => (-rate * g) / (Math.sqrt(square[name]![i]!) + epsilon));
      return { change, state: { square } };
    },
    withRate: (other) => rmsprop({ rate: other, decay, epsilon }),
  };
}
