import { mapPoint } from "../data/point.ts";
import { substream } from "../data/random.ts";
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
export const directOnly = (): Method => ({ name: "directOnly", exact: false, run: trained });

/** A control, not a method to use: ±1 at random for every coordinate, another at every call. */
export function randomSign({ seed = 0 }: { readonly seed?: number } = {}): Method {
  let call = 0;
  return {
    name: "randomSign",
    exact: false,
    async run(rollout) {
      const next = substream(seed, "random sign", call++);
      const result = await trained(rollout);
      return { ...result, gradient: mapPoint(result.direct, () => (next() < 0.5 ? -1 : 1)) };
    },
  };
}
