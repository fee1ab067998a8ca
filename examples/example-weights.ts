// A weight for each training row, where 40 % of the labels are wrong and 200 rows with right ones tune them
//     npx drmad tune examples/example-weights.ts
import { defineExperiment, digits, hyper, momentum, nn, ops, outer, type NdArray } from "drmad";

const ROWS = 500;

/** Adds each row's number, by which the loss finds its weight. */
const numbered = <S extends { readonly y: NdArray }>(split: S) => {
  const [n] = split.y.shape as [number];
  return { ...split, row: { data: Int32Array.from({ length: n }, (_, i) => i), shape: [n] } };
};
/** Two labels of five become a wrong one, in rows 3, 4, 8, 9, 13, … */
const corrupted = ({ data, shape }: NdArray) => ({ data: Int32Array.from(data, (y, i) => (i % 5 < 3 ? y : (y + 1 + (i % 9)) % 10)), shape }); // prettier-ignore

export default defineExperiment({
  data: (seed) => {
    const { train, valid, test } = digits({ train: ROWS, valid: 200, test: 1000, seed });
    return {
      train: numbered({ ...train, y: corrupted(train.y) }),
      valid: numbered(valid),
      test: numbered(test!),
      // So that the dashboard shows rows as pictures.
      image: { height: 8, width: 8 },
    };
  },
  params: nn.mlp([64, 50, 10]),
  hyper: { weight: hyper.array(nn.constant([ROWS], 0.5), { transform: "logit" }) },
  train: {
    loss: (w, h, { x, y, row }) => ops.crossEntropy(nn.forward(w, x), y, { weights: ops.gather(h.weight, row) }),
    dynamics: momentum({ rate: 0.5, decay: 0.9 }),
    steps: 200,
    batch: 100,
  },
  valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
  metrics: { error: (w, _, { x, y }) => nn.errorRate(nn.forward(w, x), y) },
  outer: { optimizer: outer.adam({ rate: 0.3 }), steps: 30 },
});
