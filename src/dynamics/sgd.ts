import { requireOptions } from "../errors.ts";
import { mul, sub } from "../tensor/elementwise.ts";
import type { Dynamics, Setting } from "./dynamics.ts";

/**
 * Gradient descent: w_{t+1} = w_t − α_t g_t
 *
 * @param settings `rate` α ≥ 0: a number, a tensor that broadcasts to every weight tensor, or a tree nested like the weights
 * (a group's value serves all below it). A hyperparameter keeps to the domain by the transform `log`.
 * @throws DrmadError as the experiment is traced: shape-mismatch for a rate that does not broadcast to its weights,
 * invalid-experiment for a number outside its domain
 */
export function sgd(settings: { readonly rate: Setting }): Dynamics {
  requireOptions("dynamics.sgd", settings, { rate: "setting" });
  return {
    name: "sgd",
    settings: { rate: settings.rate },
    domains: { rate: "0 or above" },
    slots: [],
    step: ({ weight }, gradient, { rate }) => ({ weight: sub(weight, mul(rate!, gradient)), slots: {} }),
  };
}
