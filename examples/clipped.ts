// A rate for each step, by plain SGD on hypergradients of at most a given length
//     npx drmad tune examples/clipped.ts
import { defineExperiment, digits, hyper, momentum, nn, ops, outer } from "drmad";

export default defineExperiment({
  data: (seed) => digits({ train: 500, valid: 800, test: 497, seed }),
  params: nn.mlp([64, 50, 10]),
  hyper: { rate: hyper.scalar(0.02, { transform: "log", perStep: true }) },
  train: {
    loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y),
    dynamics: (h) => momentum({ rate: h.rate, decay: 0.9 }),
    steps: 100,
    batch: 50,
  },
  valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
  metrics: { error: (w, _, { x, y }) => nn.errorRate(nn.forward(w, x), y) },
  // Some hypergradients are a hundred times as long as others: a rate for these would be far too large for those.
  outer: { optimizer: outer.clipped(outer.sgd({ rate: 100 }), { norm: 0.02 }), steps: 30 },
});
