import { DrmadError, requireOptions } from "../errors.ts";
import type { Point } from "../data/point.ts";
import type { Buffers, Rollout, SweepRun, Trained } from "../rollout/rollout.ts";
import type { Method } from "./method.ts";
import { storedPath } from "./reverse.ts";
import { sweepBack } from "./sweep-back.ts";

/** Trains from step `from` to step `to`, and keeps what a sweep reads of the last of these steps. Frees the state given. */
async function toNext(
  rollout: Rollout,
  reads: readonly string[],
  state: Buffers,
  from: number,
  to: number,
): Promise<Trained> {
  let before = state;
  if (from < to - 1) {
    const early = await rollout.train(state, { range: { from, to: to - 1 } }).finally(() => rollout.free(state));
    before = early.final;
  }
  return rollout.train(before, { range: { from: to - 1, to }, keep: reads }).finally(() => rollout.free(before));
}

const mapPoint = (point: Point, f: (value: number, name: string, i: number) => number): Point =>
  Object.fromEntries(Object.entries(point).map(([name, values]) => [name, values.map((v, i) => f(v, name, i))]));

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
 * Memory: a state. Cost: training once, and for each of T / every steps a gradient of f on the whole validation split and
 * about two steps' work, each a call of its own: with 800 validation rows, minibatches of 50 and a small network five to six
 * trainings at every 10, two at every 50.
 *
 * Errors: `non-finite`.
 * Source: Luketina, Berglund, Greff, Raiko 2016, equation 5.
 */
export function oneStep(options: { readonly every?: number } = {}): Method {
  requireOptions("methods.oneStep", options, { every: "number?" });
  const { every = 10 } = options;
  if (!Number.isInteger(every) || every < 1) {
    throw new DrmadError("invalid-argument", `oneStep at every ${every} steps`, {
      hint: "Give a whole number, at least 1.",
    });
  }
  return {
    name: `oneStep(${every})`,
    exact: false,
    settings: { every },
    async run(rollout) {
      const sweep = await rollout.sweep(storedPath(rollout.steps));
      const count = Math.ceil(rollout.steps / every);
      let state = await rollout.start();
      let run: SweepRun | undefined;
      try {
        for (let left = count - 1, at = 0; ; left--) {
          const to = rollout.steps - left * every;
          const { final, kept } = await toNext(rollout, sweep.reads, state, at, to);
          state = final;
          at = to;
          try {
            const outer = await rollout.outer(final);
            // Of one step there is no mean to take, and it is what `truncated` gives, to the last bit.
            if (count === 1)
              return {
                value: outer.value,
                direct: outer.direct,
                final,
                ...(await sweepBack(sweep, outer, kept, false)),
              };
            if (run === undefined) run = await sweep.begin({ ...outer, direct: mapPoint(outer.direct, () => 0) });
            else await run.restart(outer);
            for (const { range, tensors } of kept) await run.back(range, tensors);
            if (left > 0) continue;
            const { gradient: sum, growth } = await run.finish(false);
            const gradient = mapPoint(outer.direct, (d, name, i) => sum[name]![i]! / count + d);
            return { value: outer.value, gradient, direct: outer.direct, growth, final };
          } finally {
            rollout.free(...kept.map(({ tensors }) => tensors));
          }
        }
      } catch (error) {
        run?.abandon();
        rollout.free(state);
        throw error;
      }
    },
  };
}
