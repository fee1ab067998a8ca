// The shape of the distribution of initial weights, by its inverse cumulative function in 20 pieces of line for each layer
//     npx drmad tune examples/initial-distribution.ts
import { defineExperiment, digits, hyper, momentum, nn, ops, outer, type Tensor } from "drmad";

const PIECES = 20;
/** Unit of the weights, so that a step of the outer optimiser is neither far nor short. */
const UNIT = 0.05;

/** UNIT · (low + Σ_j rise_j · clip(20 u − j, 0, 1)): rises above 0 make any of them a distribution. */
const inverse = (low: Tensor, rises: Tensor, u: Tensor) => {
  const place = ops.reshape(ops.mul(PIECES, u), [...u.shape, 1]);
  const share = ops.clip(ops.sub(place, ops.literal(Array.from({ length: PIECES }, (_, j) => j))), 0, 1);
  return ops.mul(UNIT, ops.add(low, ops.sum(ops.mul(share, rises), { axes: -1 })));
};

export default defineExperiment({
  data: (seed) => digits({ train: 500, valid: 800, test: 497, seed }),
  params: [
    { W: nn.uniform([64, 50]), b: nn.constant([50]) },
    { W: nn.uniform([50, 10]), b: nn.constant([10]) },
  ],
  // To begin with, uniform from −UNIT to UNIT.
  hyper: {
    low: hyper.array(nn.constant([2], -1)),
    rises: hyper.array(nn.constant([2, PIECES], 2 / PIECES), { transform: "softplus" }),
  },
  initial: (w, h) => w.map(({ W, b }, i) => ({ W: inverse(ops.gather(h.low, i), ops.gather(h.rises, i), W), b })),
  train: {
    loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y),
    dynamics: momentum({ rate: 0.3, decay: 0.9 }),
    steps: 50,
    batch: 50,
  },
  valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
  metrics: { error: (w, _, { x, y }) => nn.errorRate(nn.forward(w, x), y) },
  outer: { optimizer: outer.adam({ rate: 0.1 }), steps: 60 },
});
