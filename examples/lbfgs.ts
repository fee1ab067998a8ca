// A penalty for each input of a linear classifier, tuned by L-BFGS to where the prior and 900 validation rows agree
//     npx drmad tune examples/lbfgs.ts
import { defineExperiment, digits, hyper, momentum, nn, ops, outer } from "drmad";

export default defineExperiment({
  data: (seed) => digits({ train: 100, valid: 900, test: 797, seed }),
  params: nn.mlp([64, 10]),
  hyper: { l2: hyper.perInput(1e-3, { transform: "log", biases: 0 }) },
  train: {
    loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.l2)),
    dynamics: momentum({ rate: 1, decay: 0.9 }),
    steps: 200,
  },
  valid: {
    loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y),
    // log l2 is normal about log 0.001 with deviation 2, over 900 rows: an outer loss with a minimum, which L-BFGS finds.
    prior: ({ l2 }) => ops.div(ops.sum(ops.square(ops.div(ops.log(ops.div(l2[0]!.W, 1e-3)), 2))), 2 * 900),
  },
  metrics: { error: (w, _, { x, y }) => nn.errorRate(nn.forward(w, x), y) },
  outer: { optimizer: outer.lbfgs({ rate: 2 }), steps: 30 },
});
