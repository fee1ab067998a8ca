import { mapPoint } from "../data/point.ts";
import { requireOptions } from "../errors.ts";
import type { AdamState } from "./adam.ts";
import { positiveRate, type OuterOptimizer } from "./optimizer.ts";

/** β₁ and β₂; λ, by whose powers β₁ falls; ε. */
const [FIRST, SECOND, FALL, EPSILON] = [0.9, 0.99, 1e-4, 1e-4];

/**
 * The Adam that Maclaurin et al. 2015 and Fu et al. 2016 ran, to repeat their experiments; `adam` is the one to use.
 *
 *     b ← β₁ λᵏ⁻¹,  m ← b m + (1−b) g,  s ← β₂ s + (1−β₂) g²,  u ← u − α · m/(1−β₁ᵏ) / (√(s/(1−β₂ᵏ)) + ε)
 *
 * at the k-th update, with β₁ = 0.9, β₂ = 0.99, λ = ε = 10⁻⁴. The first version of Adam's paper means λ = 1 − 10⁻⁸; with this
 * λ, m is the latest gradient alone from the second update on, but is still divided by 1−β₁ᵏ as if it were an average from
 * zero. So steps are too long at first: for a constant gradient 1, 5.26, 3.69, 2.91, 2.44, … times α. Their "Adam with step
 * 0.04" is this. A gradient of zero moves nothing at the first update; later ones go on with what is left of the averages.
 *
 * Source: `adam` in hypergrad/optimizers.py of the code of Maclaurin et al., whose b1 and b2 are 1 − β₁ and 1 − β₂.
 */
export function maclaurinAdam(options: { readonly rate: number }): OuterOptimizer<AdamState> {
  requireOptions("outer.maclaurinAdam", options, { rate: "number" });
  const { rate } = options;
  positiveRate("maclaurinAdam", rate);
  return {
    name: `maclaurinAdam(${rate})`,
    settings: { rate },
    init: (point) => ({ step: 0, mean: mapPoint(point, () => 0), square: mapPoint(point, () => 0) }),
    update(gradient, state) {
      const step = state.step + 1;
      const kept = FIRST * FALL ** (step - 1);
      const mean = mapPoint(state.mean, (m, name, i) => kept * m + (1 - kept) * gradient[name]![i]!);
      const square = mapPoint(state.square, (s, name, i) => SECOND * s + (1 - SECOND) * gradient[name]![i]! ** 2);
      const change = mapPoint(mean, (m, name, i) => {
        const spread = Math.sqrt(square[name]![i]! / (1 - SECOND ** step));
        return (-rate * m) / (1 - FIRST ** step) / (spread + EPSILON);
      });
      return { change, state: { step, mean, square } };
    },
    withRate: (other) => maclaurinAdam({ rate: other }),
  };
}
