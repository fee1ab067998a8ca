import { defineExperiment, hyper, nn, ops, sgd, type Hyper, type NdArray, type Parameter } from "drmad";

/** Weights, hyperparameters and rows as interfaces, which have no index signature: they fit as type aliases do. */
interface Weights {
  readonly centre: Parameter;
  readonly layers: readonly Parameter[];
}
interface Knobs {
  readonly l2: Hyper<"tree">;
  readonly rate: Hyper<"tensor">;
}
interface Rows {
  readonly x: NdArray;
}

const params: Weights = { centre: nn.constant([3], 1), layers: [nn.constant([3], 1)] };
const knobs: Knobs = { l2: hyper.perWeight(0.1), rate: hyper.scalar(0.1) };
const rows: Rows = { x: { data: Float64Array.of(1, 2, 3), shape: [1, 3] } };

export const stated = defineExperiment({
  data: { train: rows, valid: rows },
  params,
  hyper: knobs,
  initial: (w, h) => ({ ...w, layers: w.layers.map((layer) => ops.mul(h.rate, layer)) }),
  train: {
    loss: (w, h, { x }) => ops.add(ops.sum(ops.mul(x, ops.square(w.centre))), nn.l2(w, h.l2)),
    dynamics: (h) => sgd({ rate: h.rate }),
    steps: 2,
  },
  valid: { loss: (w, _, { x }) => ops.sum(ops.mul(x, ops.mul(w.centre, w.layers[0]!))) },
});

export const refused = defineExperiment({
  data: { train: rows, valid: rows },
  // @ts-expect-error A number is no parameter.
  params: { centre: nn.constant([3]), width: 3 },
  // @ts-expect-error A number is no hyperparameter.
  hyper: { rate: 0.1 },
  train: { loss: (_w, _h, { x }) => ops.sum(x), dynamics: sgd({ rate: 0.1 }), steps: 2 },
  valid: { loss: (_w, _h, { x }) => ops.sum(x) },
});
