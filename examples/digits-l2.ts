// One L2 penalty for each input of every layer, tuned by differentiating through training:
//     npx drmad tune examples/digits-l2.ts
import { defineExperiment, digits, hyper, momentum, nn, ops, outer, reverse } from "drmad";

export default defineExperiment({
  data: (seed) => digits({ train: 500, valid: 800, test: 497, seed }),
  params: nn.mlp([64, 50, 50, 10]),
  hyper: { l2: hyper.perInput(1e-4, { transform: "log", biases: 0 }) },
  train: {
    loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.l2)),
    dynamics: momentum({ rate: 0.5, decay: 0.95 }),
    steps: 500,
    batch: 50,
  },
  valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
  metrics: { error: (w, _, { x, y }) => nn.errorRate(nn.forward(w, x), y) },
  outer: { optimizer: outer.adam({ rate: 0.2 }), steps: 40 },
  method: reverse(),
});
