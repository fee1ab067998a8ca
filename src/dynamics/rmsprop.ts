import { requireOptions } from "../errors.ts";
import { add, div, mul, square, sub } from "../tensor/elementwise.ts";
import type { Dynamics, Setting } from "./dynamics.ts";
import { root } from "./second-moment.ts";

/**
 * RMSprop: gradients divided by the root of a moving average of their squares.
 *
 *     s_{t+1} = ρ_t s_t + (1 − ρ_t) g_t²        s_0 = 0
 *     w_{t+1} = w_t − α_t g_t / (√s_{t+1} + ε_t)
 *
 * Elsewhere: PyTorch `RMSprop(lr=α, alpha=ρ, eps=ε)`, with its defaults for ρ and ε. Keras has ε under the root.
 *
 * Where a gradient has been 0 so far, the step is differentiated as g/ε, which is right: see `root`.
 *
 * On `drmad`'s paths averages lie on the line through the kept ones, as the weights do. How good that is, on a 64-50-50-10
 * network on the digits with an L2 penalty per input, T = 200: with 16 snapshots the penalties' gradient has cosine 0.998 to the
 * exact one, and those in α, ρ and ε are 1.12, 1.04 and 1.26 of theirs; along the straight line the adjoint overflows. There the
 * exact adjoint has a `growth` of 1e9 on its way, which is true and passes, and none with ε = 1e-4.
 *
 * @param settings `rate` α ≥ 0, `decay` 0 ≤ ρ < 1, 0.99 unless told, `epsilon` ε > 0, 1e-8 unless told: each a number, a
 * tensor that broadcasts to every weight tensor, or a tree nested like the weights (a group's value serves all below it)
 * @throws DrmadError as the experiment is traced: shape-mismatch for a setting that does not broadcast to its weights,
 * invalid-experiment for a number outside its domain
 *
 * Source: Tieleman and Hinton 2012, lecture 6.5.
 */
export function rmsprop(options: {
  readonly rate: Setting;
  readonly decay?: Setting;
  readonly epsilon?: Setting;
}): Dynamics {
  requireOptions("dynamics.rmsprop", options, { rate: "setting", decay: "setting?", epsilon: "setting?" });
  const { rate, decay = 0.99, epsilon = 1e-8 } = options;
  return {
    name: "rmsprop",
    settings: { rate, decay, epsilon },
    domains: { rate: "0 or above", decay: "from 0, below 1", epsilon: "above 0" },
    slots: ["square"],
    step({ weight, slots }, gradient, settings) {
      const s = add(mul(settings["decay"]!, slots["square"]!), mul(sub(1, settings["decay"]!), square(gradient)));
      const change = div(mul(settings["rate"]!, gradient), add(root(s), settings["epsilon"]!));
      return { weight: sub(weight, change), slots: { square: s } };
    },
  };
}
