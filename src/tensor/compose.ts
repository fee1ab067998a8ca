import { DrmadError, requireOptions } from "../errors.ts";
import {
  add,
  cast,
  div,
  equal,
  exp,
  log,
  mul,
  sqrt,
  square,
  sub,
  tanh,
  toTensor,
  type TensorLike,
} from "./elementwise.ts";
import { alias, detach, literal, reshape } from "./layout.ts";
import { max, mean, sum, sumKeeping } from "./reduce.ts";
import { normalizeAxes, sameShape, shapeError } from "./shape.ts";
import type { Tensor } from "./tensor.ts";

/** x minus its maximum along an axis. The shift cancels in every use below, so differentiation holds it constant. */
const shifted = (x: Tensor, axes: readonly number[]): Tensor => sub(x, detach(max(x, { axes, keepDims: true })));

/** log of softmax along an axis: x − log Σ eˣ */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  const axes = normalizeAxes("logSoftmax", x.shape, axis);
  const s = shifted(x, axes);
  return sub(s, log(sumKeeping(exp(s), axes)));
}

/** eˣ / Σ eˣ along an axis */
export function softmax(x: Tensor, axis = -1): Tensor {
  const axes = normalizeAxes("softmax", x.shape, axis);
  const e = exp(shifted(x, axes));
  return div(e, sumKeeping(e, axes));
}

/** Rows of the unit matrix: shape is labels.shape + [classes]; labels outside 0…classes−1 give a row of zeros. */
export function oneHot(labels: Tensor, classes: number): Tensor {
  if (toTensor("oneHot", labels).dtype !== "int") {
    throw new DrmadError("invalid-argument", `oneHot needs integer labels, not ${labels.dtype}s`, {
      hint: "Keep labels in an Int32Array.",
    });
  }
  const numbers = literal(
    Array.from({ length: classes }, (_, i) => i),
    [classes],
    "int",
  );
  return cast(equal(reshape(labels, [...labels.shape, 1]), numbers), "float");
}

export interface CrossEntropyOptions {
  /** One weight for each example, shape [n]; the result is still divided by n. */
  readonly weights?: Tensor;
}

/** Integers that must be below the number of classes that they are compared with; an experiment looks for those that are not. */
export const asLabels = (labels: Tensor): Tensor => alias(labels);

/**
 * Mean over rows of −Σ_c target_c · logSoftmax(logits)_c. With `weights` a each row counts a_i times, and the sum is still
 * divided by the number of rows n, not by Σ a: (1/n) Σ_i a_i ℓ_i.
 * @param logits [n, classes]
 * @param target labels [n] (integers), or probabilities [n, classes]
 */
export function crossEntropy(logits: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  requireOptions("crossEntropy", options, { weights: "tensor?" });
  for (const operand of [logits, target]) toTensor("crossEntropy", operand);
  const classes = logits.shape[logits.shape.length - 1];
  if (logits.shape.length !== 2 || classes === undefined) {
    throw shapeError("crossEntropy", [logits.shape, target.shape], "logits must have shape [n, classes]");
  }
  const probabilities = target.dtype === "int" ? oneHot(asLabels(target), classes) : target;
  if (
    probabilities.shape.length !== 2 ||
    probabilities.shape[0] !== logits.shape[0] ||
    probabilities.shape[1] !== classes
  ) {
    throw shapeError(
      "crossEntropy",
      [logits.shape, target.shape],
      "targets must be labels [n] or probabilities [n, classes]",
      target.dtype === "float" && target.shape.length === 1 ? "labels must be integers: Int32Array.from(y)" : undefined,
    );
  }
  const n = logits.shape[0]!;
  const { weights } = options;
  if (weights !== undefined && (weights.shape.length !== 1 || weights.shape[0] !== n)) {
    throw shapeError("crossEntropy", [logits.shape, weights.shape], "weights must have shape [n]");
  }
  const terms = mul(probabilities, logSoftmax(logits));
  if (weights === undefined) return mul(sum(terms), -1 / n);
  return mul(sum(mul(sum(terms, { axes: -1 }), weights)), -1 / n);
}

/** Mean of (a − b)² over all elements of two tensors of one shape, or of a tensor and a number. */
export function mse(a: Tensor, b: TensorLike): Tensor {
  if (typeof b !== "number" && !sameShape(a.shape, b.shape)) {
    // [n, 1] and [n] would stretch to [n, n].
    throw shapeError("mse", [a.shape, b.shape], "both must have one shape", "Use reshape on one of them.");
  }
  return mean(square(sub(a, b)));
}

/** (x − mean) / √(variance + epsilon) along the last axis, times scale, plus shift. */
export function layerNorm(x: Tensor, scale: TensorLike = 1, shift: TensorLike = 0, epsilon = 1e-5): Tensor {
  const centred = sub(x, mean(x, { axes: -1, keepDims: true }));
  const variance = mean(square(centred), { axes: -1, keepDims: true });
  return add(mul(div(centred, sqrt(add(variance, epsilon))), scale), shift);
}

/** x·Φ(x) in its tanh form: x/2 · (1 + tanh(√(2/π)(x + 0.044715 x³))). */
export const gelu = (x: Tensor): Tensor =>
  mul(mul(0.5, x), add(1, tanh(mul(Math.sqrt(2 / Math.PI), add(x, mul(0.044715, mul(x, square(x))))))));
