// A smooth L1 penalty for each weight of a linear classifier
//     npx drmad tune examples/smooth-l1.ts
import { defineExperiment, digits, hyper, momentum, nn, ops, outer } from "drmad";

export default defineExperiment({
  data: (seed) => digits({ train: 100, valid: 900, test: 797, seed }),
  params: nn.mlp([64, 10]),
  hyper: { l1: hyper.perWeight(1e-3, { transform: "log", biases: 0 }) },
  train: {
    // Below the rounding the penalty is a parabola: λ/0.1 is its curvature, small beside 1/rate.
    loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l1(w, h.l1, { rounding: 0.1 })),
    dynamics: momentum({ rate: 1, decay: 0.9 }),
    steps: 200,
  },
  valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
  metrics: { error: (w, _, { x, y }) => nn.errorRate(nn.forward(w, x), y) },
  outer: { optimizer: outer.adam({ rate: 0.2 }), steps: 40 },
});
