// A scale for each pixel of the inputs, in training and after it
//     npx drmad tune examples/input-scale.ts
import { defineExperiment, digits, hyper, momentum, nn, ops, outer } from "drmad";

export default defineExperiment({
  data: (seed) => digits({ train: 200, valid: 800, test: 797, seed }),
  params: nn.mlp([64, 50, 10]),
  hyper: { scale: hyper.array(nn.constant([64], 1), { transform: "log" }) },
  train: {
    loss: (w, h, { x, y }) => ops.crossEntropy(nn.forward(w, ops.mul(h.scale, x)), y),
    dynamics: momentum({ rate: 0.5, decay: 0.9 }),
    steps: 200,
    batch: 50,
  },
  // The scales are part of the model, so every loss has them.
  valid: { loss: (w, h, { x, y }) => ops.crossEntropy(nn.forward(w, ops.mul(h.scale, x)), y) },
  metrics: { error: (w, h, { x, y }) => nn.errorRate(nn.forward(w, ops.mul(h.scale, x)), y) },
  outer: { optimizer: outer.adam({ rate: 0.1 }), steps: 30 },
});
