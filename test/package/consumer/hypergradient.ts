import { hypergradient, methods, reverse, type HypergradientResult, type Method } from "drmad";
import experiment from "./experiment.ts";

/** Tells the exact hypergradient of the learning rate, and the finite difference of whole trainings that it must equal. */
async function rateGradient(method: Method): Promise<number> {
  const found: HypergradientResult = await hypergradient(experiment, method, { seed: 0, precision: "float64" });
  if (found.outcome !== "ok") throw new Error(found.message);
  return found.gradient["rate"]![0]!;
}

console.log(
  JSON.stringify({ exact: await rateGradient(reverse()), difference: await rateGradient(methods.finiteDifference()) }),
);
