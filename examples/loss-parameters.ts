// Label smoothing, temperature and focal exponent of the training loss, where a fifth of the labels are wrong
//     npx drmad tune examples/loss-parameters.ts
import { defineExperiment, digits, hyper, momentum, nn, ops, outer, type NdArray } from "drmad";

/** Every fifth label becomes a wrong one. */
const corrupted = ({ data, shape }: NdArray): NdArray => ({
  data: Int32Array.from(data, (y, i) => (i % 5 === 0 ? (y + 1 + (i % 9)) % 10 : y)),
  shape,
});

export default defineExperiment({
  data: (seed) => {
    const { train, valid, test } = digits({ train: 500, valid: 400, test: 897, seed });
    return { train: { ...train, y: corrupted(train.y) }, valid, test: test! };
  },
  params: nn.mlp([64, 50, 10]),
  hyper: {
    smoothing: hyper.scalar(0.05, { transform: "logit" }),
    temperature: hyper.scalar(1, { transform: "log" }),
    focus: hyper.scalar(0.1, { transform: "softplus" }),
  },
  train: {
    // −Σ target · (1 − p)^focus · log p, with p at the temperature and targets smoothed
    loss: (w, h, { x, y }) => {
      const logP = ops.logSoftmax(ops.div(nn.forward(w, x), h.temperature));
      const target = ops.add(ops.mul(ops.sub(1, h.smoothing), ops.oneHot(y, 10)), ops.div(h.smoothing, 10));
      const focal = ops.pow(ops.sub(1 + 1e-6, ops.exp(logP)), h.focus);
      return ops.neg(ops.mean(ops.sum(ops.mul(ops.mul(target, focal), logP), { axes: -1 })));
    },
    dynamics: momentum({ rate: 0.5, decay: 0.9 }),
    steps: 300,
    batch: 50,
  },
  valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
  metrics: { error: (w, _, { x, y }) => nn.errorRate(nn.forward(w, x), y) },
  outer: { optimizer: outer.adam({ rate: 0.05 }), steps: 60 },
});
