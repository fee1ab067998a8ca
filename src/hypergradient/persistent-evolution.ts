import { requireSeed, substream, type Seed } from "../data/random.ts";
import { DrmadError, requireOptions } from "../errors.ts";
import { mapPoint, moved } from "../data/point.ts";
import type { Point } from "../data/point.ts";
import { directOnly } from "./controls.ts";
import type { Method } from "./method.ts";
import { particleLoss, perturb } from "./particle.ts";

export interface PersistentEvolutionOptions {
  /** Antithetic pairs N of particles. */
  readonly pairs: number;
  /** Standard deviation of a perturbation, in unconstrained coordinates: the width over which the loss is smoothed. */
  readonly sigma?: number;
  /** Parts of the training run, each with a perturbation of its own. One gives plain evolution strategies. */
  readonly segments?: number;
  readonly seed?: Seed;
}

const refuse = (what: string, hint: string): DrmadError =>
  new DrmadError("invalid-argument", `persistentEvolution has ${what}`, { hint });

/**
 * Persistent evolution strategies for a loss at the end of training: the slope of the loss smoothed over perturbed runs,
 * for regimes so chaotic that the exact hypergradient, though right, is useless. Nothing is differentiated.
 *
 *     dλ ≈ 1/(2Nσ²) Σ_i ξ_i (F(+ε_i) − F(−ε_i)),    ξ_i = Σ_s ε_is,    ε_is ~ N(0, σ²),   s = 1 … S segments
 *
 * F(ε) is f(w_T, λ) with λ + ε_s in segment s, the last one's in f. A value for a step is perturbed once, in its segment.
 *
 * Unbiased for the gradient of E_ε F(ε), not of F(0): they differ by O(σ²) where F is smooth. Variance of one number where F
 * is linear with slopes g_s: (S Σ_s ‖g_s‖² + (Σ_s g_s)²_j)/N, whatever σ is; so a relative error of 1 needs about as many
 * pairs as there are numbers. With losses along the way segments would give gradients early; with one at the end S > 1 only
 * smooths over schedules, for more variance: leave S at 1 unless that is wanted. Right for few hyperparameters. Reports
 * `standardError` from two pairs. Another draw at every call, the same series for the same seed.
 *
 * Memory: one state. Cost: 2N + 1 training runs.
 * Errors: `non-finite` with the particle that diverged; `unsupported` for more segments than steps.
 * Source: Vicol, Metz, Sohl-Dickstein 2021, arXiv 2112.13835; at S = 1 Salimans et al. 2017 (antithetic).
 */
export function persistentEvolution(options: PersistentEvolutionOptions): Method {
  requireOptions("methods.persistentEvolution", options, {
    pairs: "number",
    sigma: "number?",
    segments: "number?",
    seed: "number or text?",
  });
  const { pairs, sigma = 0.1, segments = 1, seed = 0 } = options;
  for (const [name, n] of Object.entries({ pairs, segments }))
    if (!Number.isInteger(n) || n < 1) throw refuse(`${n} ${name}`, "Give a whole number, at least 1.");
  if (!(sigma > 0 && Number.isFinite(sigma))) throw refuse(`sigma ${sigma}`, "Give a finite number above 0.");
  requireSeed("methods.persistentEvolution", seed);
  return particlesFrom({ pairs, sigma, segments, seed }, 0);
}

function particlesFrom({ pairs, sigma, segments, seed }: Required<PersistentEvolutionOptions>, first: number): Method {
  let call = first;
  return {
    name: segments === 1 ? `persistentEvolution(${pairs})` : `persistentEvolution(${pairs}, ${segments} segments)`,
    exact: false,
    settings: { pairs, sigma, segments, seed },
    fromDraw: (draw) => particlesFrom({ pairs, sigma, segments, seed }, draw),
    async run(rollout) {
      const { point, steps } = rollout;
      if (segments > steps) {
        throw new DrmadError(
          "unsupported",
          `persistentEvolution has ${segments} segments for ${steps} training steps`,
          {
            hint: "Take at most one segment for each step.",
          },
        );
      }
      const draw = call++;
      let mean: Point = mapPoint(point, () => 0);
      let squares: Point = mean;
      for (let i = 0; i < pairs; i++) {
        const { bySegment, total } = perturb(rollout, segments, (s) =>
          substream(seed, "persistent evolution", draw, i, s),
        );
        const loss = (sign: 1 | -1): Promise<number> =>
          particleLoss(
            rollout,
            bySegment.map((direction) => moved(point, direction, sign * sigma)),
            `particle ${i + 1}${sign > 0 ? "+" : "−"} of ${pairs} pairs`,
          );
        const slope = ((await loss(1)) - (await loss(-1))) / (2 * sigma);
        // Welford's running mean and sum of squared deviations.
        const before = mean;
        mean = mapPoint(before, (m, name, j) => m + (slope * total[name]![j]! - m) / (i + 1));
        squares = mapPoint(squares, (q, name, j) => {
          const sample = slope * total[name]![j]!;
          return q + (sample - before[name]![j]!) * (sample - mean[name]![j]!);
        });
      }
      const centre = await directOnly().run(rollout);
      const spread = mapPoint(squares, (q) => Math.sqrt(q / (pairs * (pairs - 1))));
      return { ...centre, gradient: mean, ...(pairs > 1 ? { standardError: spread } : {}) };
    },
  };
}
