import { requireOptions, type NoOptions } from "../errors.ts";
import { mapPoint } from "../data/point.ts";
import { requireSeed, substream } from "../data/random.ts";
import { slopeAlong } from "./forward.ts";
import type { Hypergradient, Method } from "./method.ts";
import type { Rollout } from "../rollout/rollout.ts";

async function trained(rollout: Rollout): Promise<Hypergradient> {
  const start = await rollout.start();
  const { final } = await rollout.train(start).finally(() => rollout.free(start));
  try {
    const { value, direct, adjoint } = await rollout.outer(final);
    rollout.free(adjoint);
    return { value, gradient: direct, direct, growth: 1, final };
  } catch (error) {
    rollout.free(final);
    throw error;
  }
}

/**
 * A control, not a method to use: the direct part ∂f/∂λ alone, as if training did not depend on the hyperparameters.
 * A tuner that does no better with the whole gradient has not needed to differentiate through training.
 */
export function directOnly(options: NoOptions = {}): Method {
  requireOptions("methods.directOnly", options, {});
  return { name: "directOnly", exact: false, settings: {}, run: trained };
}

/** A control, not a method to use: ±1 at random for every coordinate, another at every call. */
export function randomSign(options: { readonly seed?: number } = {}): Method {
  requireOptions("methods.randomSign", options, { seed: "number?" });
  const { seed = 0 } = options;
  requireSeed("methods.randomSign", seed);
  return signsFrom(seed, 0);
}

function signsFrom(seed: number, first: number): Method {
  let call = first;
  return {
    name: "randomSign",
    exact: false,
    settings: { seed },
    async run(rollout) {
      const next = substream(seed, "random sign", call++);
      const result = await trained(rollout);
      return { ...result, gradient: mapPoint(result.direct, () => (next() < 0.5 ? -1 : 1)) };
    },
    fromDraw: (draw) => signsFrom(seed, draw),
  };
}

/**
 * A control, not a method to use: one number in place of all, the derivative of the outer loss when every unconstrained
 * coordinate moves by the same amount. It is exact forward mode along (1, …, 1), and its gradient is the projection of the
 * exact one onto that direction. A tuner that does no better with the whole gradient could tune a single scalar.
 *
 *     gradient_j = (1/n) Σ_i df/dλ_i        for every j of n
 *
 * Cost: about 2.2 plain trainings. Memory: one training state beside the one of training.
 * Errors: `non-finite` where training or the tangent diverges.
 */
export function oneScalar(options: NoOptions = {}): Method {
  requireOptions("methods.oneScalar", options, {});
  return {
    name: "oneScalar",
    exact: false,
    settings: {},
    async run(rollout) {
      const training = await rollout.forward(1);
      const { final, tangents } = await training.run([mapPoint(rollout.point, () => 1)]);
      try {
        const { value, direct, adjoint } = await rollout.outer(final);
        const through = await slopeAlong(rollout, adjoint, tangents[0]!).finally(() => rollout.free(adjoint));
        const all = Object.values(direct).flatMap((values) => [...values]);
        const mean = (through + all.reduce((sum, v) => sum + v, 0)) / all.length;
        return { value, gradient: mapPoint(direct, () => mean), direct, growth: 1, final };
      } catch (error) {
        rollout.free(final);
        throw error;
      } finally {
        rollout.free(...tangents);
      }
    },
  };
}
