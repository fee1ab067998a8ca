// A rate and a decay for each weight, 7,400 numbers
//     npx drmad tune examples/rate-per-weight.ts
import { defineExperiment, digits, hyper, momentum, nn, ops, outer } from "drmad";

export default defineExperiment({
  data: (seed) => digits({ train: 500, valid: 800, test: 497, seed }),
  params: nn.mlp([64, 50, 10]),
  hyper: {
    rate: hyper.perWeight(0.3, { transform: "log", biases: 0.3 }),
    decay: hyper.perWeight(0.8, { transform: "logit", biases: 0.8 }),
  },
  train: {
    loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y),
    dynamics: (h) => momentum({ rate: h.rate, decay: h.decay }),
    steps: 100,
    batch: 50,
  },
  valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
  metrics: { error: (w, _, { x, y }) => nn.errorRate(nn.forward(w, x), y) },
  outer: { optimizer: outer.adam({ rate: 0.1 }), steps: 30 },
});
