import { cast, equal, not } from "../tensor/elementwise.ts";
import { argMax, mean } from "../tensor/reduce.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Fraction of rows whose largest output is not at the label: outputs [n, classes], labels [n]. */
export const errorRate = (outputs: Tensor, labels: Tensor): Tensor =>
  mean(cast(not(equal(argMax(outputs), labels)), "float"));
