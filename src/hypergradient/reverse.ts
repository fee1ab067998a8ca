import { gather } from "../tensor/layout.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Path, PathContext } from "../rollout/path.ts";
import type { Method } from "./method.ts";
import { sweepBack } from "./sweep-back.ts";

const stored = (name: string, shape: readonly number[], { k, input }: PathContext): Tensor =>
  gather(input(`stored/${name}`, [1, ...shape], { rows: true }), k);

/** The true trajectory, read from tables with a row for every step. */
export const storedPath = (steps: number): Path => ({
  name: "stored",
  length: steps,
  state: (leaf, context) => stored(leaf.name, leaf.shape, context),
  product: stored,
});

/**
 * Exact reverse mode with every state stored.
 *
 *     (dw, ds)_t = (∂Φ_t/∂(w, s))ᵀ (dw, ds)_{t+1},   dλ = ∂f/∂λ + Σ_t (∂Φ_t/∂λ)ᵀ (dw, ds)_{t+1}
 *
 * Right wherever it fits in memory: T·P numbers, where P counts the weights, and the optimiser's slots too when a rate or
 * decay is a hyperparameter; the layers' small outputs are kept as well, up to half as much again. Cost: training once, and about twice that again for the sweep.
 *
 * Source: Domke 2012; Maclaurin, Duvenaud, Adams 2015, algorithm 2 (in the order of their code).
 */
export const reverse = (): Method => ({
  name: "reverse",
  exact: true,
  async run(rollout) {
    const sweep = await rollout.sweep(storedPath(rollout.steps));
    const start = await rollout.start();
    const { final, kept } = await rollout.train(start, { keep: sweep.reads }).finally(() => rollout.free(start));
    try {
      const outer = await rollout.outer(final);
      const swept = await sweepBack(sweep, outer, [...kept].reverse());
      return { value: outer.value, direct: outer.direct, final, ...swept };
    } catch (error) {
      rollout.free(final);
      throw error;
    } finally {
      rollout.free(...kept.map(({ tensors }) => tensors));
    }
  },
});
