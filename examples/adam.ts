// Everything that Adam has, tuned at once: its rate for every layer, both decays, and its epsilon:
//     npx drmad tune examples/adam.ts
import { defineExperiment, digits, dynamics, hyper, nn, ops, outer, reverse } from "drmad";

export default defineExperiment({
  data: (seed) => digits({ train: 500, valid: 800, test: 497, seed }),
  params: nn.mlp([64, 50, 10]),
  hyper: {
    rate: hyper.perLayer(0.001, { transform: "log" }),
    first: hyper.scalar(0.9, { transform: "logit" }),
    second: hyper.scalar(0.999, { transform: "logit" }),
    epsilon: hyper.scalar(1e-4, { transform: "log" }),
  },
  train: {
    loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y),
    dynamics: (h) => dynamics.adam(h),
    steps: 100,
    batch: 50,
  },
  valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
  metrics: { error: (w, _, { x, y }) => nn.errorRate(nn.forward(w, x), y) },
  outer: { optimizer: outer.adam({ rate: 0.1 }), steps: 30 },
  method: reverse(),
});
