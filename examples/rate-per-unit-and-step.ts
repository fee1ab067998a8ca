// A learning rate for the weights into each unit, at each step of training: 6,000 of them
//     npx drmad tune examples/rate-per-unit-and-step.ts
import { defineExperiment, digits, hyper, momentum, nn, ops, outer } from "drmad";

export default defineExperiment({
  data: (seed) => digits({ train: 500, valid: 800, test: 497, seed }),
  params: nn.mlp([64, 50, 10]),
  hyper: {
    rate: hyper.perUnit(0.3, { transform: "log", perStep: true, biases: 0.3 }),
    decay: hyper.scalar(0.8, { transform: "logit", perStep: true }),
  },
  train: {
    loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y),
    dynamics: (h) => momentum({ rate: h.rate, decay: h.decay }),
    steps: 100,
    batch: 50,
  },
  valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
  metrics: { error: (w, _, { x, y }) => nn.errorRate(nn.forward(w, x), y) },
  outer: { optimizer: outer.adam({ rate: 0.05 }), steps: 30 },
});
