import { requireOptions } from "../errors.ts";
import { add, div, mul, square, sub } from "../tensor/elementwise.ts";
import type { Dynamics, Setting } from "./dynamics.ts";
import { root } from "./second-moment.ts";

/**
 * Adagrad: gradients divided by the root of the sum of all their squares.
 *
 *     s_{t+1} = s_t + g_t²        s_0 = 0
 *     w_{t+1} = w_t − α_t g_t / (√s_{t+1} + ε_t)
 *
 * Elsewhere: PyTorch `Adagrad(lr=α, eps=ε)`, with its default for ε and without its decay of the rate, for which a rate for
 * every step serves. Keras begins at s_0 = 0.1 and has ε under the root.
 *
 * Where a gradient has been 0 so far, the step is differentiated as g/ε, which is right: see `root`.
 *
 * On `drmad`'s paths sums lie on the line through the kept ones, as the weights do. How good that is, on a 64-50-50-10
 * network on the digits with an L2 penalty per input, T = 200: with 16 snapshots the penalties' gradient has cosine 0.994 to the
 * exact one, but that in α is 1.8 of its own (1.4 with 64); along the straight line the adjoint overflows.
 *
 * @param settings `rate` α ≥ 0 and `epsilon` ε > 0, 1e-10 unless told: each a number, a tensor that broadcasts to every weight
 * tensor, or a tree nested like the weights (a group's value serves all below it)
 * @throws DrmadError as the experiment is traced: shape-mismatch for a setting that does not broadcast to its weights,
 * invalid-experiment for a number outside its domain
 *
 * Source: Duchi, Hazan, Singer 2011.
 */
export function adagrad(options: { readonly rate: Setting; readonly epsilon?: Setting }): Dynamics {
  requireOptions("dynamics.adagrad", options, { rate: "setting", epsilon: "setting?" });
  const { rate, epsilon = 1e-10 } = options;
  return {
    name: "adagrad",
    settings: { rate, epsilon },
    domains: { rate: "0 or above", epsilon: "above 0" },
    slots: ["square"],
    step({ weight, slots }, gradient, settings) {
      const s = add(slots["square"]!, square(gradient));
      const change = div(mul(settings["rate"]!, gradient), add(root(s), settings["epsilon"]!));
      return { weight: sub(weight, change), slots: { square: s } };
    },
  };
}
