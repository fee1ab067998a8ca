import { mapPoint } from "../data/point.ts";
import { requireOptions } from "../errors.ts";
import { positiveRate, type OuterOptimizer } from "./optimizer.ts";

/**
 * u ← u − α·sign(g): every coordinate moves by the same amount. It needs no sensible length of the gradient, and does not
 * converge by itself: steps stay α.
 *
 * Source: Maclaurin et al. 2015 and Fu et al. 2016, who tune penalties with it.
 */
export function sign(options: { readonly rate: number }): OuterOptimizer<null> {
  requireOptions("outer.sign", options, { rate: "number" });
  const { rate } = options;
  positiveRate("sign", rate);
  return {
    name: `sign(${rate})`,
    settings: { rate },
    init: () => null,
    update: (gradient, state) => ({ change: mapPoint(gradient, (g) => -rate * Math.sign(g)), state }),
    withRate: (other) => sign({ rate: other }),
  };
}
