import { DrmadError, requireOptions } from "../errors.ts";
import { mul, neg, relu, sub } from "../tensor/elementwise.ts";
import type { Dynamics, Setting } from "./dynamics.ts";

/**
 * An L1 penalty λ Σ|w| that no gradient sees: each step of other dynamics is followed by the soft threshold, which sets
 * small weights to exactly 0 (proximal gradient descent; Daubechies, Defrise and De Mol 2004, with any inner step).
 *
 *     w_{t+1} = soft(w', α_t λ)        w' and the slots: what the inner dynamics give
 *     soft(w, τ) = max(w − τ, 0) − max(−w − τ, 0)
 *
 * With `sgd`, and for a convex loss, it converges to the minimum of loss + λ Σ|w|. The slots keep what they gathered while
 * a weight is 0.
 *
 * Derivatives are those of the side that is at 0: where |w'| ≤ α λ, the corner included, both ∂w_{t+1}/∂w' and
 * ∂w_{t+1}/∂λ are 0. A hypergradient is right wherever no weight is at a corner, so for all but isolated λ; but a weight
 * that ends at 0, and did so in every step before, tells nothing of how far λ is above what would let it go.
 *
 * Where a weight was set to 0 its velocity does not follow from how it moved, so `drmad`'s paths place the inner slots on the
 * line through the kept ones, as they place the weights. How good that is, with momentum and a 64-10 network on the digits,
 * T = 30: with 10 snapshots the rate's gradient is 0.998 of the exact one, along the straight line 0.61, as published 0.08.
 * `reversible` takes `momentum` alone.
 *
 * @param settings `l1` λ ≥ 0: a number, a tensor that broadcasts to every weight tensor, or a tree nested like the weights
 * @throws DrmadError invalid-argument for dynamics without a setting `rate`
 */
export function proximal(inner: Dynamics, settings: { readonly l1: Setting }): Dynamics {
  if (typeof inner?.step !== "function") {
    throw new DrmadError("invalid-argument", "dynamics.proximal is given no dynamics to follow", {
      hint: "Give dynamics first, such as proximal(sgd({ rate: 0.1 }), { l1: 1e-3 }).",
    });
  }
  requireOptions("dynamics.proximal", settings, { l1: "setting" });
  if (!("rate" in inner.settings)) {
    throw new DrmadError("invalid-argument", `proximal cannot follow ${inner.name}, which has no setting rate`, {
      hint: "The threshold is rate · l1: give dynamics with a rate, such as sgd or momentum.",
    });
  }
  return {
    name: `proximal ${inner.name}`,
    settings: { ...inner.settings, l1: settings.l1 },
    domains: { ...inner.domains, l1: "0 or above" },
    slots: inner.slots,
    step: (...arguments_) => {
      const [, , { rate, l1 }] = arguments_;
      const { weight, slots } = inner.step(...arguments_);
      const threshold = mul(rate!, l1!);
      return { weight: sub(relu(sub(weight, threshold)), relu(sub(neg(weight), threshold))), slots };
    },
  };
}
