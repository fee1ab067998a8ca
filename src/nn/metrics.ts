import { asLabels } from "../tensor/compose.ts";
import { cast, equal, not, toTensor } from "../tensor/elementwise.ts";
import { argMax, mean } from "../tensor/reduce.ts";
import { shapeError } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Fraction of rows whose largest output is not at the label: outputs [n, classes], integer labels [n]. */
export function errorRate(outputs: Tensor, labels: Tensor): Tensor {
  const shapes = [toTensor("nn.errorRate", outputs).shape, toTensor("nn.errorRate", labels).shape] as const;
  const [scores, rows] = shapes;
  // Labels [n, 1] would stretch to [n, n].
  if (scores.length !== 2 || rows.length !== 1 || rows[0] !== scores[0]) {
    throw shapeError("nn.errorRate", shapes, "outputs must have shape [n, classes], labels [n]");
  }
  if (labels.dtype !== "int") {
    throw shapeError(
      "nn.errorRate",
      shapes,
      `labels are ${labels.dtype}s`,
      "labels must be integers: Int32Array.from(y)",
    );
  }
  return mean(cast(not(equal(argMax(outputs), asLabels(labels))), "float"));
}
