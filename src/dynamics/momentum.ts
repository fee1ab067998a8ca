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
 * On `drmad`'s paths v_{t+1} = (w_{t+1} − w_t)/α_t, exact where the path is. How good that is, on a 64-50-50-10 network on the
 * digits with an L2 penalty per input, T = 200, γ = 0.9: at α = 0.5 the penalties' gradient has cosine 0.96 to the exact one with
 * 16 snapshots, and 0.07 along the straight line; at α = 0.1, on 64-50-10, 1.000 and 0.990, where the rate's is 1.001 and 1.58 of
 * its own.
 *
 * @param settings `rate` α ≥ 0 and `decay` γ from 0 to 1: each a number, a tensor that broadcasts to every weight tensor, or a
 * tree nested like the weights (a group's value serves all below it). A hyperparameter keeps to these domains by
 * its transform, `log` for a rate and `logit` for a decay. With α = 0 anywhere `drmad` cannot recover velocities.
 * @throws DrmadError as the experiment is traced: shape-mismatch for a setting that does not broadcast to its weights,
 * invalid-experiment for a number outside its domain
 */
export function momentum(settings: { readonly rate: Setting; readonly decay: Setting }): Dynamics {
  requireOptions("dynamics.momentum", settings, { rate: "setting", decay: "setting" });
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
