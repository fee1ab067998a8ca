import { requireOptions } from "../errors.ts";
import { add, mul, sub } from "../tensor/elementwise.ts";
import type { Dynamics, Setting } from "./dynamics.ts";

/**
 * Nesterov's momentum, in the weights at which the gradient is taken:
 *
 *     v_{t+1} = γ_t v_t − α_t g_t        v_0 = 0
 *     w_{t+1} = w_t + γ_t v_{t+1} − α_t g_t
 *
 * Elsewhere: Keras `SGD(learning_rate=α, momentum=γ, nesterov=True)`. PyTorch's `SGD(lr=α, momentum=γ, nesterov=True)` keeps
 * b = −v/α, so it takes the same steps while α stays; when α changes, PyTorch's new rate acts on the whole velocity at once.
 *
 * On `drmad`'s paths velocities lie on the line through the kept ones, as the weights do. How good that is, on a 64-50-50-10
 * network on the digits with an L2 penalty per input, T = 200: with 16 snapshots the penalties' gradient has cosine 0.99 to the
 * exact one, and those in rate and decay are 0.86 and 0.93 of theirs (velocities taken from the weights: 0.86 and 0.84); along
 * the straight line all are lost.
 *
 * @param settings `rate` α ≥ 0 and `decay` γ from 0 to 1: each a number, a tensor that broadcasts to every weight tensor, or a
 * tree nested like the weights (a group's value serves all below it)
 * @throws DrmadError as the experiment is traced: shape-mismatch for a setting that does not broadcast to its weights,
 * invalid-experiment for a number outside its domain
 *
 * Source: Nesterov 1983; Sutskever, Martens, Dahl, Hinton 2013; Bengio, Boulanger-Lewandowski, Pascanu 2013, equation 7.
 */
export function nesterov(settings: { readonly rate: Setting; readonly decay: Setting }): Dynamics {
  requireOptions("dynamics.nesterov", settings, { rate: "setting", decay: "setting" });
  return {
    name: "nesterov",
    settings: { rate: settings.rate, decay: settings.decay },
    domains: { rate: "0 or above", decay: "from 0 to 1" },
    slots: ["velocity"],
    step({ weight, slots }, gradient, { rate, decay }) {
      const push = mul(rate!, gradient);
      const velocity = sub(mul(decay!, slots["velocity"]!), push);
      return { weight: add(weight, sub(mul(decay!, velocity), push)), slots: { velocity } };
    },
  };
}
