import type { Point } from "../../../src/data/point.ts";
import { readFileSync } from "node:fs";
import { momentum } from "../../../src/dynamics/momentum.ts";
import { sgd } from "../../../src/dynamics/sgd.ts";
import * as nn from "../../../src/nn/nn.ts";
import type { Experiment } from "../../../src/problem/experiment.ts";
import { hyper } from "../../../src/problem/hyper.ts";
import { defineExperiment } from "../../../src/study/define.ts";
import * as ops from "../../../src/tensor/ops.ts";
import { formula } from "../measure.ts";

/** Point by hyperparameter tensor. */
export type Listed = Readonly<Record<string, readonly number[]>>;

/** What generate.py found. */
interface Found {
  readonly name: string;
  readonly value: number;
  readonly gradient: Listed;
  readonly direct: Listed;
  readonly drmad?: Listed;
  readonly drmadTenth?: Listed;
}

/** A problem of generate.py as we state it, the point at which it was differentiated, and the numbers. */
export interface TorchCase {
  readonly experiment: Experiment;
  readonly point: Point;
  readonly found: Found;
}

type Layers = readonly nn.Layer<ops.Tensor>[];

const ROWS = 20;
const BATCH = 4;
const SHAPES = [
  ["0.W", [6, 5]],
  ["0.b", [5]],
  ["1.W", [5, 3]],
  ["1.b", [3]],
] as const;
const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
const parameters = SHAPES.map(([, shape], k) =>
  nn.given(
    shape,
    formula(3 + k, sizeOf(shape)).map((v) => 0.6 * v),
  ),
);
const params: readonly nn.Layer<(typeof parameters)[0]>[] = [
  { W: parameters[0]!, b: parameters[1]! },
  { W: parameters[2]!, b: parameters[3]! },
];

const labels = (seed: number, n: number): Int32Array =>
  Int32Array.from({ length: n }, (_, i) => Math.floor(((i + seed) * (i + 1)) / 2) % 3);
const split = (seed: number, n: number) => ({
  x: { data: formula(seed, 6 * n), shape: [n, 6] },
  y: { data: labels(seed, n), shape: [n] },
});
const data = { train: split(1, ROWS), valid: split(2, 12) };
const rows = (t: number): Int32Array => Int32Array.from({ length: BATCH }, (_, i) => (5 * t + 3 * i + t * i) % ROWS);

const affine = (offset: number, factor: number, seed: number, count: number): Float64Array =>
  formula(seed, count).map((v) => offset + factor * v);
/** A tensor of coordinates for each weight tensor, with the sizes that sharing leaves. */
const perWeightTensor = (name: string, seed: number, offset: number, factor: number, size: (k: number) => number) =>
  Object.fromEntries(SHAPES.map(([path], k) => [`${name}.${path}`, affine(offset, factor, seed + k, size(k))]));

const crossEntropy = (w: Layers, { x, y }: { readonly x: ops.Tensor; readonly y: ops.Tensor }): ops.Tensor =>
  ops.crossEntropy(nn.forward(w, x), y);

const minibatchMomentum = defineExperiment({
  data,
  params,
  hyper: { l2: hyper.perInput(0.05, { transform: "log" }) },
  train: {
    loss: (w, h, batch) => ops.add(crossEntropy(w, batch), nn.l2(w, h.l2)),
    dynamics: momentum({ rate: 0.3, decay: 0.9 }),
    steps: 12,
    batch: BATCH,
    rows,
  },
  valid: { loss: (w, _, batch) => crossEntropy(w, batch) },
});

const schedules = defineExperiment({
  data,
  params,
  hyper: {
    schedule: hyper.scalar(0.4, { transform: "log", perStep: true }),
    rate: hyper.perWeight(1, { transform: "log" }),
    decay: hyper.perLayer(0.5, { transform: "logit" }),
  },
  train: {
    loss: (w, _, batch) => crossEntropy(w, batch),
    dynamics: (h) =>
      momentum({
        rate: h.rate.map(({ W, b }) => ({ W: ops.mul(h.schedule, W), b: ops.mul(h.schedule, b) })),
        decay: h.decay,
      }),
    steps: 8,
    batch: BATCH,
    rows,
  },
  valid: { loss: (w, _, batch) => crossEntropy(w, batch) },
});

const initialScale = defineExperiment({
  data,
  params,
  hyper: {
    scale: hyper.perLayer(1, { transform: "softplus" }),
    rate: hyper.scalar(0.5, { bounds: [0.01, 0.9] }),
    penalty: hyper.scalar(0.05, { bounds: [0.001, 0.2] }),
    examples: hyper.array({ data: new Float64Array(ROWS).fill(1), shape: [ROWS] }, { transform: "softplus" }),
  },
  initial: (w, { scale }) => w.map(({ W, b }, i) => ({ W: ops.mul(scale[i]!.W, W), b: ops.mul(scale[i]!.b, b) })),
  train: {
    loss: (w, h, { x, y }) =>
      ops.add(ops.crossEntropy(nn.forward(w, x), y, { weights: h.examples }), nn.l2(w, h.penalty)),
    dynamics: (h) => sgd({ rate: h.rate }),
    steps: 10,
  },
  valid: { loss: (w, h, batch) => ops.add(crossEntropy(w, batch), nn.l2(w, ops.mul(0.1, h.penalty))) },
});

const used = (z: Layers, t: Layers): Layers =>
  z.map(({ W, b }, i) => ({ W: ops.mul(W, ops.exp(t[i]!.W)), b: ops.mul(b, ops.exp(t[i]!.b)) }));

const reparametrised = defineExperiment({
  data,
  params,
  hyper: { t: hyper.perWeight(0.2) },
  train: {
    loss: (z, h, batch) => ops.add(crossEntropy(used(z, h.t), batch), nn.l2(z, ops.constant(0.02))),
    dynamics: momentum({ rate: 0.2, decay: 0.8 }),
    steps: 40,
    batch: BATCH,
    rows,
  },
  valid: { loss: (z, h, batch) => crossEntropy(used(z, h.t), batch) },
});

const whole = (k: number): number => sizeOf(SHAPES[k]![1]);
const inputs = (k: number): number => (SHAPES[k]![1].length === 2 ? SHAPES[k]![1][0]! : 1);

const STATED: readonly Omit<TorchCase, "found">[] = [
  { experiment: minibatchMomentum, point: perWeightTensor("l2", 11, -3, 0.5, inputs) },
  {
    experiment: schedules,
    point: {
      schedule: affine(-1, 0.4, 21, 8),
      ...perWeightTensor("rate", 22, 0, 0.3, whole),
      "decay.0": Float64Array.of(1.2),
      "decay.1": Float64Array.of(-0.4),
    },
  },
  {
    experiment: initialScale,
    point: {
      "scale.0": Float64Array.of(0.7),
      "scale.1": Float64Array.of(-0.3),
      rate: Float64Array.of(0.5),
      penalty: Float64Array.of(-1.5),
      examples: affine(0.5, 1, 31, ROWS),
    },
  },
  { experiment: reparametrised, point: perWeightTensor("t", 41, 0.2, 0.3, whole) },
];

const FOUND = JSON.parse(readFileSync(new URL("cases.json", import.meta.url), "utf8")) as readonly Found[];
export const TORCH_CASES: readonly TorchCase[] = STATED.map((stated, i) => ({ ...stated, found: FOUND[i]! }));
