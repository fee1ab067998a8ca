// A study that takes milliseconds, for kills within what is done with a whole one.
import { defineExperiment, digits, hyper, methods, momentum, nn, ops, outer } from "../../dist/index.js";

export const experiment = defineExperiment({
  name: "moved",
  data: digits({ train: 40, valid: 30, test: 30 }),
  params: nn.mlp([64, 10]),
  hyper: { l2: hyper.perInput(1e-3, { transform: "log", biases: 0 }) },
  train: {
    loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.l2)),
    dynamics: momentum({ rate: 0.3, decay: 0.9 }),
    steps: 15,
    batch: 20,
  },
  valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
});

export const OPTIONS = {
  method: methods.reverse(),
  optimizer: outer.adam({ rate: 0.1 }),
  precision: "float64",
  threads: 1,
  trustEngine: true,
  worker: false,
};
