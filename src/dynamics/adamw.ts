import { requireOptions } from "../errors.ts";
import { mul, sub } from "../tensor/elementwise.ts";
import { ADAM_DOMAINS, ADAM_OPTIONS, adamStep, type AdamSettings } from "./adam.ts";
import type { Dynamics, Setting } from "./dynamics.ts";

/**
 * Adam with decoupled weight decay: weights shrink by themselves, not through the gradient.
 *
 *     w_{t+1} = (1 − α_t λ_t) w_t − α_t m̂ / (√ŝ + ε)        m̂ and ŝ as in `adam`
 *
 * Elsewhere: PyTorch `AdamW(lr=α, betas=(β₁, β₂), eps=ε, weight_decay=λ)`, with its defaults. The decay shrinks with the rate, in
 * the paper it does not. Derivatives, zero gradients and `drmad`'s paths included, as in
 * `adam`; with 16 snapshots the gradient in λ is 0.97 of the exact one.
 *
 * @param settings those of `adam`, and `weightDecay` λ ≥ 0, 0.01 unless told, of the same kinds: a tree without decay on the
 * biases has 0 in their places
 * @throws DrmadError as the experiment is traced: shape-mismatch for a setting that does not broadcast to its weights,
 * invalid-experiment for a number outside its domain
 *
 * Source: Loshchilov and Hutter 2019, arXiv 1711.05101, algorithm 2.
 */
export function adamW(options: AdamSettings & { readonly weightDecay?: Setting }): Dynamics {
  requireOptions("dynamics.adamW", options, { ...ADAM_OPTIONS, weightDecay: "setting?" });
  const { rate, first = 0.9, second = 0.999, epsilon = 1e-8, weightDecay = 0.01 } = options;
  return {
    name: "adamW",
    settings: { rate, first, second, epsilon, weightDecay },
    domains: { ...ADAM_DOMAINS, weightDecay: "0 or above" },
    slots: ["mean", "square"],
    step(state, gradient, settings, t) {
      const { weight, slots } = state;
      const shrunk = mul(sub(1, mul(settings["rate"]!, settings["weightDecay"]!)), weight);
      return adamStep({ weight: shrunk, slots }, gradient, settings, t);
    },
  };
}
