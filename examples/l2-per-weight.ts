// One L2 penalty for each of the 640 weights of a softmax regression on few rows, as Maclaurin et al. have for MNIST
//     npx drmad tune examples/l2-per-weight.ts
import { defineExperiment, digits, hyper, momentum, nn, ops, outer } from "drmad";

export default defineExperiment({
  data: (seed) => digits({ train: 100, valid: 900, test: 797, seed }),
  params: nn.mlp([64, 10]),
  hyper: { l2: hyper.perWeight(1e-3, { transform: "log", biases: 0 }) },
  train: {
    loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.l2)),
    dynamics: momentum({ rate: 1, decay: 0.9 }),
    steps: 200,
  },
  valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
  metrics: { error: (w, _, { x, y }) => nn.errorRate(nn.forward(w, x), y) },
  outer: { optimizer: outer.adam({ rate: 0.2 }), steps: 40 },
});
