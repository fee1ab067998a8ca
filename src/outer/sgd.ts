import { mapPoint } from "../data/point.ts";
import { requireOptions } from "../errors.ts";
import { positiveRate, type OuterOptimizer } from "./optimizer.ts";

/** u ← u − α g. Steps are as long as the gradient is: choose α with that in mind. */
export function sgd(options: { readonly rate: number }): OuterOptimizer<null> {
  requireOptions("outer.sgd", options, { rate: "number" });
  const { rate } = options;
  positiveRate("sgd", rate);
  return {
    name: `sgd(${rate})`,
    settings: { rate },
    init: () => null,
    update: (gradient, state) => ({ change: mapPoint(gradient, (g) => -rate * g), state }),
    withRate: (other) => sgd({ rate: other }),
  };
}
