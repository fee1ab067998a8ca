import { DrmadError } from "../errors.ts";
import { constantParameter, normalParameter, type Parameter } from "../problem/parameter.ts";
import { add, mul, relu, square, tanh, toTensor, type TensorLike } from "../tensor/elementwise.ts";
import { matmul } from "../tensor/matmul.ts";
import { sum } from "../tensor/reduce.ts";
import { shapeError, type Shape } from "../tensor/shape.ts";
import { isTensor, type Tensor } from "../tensor/tensor.ts";
import { leavesOf, type Tree } from "../tensor/tree.ts";

/** A fully connected layer: weights W of shape [inputs, units], biases b of shape [units]. */
export type Layer<L> = {
  readonly W: L;
  readonly b: L;
};

export interface MlpOptions {
  /** Standard deviation of all initial weights and biases; without it, weights have 1/√inputs and biases are 0. */
  readonly deviation?: number;
}

/** Parameters of a multi-layer perceptron of the given layer sizes, inputs first. */
export function mlp(sizes: readonly number[], options: MlpOptions = {}): readonly Layer<Parameter>[] {
  if (sizes.length < 2) {
    throw new DrmadError("invalid-argument", `an MLP of sizes [${sizes.join(", ")}] has no layers`, {
      hint: "Give the size of the input and of at least one layer.",
    });
  }
  const { deviation } = options;
  return sizes.slice(1).map((units, i) => {
    const inputs = sizes[i]!;
    return {
      W: normalParameter([inputs, units], deviation ?? 1 / Math.sqrt(inputs)),
      b: deviation === undefined ? constantParameter([units]) : normalParameter([units], deviation),
    };
  });
}

const ACTIVATIONS: { readonly tanh: (x: Tensor) => Tensor; readonly relu: (x: Tensor) => Tensor } = {
  tanh: tanh,
  relu: relu,
};

/** Outputs of an MLP, before any softmax: x [n, inputs] → [n, outputs]. */
export function forward(
  layers: readonly Layer<Tensor>[],
  x: Tensor,
  activation: keyof typeof ACTIVATIONS = "tanh",
): Tensor {
  const apply = ACTIVATIONS[activation];
  if (apply === undefined) {
    throw new DrmadError("invalid-argument", `nn.forward knows no activation ${JSON.stringify(activation)}`, {
      hint: `Give ${Object.keys(ACTIVATIONS).join(" or ")}, or write the layers out with ops.`,
    });
  }
  return layers.reduce(
    (input, { W, b }, i) => (i === 0 ? add(matmul(input, W), b) : add(matmul(apply(input), W), b)),
    x,
  );
}

const isPenalty = (value: unknown): value is TensorLike => typeof value === "number" || isTensor(value);

/** Whether a shape stretches to another without making it larger. */
const stretches = (shape: Shape, to: Shape): boolean =>
  shape.length <= to.length && shape.every((d, i) => d === 1 || d === to[to.length - shape.length + i]);

/**
 * Σ λ w² over all weights: an L2 penalty (without the factor ½).
 * @param penalties one number or tensor for all, or a tree of them like the weights; each must stretch to its weights
 */
export function l2(weights: Tree<Tensor>, penalties: Tree<TensorLike>): Tensor {
  const each = leavesOf(weights, isTensor);
  if (each.length === 0) {
    throw new DrmadError("invalid-argument", "nn.l2 was given no weights", {
      hint: "Give the weights that the loss receives, or a part of them.",
    });
  }
  const one = isPenalty(penalties) ? toTensor("nn.l2", penalties) : undefined;
  const all = one === undefined ? leavesOf(penalties, isPenalty) : [];
  return each
    .map(({ path, value }) => {
      const found = one ?? all.find((leaf) => leaf.path === path)?.value;
      if (found === undefined) {
        throw new DrmadError("invalid-argument", `nn.l2 has no penalty for the weights ${path}`, {
          hint: "Give one number or tensor, or a tree nested like the weights.",
        });
      }
      const penalty = toTensor("nn.l2", found);
      if (!stretches(penalty.shape, value.shape)) {
        throw shapeError(
          "nn.l2",
          [penalty.shape, value.shape],
          `the penalty does not stretch to the weights${path === "" ? "" : ` ${path}`}`,
          "Outside the training loss, per-step hyperparameters have a leading axis of steps: choose or average a step first.",
        );
      }
      return sum(mul(penalty, square(value)));
    })
    .reduce((a, b) => add(a, b));
}
