// The 640 initial weights of a softmax regression that then gets 5 steps on 50 rows
//     npx drmad tune examples/initial-weights.ts
import { defineExperiment, digits, hyper, momentum, nn, ops, outer } from "drmad";

export default defineExperiment({
  data: (seed) => digits({ train: 50, valid: 900, test: 847, seed }),
  params: { W: nn.constant([64, 10]), b: nn.constant([10]) },
  hyper: { start: hyper.array(nn.normal([64, 10], 0.01)) },
  initial: ({ b }, h) => ({ W: h.start, b }),
  train: {
    loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward([w], x), y),
    dynamics: momentum({ rate: 1, decay: 0.5 }),
    steps: 5,
  },
  valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward([w], x), y) },
  metrics: { error: (w, _, { x, y }) => nn.errorRate(nn.forward([w], x), y) },
  outer: { optimizer: outer.adam({ rate: 0.05 }), steps: 100 },
});
