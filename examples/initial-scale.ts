// The standard deviation of the initial weights and biases of each layer
//     npx drmad tune examples/initial-scale.ts
import { defineExperiment, digits, hyper, momentum, nn, ops, outer } from "drmad";

export default defineExperiment({
  data: (seed) => digits({ train: 500, valid: 800, test: 497, seed }),
  // Drawn with deviation 1, which the hyperparameters scale.
  params: nn.mlp([64, 50, 50, 10], { deviation: 1 }),
  hyper: { scale: hyper.perTensor(0.05, { transform: "log" }) },
  initial: (w, h) => w.map(({ W, b }, i) => ({ W: ops.mul(h.scale[i]!.W, W), b: ops.mul(h.scale[i]!.b, b) })),
  train: {
    loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y),
    dynamics: momentum({ rate: 0.3, decay: 0.9 }),
    steps: 100,
    batch: 50,
  },
  valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
  metrics: { error: (w, _, { x, y }) => nn.errorRate(nn.forward(w, x), y) },
  outer: { optimizer: outer.adam({ rate: 0.1 }), steps: 30 },
});
