import { defineExperiment, hyper, momentum, nn, ops } from "drmad";
import { images } from "../../data.ts";

export interface Size {
  readonly rows: { readonly train: number; readonly valid: number; readonly test: number };
  readonly steps: number;
  readonly batch: number;
  readonly outerSteps: number;
  readonly seeds: readonly number[];
}

/** As in the authors' code: e times .01. */
const START = 0.01 * Math.E;
/** Of the outer loss, for each penalty squared: it keeps penalties of pixels that are always black from standing still. */
const OUTER_PENALTY = 0.01;

const ONES = ops.literal(new Float64Array(784 * 10).fill(1), [784, 10]);

/** Logistic regression with a penalty for each weight, biases included, or one for all. */
export const logistic = (folder: string, { rows, steps, batch }: Size, sharing: "weight" | "network" = "weight") =>
  defineExperiment({
    name: "logistic-l2",
    data: (seed) => images(folder, rows, seed),
    params: nn.mlp([784, 10], { deviation: Math.exp(-4) }),
    hyper: {
      l2:
        sharing === "weight"
          ? hyper.perWeight(START, { transform: "log" })
          : hyper.perNetwork(START, { transform: "log" }),
    },
    train: {
      loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.l2)),
      dynamics: momentum({ rate: 1, decay: 0.9 }),
      steps,
      batch,
    },
    valid: {
      loss: (w, h, { x, y }) => {
        const { W, b } = h.l2[0]!;
        // One penalty for all counts as often as it is used.
        const squares = ops.add(
          ops.sum(ops.square(ops.mul(ONES, W))),
          ops.sum(ops.square(ops.mul(ops.reshape(ops.slice(ONES, [0, 0], [1, 10]), [10]), b))),
        );
        return ops.add(ops.crossEntropy(nn.forward(w, x), y), ops.mul(OUTER_PENALTY, squares));
      },
    },
    metrics: {
      nll: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y),
      error: (w, _, { x, y }) => nn.errorRate(nn.forward(w, x), y),
    },
  });
