import { describe, expect, test } from "vitest";
import { failure, rolloutOf } from "../../test/oracle/measure.ts";
import { sgd } from "../dynamics/sgd.ts";
import { referenceEngine } from "../engine/reference/engine.ts";
import * as nn from "../nn/nn.ts";
import { hyper } from "../problem/hyper.ts";
import { resolveProblem } from "../problem/problem.ts";
import { defineExperiment } from "../study/define.ts";
import * as ops from "../tensor/ops.ts";
import type { Tensor } from "../tensor/tensor.ts";

const engine = referenceEngine();
type Loss = (outputs: Tensor, y: Tensor) => Tensor;
const crossEntropy: Loss = (outputs, y) => ops.crossEntropy(outputs, y);
const none: Loss = (outputs) => ops.mean(ops.square(outputs));

interface Case {
  readonly labels: { readonly train?: number; readonly valid?: number; readonly test?: number };
  readonly train?: Loss;
  readonly valid?: Loss;
  readonly metric?: Loss;
  readonly batch?: number;
}
const split = (label = 2) => ({
  x: { data: Float64Array.from({ length: 8 }, (_, i) => i / 8), shape: [4, 2] },
  y: { data: Int32Array.of(0, 0, 0, label), shape: [4] },
});
const outputs = (w: { readonly W: Tensor }, x: Tensor): Tensor => ops.matmul(x, w.W);
/** Three outputs; the last label of a split is given, all others are 0. */
const experimentOf = ({ labels, train = none, valid = none, metric = none, batch }: Case) => {
  return defineExperiment({
    data: (seed: number) => ({
      train: split(seed === 7 ? 9 : labels.train),
      valid: split(labels.valid),
      test: split(labels.test),
    }),
    params: { W: nn.normal([2, 3], 1) },
    hyper: { rate: hyper.scalar(0.1) },
    train: {
      loss: (w, _, { x, y }) => train(outputs(w, x), y),
      dynamics: ({ rate }) => sgd({ rate }),
      steps: 2,
      ...(batch === undefined ? {} : { batch }),
    },
    valid: { loss: (w, _, { x, y }) => valid(outputs(w, x), y) },
    metrics: { metric: (w, _, { x, y }) => metric(outputs(w, x), y) },
  });
};

describe("a label beyond the outputs", () => {
  test.each<[string, Case, string]>([
    ["in training", { labels: { train: 3 }, train: crossEntropy }, "train.y has labels up to 3"],
    ["in minibatches", { labels: { train: 3 }, train: crossEntropy, batch: 2 }, "train.y has labels up to 3"],
    ["in validation", { labels: { valid: 4 }, valid: crossEntropy }, "valid.y has labels up to 4"],
    [
      "on training rows, by the validation loss",
      { labels: { train: 5 }, valid: crossEntropy },
      "train.y has labels up to 5",
    ],
    ["in the test split", { labels: { test: 9 }, valid: crossEntropy }, "test.y has labels up to 9"],
    ["in a metric", { labels: { test: 3 }, metric: (o, y) => nn.errorRate(o, y) }, "test.y has labels up to 3"],
    [
      "of gather",
      {
        labels: { valid: 3 },
        valid: (o, y) => ops.add(none(o, y), ops.mean(ops.gather(ops.literal([1, 2, 3], [3]), y))),
      },
      "valid.y looks up row 3 of an array of 3 rows",
    ],
  ])("%s is refused", async (_, of, part) => {
    await expect(rolloutOf(experimentOf(of), engine)).rejects.toMatchObject(failure("invalid-experiment", part));
  });

  test.each<[string, Case]>([
    ["no label is", { labels: {}, train: crossEntropy, valid: crossEntropy, metric: (o, y) => nn.errorRate(o, y) }],
    ["only training uses labels, and other splits have them", { labels: { valid: 9, test: 9 }, train: crossEntropy }],
    [
      "labels are changed first",
      { labels: { valid: 9 }, valid: (o, y) => ops.crossEntropy(o, ops.where(ops.less(y, 3), y, 0)) },
    ],
    [
      "they are compared with one number",
      { labels: { valid: 9 }, valid: (o, y) => ops.add(none(o, y), ops.mean(ops.cast(ops.equal(y, 1), "float"))) },
    ],
    [
      "oneHot gives them rows of zeros",
      { labels: { valid: 9 }, valid: (o, y) => ops.mean(ops.mul(o, ops.oneHot(y, 3))) },
    ],
    [
      "they are numbers",
      { labels: { valid: 9 }, valid: (o, y) => ops.mean(ops.mul(ops.mean(o, { axes: 1 }), ops.cast(y, "float"))) },
    ],
  ])("is none where %s", async (_, of) => {
    await expect(rolloutOf(experimentOf(of), engine)).resolves.toBeDefined();
  });

  test("under another seed is refused as well", async () => {
    const experiment = experimentOf({ labels: {}, train: crossEntropy });
    const rollout = await rolloutOf(experiment, engine);
    const other = await resolveProblem(experiment, { seed: 7 });
    expect(() => rollout.reseeded(other)).toThrow(
      expect.objectContaining(failure("invalid-experiment", "train.y has labels up to 9")),
    );
  });
});
