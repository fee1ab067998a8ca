import type { Point } from "../../src/data/point.ts";
import { momentum } from "../../src/dynamics/momentum.ts";
import { sgd } from "../../src/dynamics/sgd.ts";
import * as nn from "../../src/nn/nn.ts";
import type { Experiment } from "../../src/problem/experiment.ts";
import { hyper } from "../../src/problem/hyper.ts";
import type { Rollout } from "../../src/rollout/rollout.ts";
import { defineExperiment } from "../../src/study/define.ts";
import * as ops from "../../src/tensor/ops.ts";
import { formula } from "../oracle/measure.ts";
import { classified } from "../oracle/rows.ts";

/** Problems so small that every method can run on all of them many times; each has a `penalty` in coordinates of log. */
const split = (seed: number, n: number) => classified(seed, n, 2);
const data = { train: split(1, 14), valid: split(2, 9) };
type Layers = readonly nn.Layer<ops.Tensor>[];
type Batch = { readonly x: ops.Tensor; readonly y: ops.Tensor };
const network = nn.mlp([2, 2, 2], { deviation: 0.7 });
const misfit = (w: Layers, { x, y }: Batch): ops.Tensor => ops.crossEntropy(nn.forward(w, x), y);

const line = (seed: number, n: number) => ({
  x: { data: formula(seed, 3 * n), shape: [n, 3] },
  y: { data: formula(seed + 20, n), shape: [n, 1] },
});
const squares = ({ w }: { w: ops.Tensor }, { x, y }: Batch): ops.Tensor => ops.mul(0.5, ops.mse(ops.matmul(x, w), y));

/** More steps than the sixteen of a first chunk, and a number that nothing divides. */
const STEPS = 19;

export const TINY = {
  /** Convex, and trained to its minimum. */
  "penalty per weight, sgd, full batch": defineExperiment({
    data: { train: line(1, 12), valid: line(2, 7) },
    params: { w: nn.given([3, 1], [0.4, -0.7, 0.2]) },
    hyper: { penalty: hyper.perWeight(0.5, { transform: "log" }) },
    train: {
      loss: (w, h, batch) => ops.add(squares(w, batch), ops.mul(0.5, ops.sum(ops.mul(h.penalty.w, ops.square(w.w))))),
      dynamics: sgd({ rate: 1 }),
      steps: 31,
    },
    valid: {
      loss: (w, h, batch) => ops.add(squares(w, batch), ops.mul(0.1, ops.sum(ops.mul(h.penalty.w, ops.square(w.w))))),
    },
  }),
  "rate per step, momentum, minibatches": defineExperiment({
    data,
    params: network,
    hyper: {
      rate: hyper.scalar(0.5, { transform: "log", perStep: true }),
      penalty: hyper.perLayer(0.05, { transform: "log" }),
    },
    train: {
      loss: (w, h, batch) => ops.add(misfit(w, batch), nn.l2(w, h.penalty)),
      dynamics: (h) => momentum({ rate: h.rate, decay: 0.6 }),
      steps: STEPS,
      batch: 4,
    },
    valid: { loss: (w, h, batch) => ops.add(misfit(w, batch), ops.mul(0.1, nn.l2(w, h.penalty))) },
  }),
  "decay and initial scale, momentum, minibatches": defineExperiment({
    data,
    params: network,
    hyper: {
      scale: hyper.perLayer(1, { transform: "softplus" }),
      decay: hyper.perUnit(0.7, { transform: "logit" }),
      penalty: hyper.scalar(0.05, { transform: "log" }),
    },
    initial: (w, { scale }) => w.map(({ W, b }, i) => ({ W: ops.mul(scale[i]!.W, W), b })),
    train: {
      loss: (w, h, batch) => ops.add(misfit(w, batch), nn.l2(w, h.penalty)),
      dynamics: (h) => momentum({ rate: 0.6, decay: h.decay }),
      steps: STEPS,
      batch: 5,
    },
    valid: { loss: (w, h, batch) => ops.add(misfit(w, batch), ops.mul(0.2, nn.l2(w, h.penalty))) },
  }),
  "rate per layer, sgd, full batch": defineExperiment({
    data,
    params: network,
    hyper: { rate: hyper.perLayer(0.4, { bounds: [0.05, 1] }), penalty: hyper.scalar(0.05, { transform: "log" }) },
    train: {
      loss: (w, h, batch) => ops.add(misfit(w, batch), nn.l2(w, h.penalty)),
      dynamics: (h) => sgd({ rate: h.rate }),
      steps: STEPS,
    },
    valid: { loss: (w, _, batch) => misfit(w, batch) },
  }),
} satisfies Record<string, Experiment>;
export type TinyName = keyof typeof TINY;
export const TINY_NAMES = Object.keys(TINY) as TinyName[];

const shifted = (point: Point, by: (name: string, i: number) => number): Point =>
  Object.fromEntries(Object.entries(point).map(([name, u]) => [name, u.map((v, i) => v + by(name, i))]));
/** Coordinates of which no two are alike. */
export const spread = ({ point }: Rollout, size = 0.2): Point => {
  const numbers = formula(7, 1000);
  let next = 0;
  return shifted(point, () => size * numbers[next++]!);
};
/** So large a penalty that every step multiplies the weights by far more than 1. */
export const diverging = ({ point }: Rollout): Point => shifted(point, (name) => (name.startsWith("penalty") ? 60 : 0));
