import { requireOptions, type NoOptions } from "../errors.ts";
import type { Method } from "./method.ts";
import { storedPath } from "./reverse.ts";
import { sweepBack } from "./sweep-back.ts";

/**
 * Exact reverse mode with nothing stored but the bits that training loses: the run is taken back step by step.
 *
 *     forwards:  v ← n/d v − (1 − n/d) g,  w ← w + α v       in integers, n/d the decay γ rounded to d = 2¹⁶
 *     back:      w ← w − α v,  v ← (v + (1 − n/d) g) d/n     the very same integers, g computed again at w
 *
 * Weights are whole multiples of 2⁻⁴⁰ and velocities of 2⁻⁴⁴; an increment is rounded once and is the same both ways. What a
 * multiplication with n/d loses is kept in an accumulator for each weight, from which the way back restores it. The adjoint
 * sweep of `reverse` then runs along the restored states, with n/d for the decay and its derivative straight through.
 *
 * Right for momentum whose decay lies between 0 and 1, per step, group or weight: the derivative of the run as it was made.
 * That run differs from float training by the rounding of the decay, at most 2⁻¹⁶, and of velocities, 2⁻²⁸; where training
 * magnifies such differences, its end, and the hypergradient there, are those of a neighbouring run.
 * Finite differences of float training (`drmad check`) see that rounding as a disagreement of about 10⁻⁵. Wrong choice for small
 * decays, which lose the most bits, and where √T states fit in memory: `checkpointed` is as exact and faster.
 *
 * Memory: T·P·log2(d/n) bits (0.15 bits a weight and step at decay 0.9, 3.3 at 0.1), about 32 bytes a weight besides, and a few
 * restored steps. Cost: training and taking it back, each somewhat dearer than plain training, and the sweep.
 *
 * Errors: `unsupported` for other dynamics and for a decay outside (0, 1); `non-finite` where a weight leaves ±4096 or a
 * velocity ±256; `engine-disagrees` where the first state does not come back bit for bit.
 * Source: Maclaurin, Duvenaud, Adams 2015, sections 3.2 and 3.3, algorithm 2 (in the order of their code).
 */
export function reversible(options: NoOptions = {}): Method {
  requireOptions("methods.reversible", options, {});
  return {
    name: "reversible",
    exact: true,
    near: 1e-4,
    settings: {},
    async run(rollout) {
      const reversal = rollout.reversal();
      const sweep = await reversal.sweep(storedPath(rollout.steps));
      const start = await rollout.start();
      const trained = await reversal.train(start).finally(() => rollout.free(start));
      try {
        const outer = await rollout.outer(trained.final);
        const swept = await sweepBack(sweep, outer, trained.back(sweep.reads));
        return { value: outer.value, direct: outer.direct, final: trained.final, ...swept };
      } catch (error) {
        rollout.free(trained.final);
        throw error;
      } finally {
        trained.end();
      }
    },
  };
}
