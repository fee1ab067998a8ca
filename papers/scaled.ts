import { nn, ops } from "drmad";

export type Layers = readonly nn.Layer<ops.Tensor>[];

interface Batch {
  readonly x: ops.Tensor;
  readonly y: ops.Tensor;
}

/** Outputs of a network whose weights z are used as z·eᵗ: a fixed penalty of z is then one of the weights by e⁻²ᵗ. */
const outputs = (z: Layers, t: Layers, x: ops.Tensor): ops.Tensor =>
  nn.forward(
    z.map(({ W, b }, i) => ({ W: ops.mul(W, ops.exp(t[i]!.W)), b: ops.mul(b, ops.exp(t[i]!.b)) })),
    x,
  );

/** Its cross-entropy, and its share of errors. */
export const lossOf = (z: Layers, t: Layers, { x, y }: Batch): ops.Tensor => ops.crossEntropy(outputs(z, t, x), y);
export const errorOf = (z: Layers, t: Layers, { x, y }: Batch): ops.Tensor => nn.errorRate(outputs(z, t, x), y);
