import { DrmadError } from "../errors.ts";
import type { Buffers, Outer, Point, Rollout, Sweep, Swept } from "../rollout/rollout.ts";
import type { Method } from "./method.ts";
import { storedPath } from "./reverse.ts";
import { sweepBack } from "./sweep-back.ts";

interface Step extends Swept {
  readonly outer: Outer;
  readonly final: Buffers;
}

/** Trains from step `from` to step `to`, and sweeps back through the last of these steps alone. Frees the state given. */
async function lastOf(rollout: Rollout, sweep: Sweep, state: Buffers, from: number, to: number): Promise<Step> {
  let before = state;
  if (from < to - 1) {
    const early = await rollout.train(state, { range: { from, to: to - 1 } }).finally(() => rollout.free(state));
    before = early.final;
  }
  const { final, kept } = await rollout
    .train(before, { range: { from: to - 1, to }, keep: sweep.reads })
    .finally(() => rollout.free(before));
  try {
    const outer = await rollout.outer(final);
    return { ...(await sweepBack(sweep, outer, kept, false)), outer, final };
  } catch (error) {
    rollout.free(final);
    throw error;
  } finally {
    rollout.free(...kept.map(({ tensors }) => tensors));
  }
}

/** The mean of what reaches the hyperparameters through the steps, and the direct part at the end. */
function mean(throughs: readonly Point[], direct: Point): Point {
  return Object.fromEntries(
    Object.entries(direct).map(([name, part]) => [
      name,
      part.map((d, i) => throughs.reduce((sum, through) => sum + through[name]![i]!, 0) / throughs.length + d),
    ]),
  );
}

const difference = (a: Point, b: Point): Point =>
  Object.fromEntries(Object.entries(a).map(([name, values]) => [name, values.map((v, i) => v - b[name]![i]!)]));

/**
 * T1–T2: the gradient through one training step at a time, while training goes on, averaged over every so many steps.
 *
 *     dλ ≈ ∂f/∂λ(w_T) + (1/|S|) Σ_{t ∈ S} (∂Φ_t/∂λ)ᵀ (∇w f(w_{t+1}, λ), 0),   S = { T−1, T−1−every, T−1−2·every, … } ≥ 0
 *
 * The state before each of these steps is taken not to depend on λ. The paper moves λ at each of them; here λ stays for
 * the whole run, and their mean is its gradient. With every ≥ T only the last step counts: `truncated({ steps: 1 })`.
 *
 * Right where penalties act at once and only signs or rough directions are wanted. Wrong in length by construction (a step
 * moves weights by about the rate), blind to initial weights, and short-sighted for rates and decays (Wu et al. 2018). Of
 * values for every step only those of S have a gradient.
 *
 * Memory: a state. Cost: training once, and for each of T / every steps a gradient of f on the whole validation split (the
 * larger part where it has many times the rows of a minibatch) and about two steps' work.
 *
 * Errors: `non-finite`.
 * Source: Luketina, Berglund, Greff, Raiko 2016, equation 5.
 */
export function oneStep({ every = 10 }: { readonly every?: number } = {}): Method {
  if (!Number.isInteger(every) || every < 1) {
    throw new DrmadError("invalid-argument", `oneStep at every ${every} steps`, {
      hint: "Give a whole number, at least 1.",
    });
  }
  return {
    name: `oneStep(${every})`,
    exact: false,
    async run(rollout) {
      const sweep = await rollout.sweep(storedPath(rollout.steps));
      const count = Math.ceil(rollout.steps / every);
      const throughs: Point[] = [];
      let growth = 1;
      let state = await rollout.start();
      let at = 0;
      for (let left = count - 1; left >= 0; left--) {
        const to = rollout.steps - left * every;
        const { gradient, outer, final, growth: grown } = await lastOf(rollout, sweep, state, at, to);
        const { value, direct } = outer;
        growth = Math.max(growth, grown);
        // One step needs no mean, and is what `truncated` gives, to the last bit.
        if (count === 1) return { value, gradient, direct, growth, final };
        throughs.push(difference(gradient, direct));
        if (left === 0) return { value, gradient: mean(throughs, direct), direct, growth, final };
        state = final;
        at = to;
      }
      throw new Error("a run has at least one step");
    },
  };
}
