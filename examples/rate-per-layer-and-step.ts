// A learning rate for every layer at every step, a decay for every layer, and an initial scale, all tuned at once:
//     npx drmad tune examples/rate-per-layer-and-step.ts
import { defineExperiment, digits, hyper, momentum, nn, ops, outer } from "drmad";

export default defineExperiment({
  data: (seed) => digits({ train: 500, valid: 800, test: 497, seed }),
  params: nn.mlp([64, 50, 10]),
  hyper: {
    rate: hyper.perLayer(0.1, { transform: "log", perStep: true }),
    decay: hyper.perLayer(0.9, { transform: "logit" }),
    scale: hyper.scalar(1, { transform: "log" }),
  },
  initial: (w, h) => w.map(({ W, b }) => ({ W: ops.mul(h.scale, W), b })),
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
