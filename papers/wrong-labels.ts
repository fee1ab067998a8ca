import { defineExperiment, hyper, momentum, nn, ops, outer, type Dataset, type NdArray } from "drmad";
import { images, type Images } from "./data.ts";
import { shuffled, uniform } from "./random.ts";

/** MNIST with wrong training labels, and right ones elsewhere. */
export interface Size {
  readonly rows: { readonly train: number; readonly valid: number; readonly test: number };
  readonly steps: number;
  readonly outerSteps: number;
  readonly seeds: readonly number[];
}

export interface Noise {
  /** Of the training labels. */
  readonly share: number;
  /** How many other digits a digit can be called, each as likely: all nine, or as many drawn for it. */
  readonly others: number;
}

export const NETWORK = [784, 100, 10];
export const RATE = 0.5;
export const DECAY = 0.9;

/** By digit, what it can be called by mistake. */
function mistakes(others: number, seed: number): readonly Int32Array[] {
  const all = Array.from({ length: 10 }, (_, digit) => Int32Array.from({ length: 9 }, (_, i) => (digit + 1 + i) % 10));
  if (others === 9) return all;
  // A series of its own, so that the same rows are wrong for every number of others.
  const next = uniform(seed + 1_000_000);
  return all.map((digits) => shuffled(9, next).subarray(0, others).map((i) => digits[i]!)); // prettier-ignore
}

/** Labels as given, the true ones beside them. */
export function spoilt(labels: Int32Array, { share, others }: Noise, seed: number): Int32Array {
  const next = uniform(seed);
  const called = mistakes(others, seed);
  const given = labels.slice();
  for (const row of shuffled(labels.length, next).subarray(0, Math.round(share * labels.length)))
    given[row] = called[labels[row]!]![Math.floor(others * next())]!;
  return given;
}

export type Rows = Images["train"] & Record<"truth" | "index", NdArray>;

const rowsOf = ({ x, y }: Images["train"], given: Int32Array): Rows => ({
  x,
  y: { data: given, shape: y.shape },
  truth: y,
  index: { data: Int32Array.from(given, (_, i) => i), shape: y.shape },
});

export function data(folder: string, rows: Size["rows"], noise: Noise, seed: number): Dataset<Rows> {
  const { train, valid, test } = images(folder, rows, seed);
  const right = (split: Images["train"]): Rows => rowsOf(split, split.y.data as Int32Array);
  return { train: rowsOf(train, spoilt(train.y.data as Int32Array, noise, seed)), valid: right(valid), test: right(test!) }; // prettier-ignore
}

export type Layers = readonly nn.Layer<ops.Tensor>[];
type Batch = { readonly x: ops.Tensor; readonly y: ops.Tensor };

export const meanLoss = (w: Layers, { x, y }: Batch): ops.Tensor => ops.crossEntropy(nn.forward(w, x), y);
export const error = (w: Layers, { x, y }: Batch): ops.Tensor => nn.errorRate(nn.forward(w, x), y);
/** By row. */
export const losses = (w: Layers, { x, y }: Batch): ops.Tensor =>
  ops.neg(ops.sum(ops.mul(ops.oneHot(y, 10), ops.logSoftmax(nn.forward(w, x))), { axes: -1 }));

/** No weights: one penalty and the rate, on the labels as given, on the true ones, or on the validation images alone. */
export const plain =
  (noise: Noise, from: "given" | "truth" | "validation") =>
  (folder: string, { rows, steps, outerSteps }: Size) =>
    defineExperiment({
      name: `wrong-labels-${from}`,
      data: (seed) => {
        const all = data(folder, rows, noise, seed);
        return from === "validation" ? { ...all, train: all.valid } : all;
      },
      params: nn.mlp(NETWORK),
      hyper: { penalty: hyper.scalar(1e-5, { transform: "log" }), rate: hyper.scalar(RATE, { transform: "log" }) },
      train: {
        loss: (w, h, { x, y, truth }) => ops.add(meanLoss(w, { x, y: from === "truth" ? truth : y }), nn.l2(w, h.penalty)), // prettier-ignore
        dynamics: (h) => momentum({ rate: h.rate, decay: DECAY }),
        steps,
        batch: 100,
      },
      valid: { loss: (w, _, batch) => meanLoss(w, batch) },
      metrics: { error: (w, _, batch) => error(w, batch) },
      outer: { optimizer: outer.adam({ rate: 0.5 }), steps: outerSteps },
    });
