import { defineExperiment, digits, hyper, momentum, nn, ops, outer, reverse, type DefinedExperiment } from "drmad";

/** An experiment as a user writes it in a file of their own. */
const experiment: DefinedExperiment = defineExperiment({
  name: "from-outside",
  data: (seed) => digits({ train: 100, valid: 50, test: 50, seed }),
  params: nn.mlp([64, 10]),
  hyper: { l2: hyper.perInput(1e-3, { transform: "log", biases: 0 }), rate: hyper.scalar(0.5, { transform: "log" }) },
  train: {
    loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.l2)),
    dynamics: (h) => momentum({ rate: h.rate, decay: 0.9 }),
    steps: 20,
    batch: 20,
  },
  valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
  metrics: { error: (w, _, { x, y }) => nn.errorRate(nn.forward(w, x), y) },
  outer: { optimizer: outer.adam({ rate: 0.1 }), steps: 2 },
  method: reverse(),
});

export default experiment;
