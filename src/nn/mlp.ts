import { DrmadError, requireOptions } from "../errors.ts";
import { constantParameter, normalParameter, type Parameter } from "../problem/parameter.ts";
import { add, relu, tanh } from "../tensor/elementwise.ts";
import { matmul } from "../tensor/matmul.ts";
import type { Tensor } from "../tensor/tensor.ts";

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
  requireOptions("nn.mlp", options, { deviation: "number?" });
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
