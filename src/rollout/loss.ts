import type { Split } from "../data/dataset.ts";
import { DrmadError } from "../errors.ts";
import type { Problem } from "../problem/problem.ts";
import { add, cast, OPERATORS } from "../tensor/elementwise.ts";
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

/** valid.prior of hyperparameters as losses outside training see them; undefined where there is none. */
export const priorOf = ({ spec }: Problem, h: unknown): Tensor | undefined =>
  spec.valid.prior === undefined ? undefined : expectScalar(spec.valid.prior(h), "valid.prior");

/** The outer objective: the validation loss, and the prior where there is one. */
export function outerLoss(problem: Problem, w: unknown, h: unknown, batch: Record<string, Tensor>): Tensor {
  const loss = expectScalar(problem.spec.valid.loss(w, h, batch), "valid.loss");
  const prior = priorOf(problem, h);
  return prior === undefined ? loss : add(loss, prior);
}
