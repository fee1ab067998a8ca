// An L1 penalty for each input of the first layer, of the kind that sets weights to exactly 0
//     npx drmad tune examples/l1-per-input.ts
import { defineExperiment, digits, dynamics, hyper, momentum, nn, ops, outer } from "drmad";

export default defineExperiment({
  data: (seed) => digits({ train: 200, valid: 800, test: 797, seed }),
  params: nn.mlp([64, 50, 10]),
  hyper: { l1: hyper.perInput(3e-4, { transform: "log", biases: 0 }) },
  train: {
    loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y),
    dynamics: (h) => dynamics.proximal(momentum({ rate: 0.5, decay: 0.9 }), { l1: h.l1 }),
    steps: 200,
    batch: 50,
  },
  valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
  metrics: {
    error: (w, _, { x, y }) => nn.errorRate(nn.forward(w, x), y),
    zeros: (w) => ops.mean(ops.equal(w[0]!.W, 0)),
  },
  outer: { optimizer: outer.adam({ rate: 0.1 }), steps: 30 },
});
