import { normal, requireSeed, substream, type Seed } from "../data/random.ts";
import { DrmadError, requireOptions } from "../errors.ts";
import { mapPoint } from "../data/point.ts";
import type { Point } from "../data/point.ts";
import type { Buffers, Rollout } from "../rollout/rollout.ts";
import type { Method } from "./method.ts";

export interface EvogradOptions {
  /** Perturbed copies K of the weights; at least 2. */
  readonly copies?: number;
  /** Standard deviation of a copy's offset, in the units of the weights. */
  readonly sigma?: number;
  /** Training losses are compared in this unit: at a small one the best copy takes all. */
  readonly temperature?: number;
  /** Average over the weights after every n-th step, counted back from the last; without it the last weights alone. */
  readonly every?: number;
  readonly seed?: Seed;
}

const refuse = (what: string, hint: string): DrmadError =>
  new DrmadError("invalid-argument", `evograd has ${what}`, { hint });

function checked(options: EvogradOptions): Required<EvogradOptions> {
  requireOptions("methods.evograd", options, {
    copies: "number?",
    sigma: "number?",
    temperature: "number?",
    every: "number?",
    seed: "number or text?",
  });
  const { copies = 2, sigma = 0.001, temperature = 0.05, every, seed = 0 } = options;
  requireSeed("methods.evograd", seed);
  if (!Number.isInteger(copies) || copies < 2)
    throw refuse(`${copies} copies`, "Give a whole number, at least 2: one copy has nothing to be compared with.");
  if (every !== undefined && (!Number.isInteger(every) || every < 1))
    throw refuse(`every ${every}`, "Give a whole number of steps, at least 1, or leave it out.");
  for (const [name, value] of Object.entries({ sigma, temperature })) {
    if (!(value > 0 && Number.isFinite(value))) throw refuse(`${name} ${value}`, "Give a finite number above 0.");
  }
  return { copies, sigma, temperature, every: every ?? Infinity, seed };
}

/** Steps after which copies are made, in order: the last one, and every n-th before it. */
function pointsOf(steps: number, every: number): readonly number[] {
  const points: number[] = [];
  for (let t = steps; t > 0; t -= every) points.unshift(t);
  return points;
}

/**
 * EvoGrad: perturbed copies of the weights compete in training loss, and the hypergradient flows only through who wins.
 *
 *     θ_k = w + σ ε_k,   p = softmax(−L(θ_k, λ, batch_t) / τ),   dλ ≈ ∂f/∂λ + d/dλ f(Σ_k p_k(λ) θ_k)      ε_k ~ N(0, 1)
 *
 * at w = w_T, or averaged over more of training; batch_t is the minibatch that led to w. The direct part is exact, at w_T.
 *
 * Biased: for small σ the mean of the indirect part is that of one step of gradient descent (T1–T2) with the rate
 * (1 − 1/K) σ²/τ, so its size is set by σ and τ, not by training, and early steps count for nothing. Noisy: one draw sees
 * K − 1 of the weights' directions. Right where the sign and a rough direction suffice, and second derivatives are
 * too dear. Another draw at every call, the same series for the same seed. A hyperparameter with a value for every step
 * gets numbers only at the steps before the copies. One in the loss and the dynamics too is differentiated in the loss alone.
 *
 * Memory: K copies. Cost: training once; at every point K training losses and one gradient of the validation loss.
 * Errors: `unsupported` for a hyperparameter that is in the dynamics or the initial weights, and not in the training
 * loss; `non-finite` where copies diverge.
 * Source: Bohdal, Yang, Hospedales 2021, arXiv 2106.10575.
 */
export function evograd(options: EvogradOptions = {}): Method {
  return copiesFrom(checked(options), 0);
}

function copiesFrom(options: Required<EvogradOptions>, first: number): Method {
  const { copies, sigma, temperature, every, seed } = options;
  let call = first;
  const offsets = (leaves: Rollout["leaves"], draw: number, t: number): readonly Point[] =>
    Array.from({ length: copies }, (_, k) => {
      const next = substream(seed, "evograd", draw, t, k);
      return Object.fromEntries(
        leaves
          .filter((leaf) => leaf.kind === "weights")
          .map(({ path, shape }) => [
            path,
            Float64Array.from({ length: shape.reduce((n, d) => n * d, 1) }, () => sigma * normal(next)),
          ]),
      );
    });
  return {
    name: Number.isFinite(every) ? `evograd(${copies}, every ${every})` : `evograd(${copies})`,
    exact: false,
    settings: { copies, sigma, temperature, every, seed },
    fromDraw: (draw) => copiesFrom(options, draw),
    async run(rollout) {
      const merge = await rollout.merger({ copies, temperature });
      const draw = call++;
      const points = pointsOf(rollout.steps, every);
      let indirect: Point = mapPoint(rollout.point, () => 0);
      let state: Buffers = await rollout.start();
      try {
        let from = 0;
        for (const to of points) {
          const { final } = await rollout.train(state, { range: { from, to } });
          rollout.free(state);
          state = final;
          const { gradient } = await merge(state, to - 1, offsets(rollout.leaves, draw, to));
          indirect = mapPoint(indirect, (sum, name, i) => sum + gradient[name]![i]! / points.length);
          from = to;
        }
        const { value, direct, adjoint } = await rollout.outer(state);
        rollout.free(adjoint);
        const gradient = mapPoint(direct, (d, name, i) => d + indirect[name]![i]!);
        return { value, gradient, direct, growth: 1, final: state };
      } catch (error) {
        rollout.free(state);
        throw error;
      }
    },
  };
}
