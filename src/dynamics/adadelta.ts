import { requireOptions } from "../errors.ts";
import { add, div, mul, sqrt, square, sub } from "../tensor/elementwise.ts";
import type { Dynamics, Setting } from "./dynamics.ts";

/**
 * Adadelta: steps as long as earlier steps were, in units of gradients as large as earlier gradients were.
 *
 *     s_{t+1} = ρ_t s_t + (1 − ρ_t) g_t²                    s_0 = 0
 *     d_t = √(r_t + ε_t) / √(s_{t+1} + ε_t) · g_t
 *     r_{t+1} = ρ_t r_t + (1 − ρ_t) d_t²                    r_0 = 0
 *     w_{t+1} = w_t − α_t d_t
 *
 * Elsewhere: PyTorch `Adadelta(lr=α, rho=ρ, eps=ε)`, with its defaults. ε lies under the roots, so gradients of 0 need no care.
 *
 * On `drmad`'s paths averages lie on the line through the kept ones, as the weights do. How good that is, on a 64-50-50-10
 * network on the digits with an L2 penalty per input, T = 200: with 16 snapshots the penalties' gradient has cosine 0.98 to the
 * exact one, but those in α and ρ are 1.5 and 2.0 of theirs; along the straight line the adjoint overflows.
 *
 * @param settings `rate` α ≥ 0, 1 unless told, `decay` 0 ≤ ρ < 1, 0.9 unless told, `epsilon` ε > 0, 1e-6 unless told: each a
 * number, a tensor that broadcasts to every weight tensor, or a tree nested like the weights (a group's value serves all
 * below it)
 * @throws DrmadError as the experiment is traced: shape-mismatch for a setting that does not broadcast to its weights,
 * invalid-experiment for a number outside its domain
 *
 * Source: Zeiler 2012, arXiv 1212.5701.
 */
export function adadelta(
  options: { readonly rate?: Setting; readonly decay?: Setting; readonly epsilon?: Setting } = {},
): Dynamics {
  requireOptions("dynamics.adadelta", options, { rate: "setting?", decay: "setting?", epsilon: "setting?" });
  const { rate = 1, decay = 0.9, epsilon = 1e-6 } = options;
  return {
    name: "adadelta",
    settings: { rate, decay, epsilon },
    domains: { rate: "0 or above", decay: "from 0, below 1", epsilon: "above 0" },
    slots: ["square", "squaredStep"],
    step({ weight, slots }, gradient, settings) {
      const average = (old: string, x: typeof gradient): typeof gradient =>
        add(mul(settings["decay"]!, slots[old]!), mul(sub(1, settings["decay"]!), square(x)));
      const rootOf = (x: typeof gradient): typeof gradient => sqrt(add(x, settings["epsilon"]!));
      const s = average("square", gradient);
      const d = mul(div(rootOf(slots["squaredStep"]!), rootOf(s)), gradient);
      return {
        weight: sub(weight, mul(settings["rate"]!, d)),
        slots: { square: s, squaredStep: average("squaredStep", d) },
      };
    },
  };
}
