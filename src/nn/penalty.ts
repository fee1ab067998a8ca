import { DrmadError, requireOptions } from "../errors.ts";
import { add, mul, sqrt, square, sub, toTensor, type TensorLike } from "../tensor/elementwise.ts";
import { sum } from "../tensor/reduce.ts";
import { shapeError, type Shape } from "../tensor/shape.ts";
import { isTensor, type Tensor } from "../tensor/tensor.ts";
import { leavesOf, type Tree } from "../tensor/tree.ts";

const isPenalty = (value: unknown): value is TensorLike => typeof value === "number" || isTensor(value);

/** Whether a shape stretches to another without making it larger. */
const stretches = (shape: Shape, to: Shape): boolean =>
  shape.length <= to.length && shape.every((d, i) => d === 1 || d === to[to.length - shape.length + i]);

/** Σ λ size(w) over all weights. */
function penalty(
  name: string,
  weights: Tree<Tensor>,
  penalties: Tree<TensorLike>,
  size: (weight: Tensor) => Tensor,
): Tensor {
  const each = leavesOf(weights, isTensor);
  if (each.length === 0) {
    throw new DrmadError("invalid-argument", `${name} was given no weights`, {
      hint: "Give the weights that the loss receives, or a part of them.",
    });
  }
  const one = isPenalty(penalties) ? toTensor(name, penalties) : undefined;
  const all = one === undefined ? leavesOf(penalties, isPenalty) : [];
  return each
    .map(({ path, value }) => {
      const found = one ?? all.find((leaf) => leaf.path === path)?.value;
      if (found === undefined) {
        throw new DrmadError("invalid-argument", `${name} has no penalty for the weights ${path}`, {
          hint: "Give one number or tensor, or a tree nested like the weights.",
        });
      }
      const factor = toTensor(name, found);
      if (!stretches(factor.shape, value.shape)) {
        throw shapeError(
          name,
          [factor.shape, value.shape],
          `the penalty does not stretch to the weights${path === "" ? "" : ` ${path}`}`,
          "Outside the training loss, per-step hyperparameters have a leading axis of steps: choose or average a step first.",
        );
      }
      return sum(mul(factor, size(value)));
    })
    .reduce((a, b) => add(a, b));
}

/**
 * Σ λ w² over all weights: an L2 penalty (without the factor ½).
 * @param penalties one number or tensor for all, or a tree of them like the weights; each must stretch to its weights
 */
export const l2 = (weights: Tree<Tensor>, penalties: Tree<TensorLike>): Tensor =>
  penalty("nn.l2", weights, penalties, square);

export interface L1Options {
  /** How far from 0 the corner is rounded, in the units of the weights; 1e-3 unless told. */
  readonly rounding?: number;
}

/**
 * Σ λ (√(w² + ρ²) − ρ) over all weights: an L1 penalty with its corner rounded over a width ρ, so that it has second
 * derivatives everywhere. Weights come close to 0 but never reach it; `proximal` has them reach it.
 *
 * The curvature at 0 is λ/ρ: gradient descent is stable there for a rate below 2ρ/λ only.
 *
 * @param penalties one number or tensor for all, or a tree of them like the weights; each must stretch to its weights
 * Errors: `invalid-argument` for a rounding that is not above 0.
 */
export function l1(weights: Tree<Tensor>, penalties: Tree<TensorLike>, options: L1Options = {}): Tensor {
  requireOptions("nn.l1", options, { rounding: "number?" });
  const { rounding = 1e-3 } = options;
  if (!(rounding > 0 && Number.isFinite(rounding))) {
    throw new DrmadError("invalid-argument", `nn.l1 has the rounding ${rounding}`, {
      hint: "Give a finite number above 0, such as 1e-3; proximal(dynamics, { l1 }) is the penalty with its corner.",
    });
  }
  return penalty("nn.l1", weights, penalties, (weight) => sub(sqrt(add(square(weight), rounding ** 2)), rounding));
}
