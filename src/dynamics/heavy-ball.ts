import { requireOptions } from "../errors.ts";
import { add, mul, sub } from "../tensor/elementwise.ts";
import type { Dynamics, Setting } from "./dynamics.ts";

/**
 * Classical momentum, the heavy ball:
 *
 *     v_{t+1} = γ_t v_t − α_t g_t        v_0 = 0
 *     w_{t+1} = w_t + v_{t+1}
 *
 * Elsewhere: Keras `SGD(learning_rate=α, momentum=γ)`. PyTorch's `SGD(lr=α, momentum=γ)` keeps b = −v/α, so it takes the same
 * steps while α stays; when α changes, PyTorch's new rate acts on the whole velocity at once, here on new gradients only.
 * `momentum` with the rate α/(1 − γ) takes the same steps, while α and γ stay.
 *
 * On `drmad`'s paths v_{t+1} = w_{t+1} − w_t, exact where the path is, and no rate divides it. How good that is, on a 64-50-50-10
 * network on the digits with an L2 penalty per input, T = 200: with 16 snapshots the penalties' gradient has cosine 0.96 to the
 * exact one, and those in rate and decay are 0.75 and 0.79 of theirs; along the straight line all are lost.
 *
 * @param settings `rate` α ≥ 0 and `decay` γ from 0 to 1: each a number, a tensor that broadcasts to every weight tensor, or a
 * tree nested like the weights (a group's value serves all below it)
 * @throws DrmadError as the experiment is traced: shape-mismatch for a setting that does not broadcast to its weights,
 * invalid-experiment for a number outside its domain
 *
 * Source: Polyak 1964; Sutskever, Martens, Dahl, Hinton 2013.
 */
export function heavyBall(settings: { readonly rate: Setting; readonly decay: Setting }): Dynamics {
  requireOptions("dynamics.heavyBall", settings, { rate: "setting", decay: "setting" });
  return {
    name: "heavyBall",
    settings: { rate: settings.rate, decay: settings.decay },
    domains: { rate: "0 or above", decay: "from 0 to 1" },
    slots: ["velocity"],
    step({ weight, slots }, gradient, { rate, decay }) {
      const velocity = sub(mul(decay!, slots["velocity"]!), mul(rate!, gradient));
      return { weight: add(weight, velocity), slots: { velocity } };
    },
    recover: { slots: (change) => ({ velocity: change }) },
  };
}
