import { requireOptions } from "../errors.ts";
import { add, div, mul, sub } from "../tensor/elementwise.ts";
import type { Dynamics, Setting } from "./dynamics.ts";

/**
 * The momentum of Maclaurin et al. 2015 and Fu et al. 2016: an exponential average of gradients, so that α is the
 * asymptotic step size whatever the decay γ.
 *
 *     v_{t+1} = γ_t v_t − (1 − γ_t) g_t        v_0 = 0
 *     w_{t+1} = w_t + α_t v_{t+1}
 *
 * PyTorch's `SGD(lr = α, momentum = γ, dampening = γ)` is the same map but for its first step, which skips the dampening.
 *
 * @param settings `rate` α ≥ 0 and `decay` γ from 0 to 1: each a number, a tensor that broadcasts to every weight tensor, or a
 * tree nested like the weights (a group's value serves all below it). A hyperparameter keeps to these domains by
 * its transform, `log` for a rate and `logit` for a decay. With α = 0 anywhere `drmad` cannot recover velocities.
 * @throws DrmadError as the experiment is traced: shape-mismatch for a setting that does not broadcast to its weights,
 * invalid-experiment for a number outside its domain
 */
export function momentum(settings: { readonly rate: Setting; readonly decay: Setting }): Dynamics {
  requireOptions("dynamics.momentum", settings, { rate: "required", decay: "required" });
  return {
    name: "momentum",
    settings: { rate: settings.rate, decay: settings.decay },
    domains: { rate: "0 or above", decay: "from 0 to 1" },
    slots: ["velocity"],
    step({ weight, slots }, gradient, { rate, decay }) {
      const velocity = sub(mul(decay!, slots["velocity"]!), mul(sub(1, decay!), gradient));
      return { weight: add(weight, mul(rate!, velocity)), slots: { velocity } };
    },
    recover: { divisor: "rate", slots: (change, { rate }) => ({ velocity: div(change, rate!) }) },
  };
}
