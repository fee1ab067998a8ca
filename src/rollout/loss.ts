import type { Split } from "../data/dataset.ts";
import { DrmadError } from "../errors.ts";
import { cast, OPERATORS } from "../tensor/elementwise.ts";
import { input } from "../tensor/layout.ts";
import { showShape } from "../tensor/shape.ts";
import { isTensor, type Tensor } from "../tensor/tensor.ts";

/** The arrays of a split as inputs; with `rows`, as tables of which a step takes some rows. */
export const splitInputs = (name: string, split: Split, rows: boolean, length?: number): Record<string, Tensor> =>
  Object.fromEntries(
    Object.entries(split).map(([key, array]) => [
      key,
      input(
        `${name}/${key}`,
        length === undefined ? array.shape : [length, ...array.shape.slice(1)],
        array.data instanceof Int32Array ? "int" : "float",
        { rows },
      ),
    ]),
  );

export function expectScalar(loss: unknown, which: string): Tensor {
  if (!isTensor(loss)) {
    const what = loss === undefined ? "nothing" : loss instanceof Promise ? "a promise" : typeof loss;
    throw new DrmadError("invalid-loss", `${which} returned ${what}, not a tensor`, {
      hint:
        typeof loss === "string" || Number.isNaN(loss)
          ? OPERATORS
          : "Return a scalar tensor made with ops, for example ops.crossEntropy(logits, labels).",
    });
  }
  if (loss.shape.length !== 0) {
    throw new DrmadError("invalid-loss", `${which} has shape ${showShape(loss.shape)}, but a loss is one number`, {
      hint: "Reduce it to a scalar with ops.mean or ops.sum.",
    });
  }
  return loss.dtype === "float" ? loss : cast(loss, "float");
}
