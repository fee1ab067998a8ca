// Ten images and their soft labels, made so that training on nothing else recognises real digits
//     npx drmad tune examples/training-inputs.ts
import { defineExperiment, digits, hyper, momentum, nn, ops, outer } from "drmad";

/** Image i starts as digit i, surely but not with certainty. */
const startLabels = nn.given(
  [10, 10],
  Array.from({ length: 100 }, (_, i) => (i % 11 === 0 ? 4 : 0)),
);

export default defineExperiment({
  // The validation rows are what the images are fitted to; no loss reads the training rows.
  data: (seed) => digits({ train: 1, valid: 1000, test: 796, seed }),
  params: nn.mlp([64, 10]),
  hyper: {
    images: hyper.array(nn.normal([10, 64], 0.1)),
    labels: hyper.array(startLabels),
  },
  train: {
    loss: (w, h) => ops.crossEntropy(nn.forward(w, h.images), ops.softmax(h.labels)),
    dynamics: momentum({ rate: 1, decay: 0.9 }),
    steps: 40,
  },
  valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
  metrics: { error: (w, _, { x, y }) => nn.errorRate(nn.forward(w, x), y) },
  outer: { optimizer: outer.adam({ rate: 0.05 }), steps: 60 },
});
