import { digits } from "../data/digits.ts";
import { momentum } from "../dynamics/momentum.ts";
import { reverse } from "../hypergradient/reverse.ts";
import * as nn from "../nn/nn.ts";
import { adam } from "../outer/adam.ts";
import { hyper } from "../problem/hyper.ts";
import { defineExperiment, type DefinedExperiment } from "../study/define.ts";
import * as ops from "../tensor/ops.ts";

/** One L2 penalty for each input of every layer of a small network on 8×8 digits. */
const experiment: DefinedExperiment = defineExperiment({
  name: "digits-l2",
  data: (seed) => digits({ train: 1000, valid: 397, test: 400, seed }),
  params: nn.mlp([64, 50, 50, 10]),
  hyper: { l2: hyper.perInput(1e-3, { transform: "log", biases: 0 }) },
  train: {
    loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.l2)),
    dynamics: momentum({ rate: 0.5, decay: 0.95 }),
    steps: 500,
    batch: 50,
  },
  valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
  metrics: { error: (w, _, { x, y }) => nn.errorRate(nn.forward(w, x), y) },
  outer: { optimizer: adam({ rate: 0.2 }), steps: 30 },
  method: reverse(),
});

export default experiment;
