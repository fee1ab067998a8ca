// The papers' penalty in whitened weights: w = z·eᵗ with one t for each input, and one penalty on z
//     npx drmad tune examples/whitened-weights.ts
import { defineExperiment, digits, hyper, momentum, nn, ops, outer, type Tensor } from "drmad";

type Layers = readonly { readonly W: Tensor; readonly b: Tensor }[];

/** What the network computes with, of what training moves. */
const weights = (z: Layers, scale: Layers) => z.map(({ W, b }, i) => ({ W: ops.mul(W, scale[i]!.W), b }));

export default defineExperiment({
  data: (seed) => digits({ train: 200, valid: 800, test: 797, seed }),
  params: nn.mlp([64, 50, 10]),
  hyper: {
    // eᵗ, so that the outer optimiser moves t.
    scale: hyper.perInput(1, { transform: "log", biases: 1 }),
    l2: hyper.scalar(1e-4, { transform: "log" }),
  },
  train: {
    loss: (z, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(weights(z, h.scale), x), y), nn.l2(z, h.l2)),
    dynamics: momentum({ rate: 0.5, decay: 0.9 }),
    steps: 200,
    batch: 50,
  },
  valid: { loss: (z, h, { x, y }) => ops.crossEntropy(nn.forward(weights(z, h.scale), x), y) },
  metrics: { error: (z, h, { x, y }) => nn.errorRate(nn.forward(weights(z, h.scale), x), y) },
  outer: { optimizer: outer.adam({ rate: 0.05 }), steps: 30 },
});
