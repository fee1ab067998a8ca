import { defineExperiment, hyper, momentum, nn, ops, outer, type Dataset, type NdArray } from "drmad";
import { images, type Images } from "../../data.ts";
import { shuffled, uniform } from "../../random.ts";

export interface Size {
  readonly rows: { readonly train: number; readonly valid: number; readonly test: number };
  readonly steps: number;
  readonly outerSteps: number;
  readonly seeds: readonly number[];
}

/** Share of the training labels that are wrong: any of the nine others, each as likely. */
export const WRONG = 0.45;
const NETWORK = [784, 100, 10];
const RATE = 0.5;
const DECAY = 0.9;

/** Labels as given, the true ones beside them. */
export function spoilt(labels: Int32Array, seed: number): Int32Array {
  const next = uniform(seed);
  const given = labels.slice();
  for (const row of shuffled(labels.length, next).subarray(0, Math.round(WRONG * labels.length)))
    given[row] = (labels[row]! + 1 + Math.floor(9 * next())) % 10;
  return given;
}

type Rows = Images["train"] & Record<"truth" | "index", NdArray>;

const rowsOf = ({ x, y }: Images["train"], given: Int32Array): Rows => ({
  x,
  y: { data: given, shape: y.shape },
  truth: y,
  index: { data: Int32Array.from(given, (_, i) => i), shape: y.shape },
});

export function data(folder: string, rows: Size["rows"], seed: number): Dataset<Rows> {
  const { train, valid, test } = images(folder, rows, seed);
  const right = (split: Images["train"]): Rows => rowsOf(split, split.y.data as Int32Array);
  return { train: rowsOf(train, spoilt(train.y.data as Int32Array, seed)), valid: right(valid), test: right(test!) };
}

type Layers = readonly nn.Layer<ops.Tensor>[];
type Batch = { readonly x: ops.Tensor; readonly y: ops.Tensor };

const outerLoss = (w: Layers, { x, y }: Batch): ops.Tensor => ops.crossEntropy(nn.forward(w, x), y);
const error = (w: Layers, { x, y }: Batch): ops.Tensor => nn.errorRate(nn.forward(w, x), y);

/** A weight between 0 and 1 for every training image: a batch's loss is the weighted mean, so equal weights are none. */
export const weighted = (folder: string, { rows, steps, outerSteps }: Size) =>
  defineExperiment({
    name: "hyper-cleaning",
    data: (seed) => data(folder, rows, seed),
    params: nn.mlp(NETWORK),
    hyper: {
      weights: hyper.array(
        { data: new Float64Array(rows.train).fill(0.5), shape: [rows.train] },
        { transform: "logit" },
      ),
    },
    train: {
      loss: (w, h, { x, y, index }) => {
        const own = ops.gather(h.weights, index);
        const total = ops.sum(own);
        const each = ops.sum(ops.mul(ops.oneHot(y, 10), ops.logSoftmax(nn.forward(w, x))), { axes: -1 });
        return ops.neg(ops.div(ops.sum(ops.mul(own, each)), total));
      },
      dynamics: momentum({ rate: RATE, decay: DECAY }),
      steps,
      batch: 100,
    },
    valid: { loss: (w, _, batch) => outerLoss(w, batch) },
    metrics: { error: (w, _, batch) => error(w, batch) },
    // As long as the gradient is: an optimiser that moves all weights alike moves most of them by noise.
    outer: { optimizer: outer.sgd({ rate: 5000 }), steps: outerSteps },
  });

/** No weights: one penalty and the rate, on the labels as given, on the true ones, or on the validation images alone. */
export const plain =
  (from: "given" | "truth" | "validation") =>
  (folder: string, { rows, steps, outerSteps }: Size) =>
    defineExperiment({
      name: `hyper-cleaning-${from}`,
      data: (seed) => {
        const all = data(folder, rows, seed);
        return from === "validation" ? { ...all, train: all.valid } : all;
      },
      params: nn.mlp(NETWORK),
      hyper: { penalty: hyper.scalar(1e-5, { transform: "log" }), rate: hyper.scalar(RATE, { transform: "log" }) },
      train: {
        loss: (w, h, { x, y, truth }) =>
          ops.add(outerLoss(w, { x, y: from === "truth" ? truth : y }), nn.l2(w, h.penalty)),
        dynamics: (h) => momentum({ rate: h.rate, decay: DECAY }),
        steps,
        batch: 100,
      },
      valid: { loss: (w, _, batch) => outerLoss(w, batch) },
      metrics: { error: (w, _, batch) => error(w, batch) },
      outer: { optimizer: outer.adam({ rate: 0.5 }), steps: outerSteps },
    });
