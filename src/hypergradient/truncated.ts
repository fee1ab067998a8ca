import { DrmadError, requireOptions } from "../errors.ts";
import type { Method } from "./method.ts";
import { reverse, storedPath } from "./reverse.ts";
import { sweepKept } from "./sweep-back.ts";

/**
 * Reverse mode through the last K steps only; the state before them is taken not to depend on the hyperparameters.
 *
 *     dλ ≈ ∂f/∂λ + Σ_{t ≥ T−K} (∂Φ_t/∂λ)ᵀ (dw, ds)_{t+1}
 *
 * Right where early steps are forgotten: strongly convex ends of training, and short memories. Wrong for initial scales and
 * early rates, whose gradient it does not see, and biased towards what pays soon (Wu et al. 2018). With K = T it is
 * `reverse`, bit for bit. Memory: K steps. Cost: training, and about 2·K/T of it again.
 *
 * Source: Shaban, Cheng, Hatch, Boots 2019.
 */
export function truncated(options: { readonly steps: number }): Method {
  requireOptions("methods.truncated", options, { steps: "number" });
  const { steps: K } = options;
  if (!Number.isInteger(K) || K < 1) {
    throw new DrmadError("invalid-argument", `truncated to ${K} steps`, { hint: "Give a whole number, at least 1." });
  }
  return {
    name: `truncated(${K})`,
    exact: false,
    settings: { steps: K },
    async run(rollout) {
      const T = rollout.steps;
      if (K >= T) return reverse().run(rollout);
      const sweep = await rollout.sweep(storedPath(T));
      const from = T - K;
      const start = await rollout.start();
      const early = await rollout.train(start, { range: { from: 0, to: from } }).finally(() => rollout.free(start));
      const late = await rollout
        .train(early.final, { range: { from, to: T }, keep: sweep.reads })
        .finally(() => rollout.free(early.final));
      return sweepKept(rollout, sweep, late, false);
    },
  };
}
