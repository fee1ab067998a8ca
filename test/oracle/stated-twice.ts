import type { Point } from "../../src/data/point.ts";
import { momentum } from "../../src/dynamics/momentum.ts";
import * as nn from "../../src/nn/nn.ts";
import type { Experiment } from "../../src/problem/experiment.ts";
import { hyper } from "../../src/problem/hyper.ts";
import { defineExperiment } from "../../src/study/define.ts";
import * as ops from "../../src/tensor/ops.ts";
import { formula } from "./measure.ts";
import type { PlainGradient, PlainProblem } from "./plain.ts";

/** The problem of plain.ts stated for the library too: four weights, with a rate and a decay for each. */
export const N = 4;
export const START: readonly number[] = [...formula(5, N)];
export const TARGET: readonly number[] = [...formula(6, N)];
export const row = (values: readonly number[]): ops.Tensor => ops.literal(values, [values.length]);
export const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

const EXAMPLES = formula(3, 8 * N);
export const data: { readonly [K in "train" | "valid"]: { readonly x: { data: Float64Array; shape: number[] } } } = {
  train: { x: { data: EXAMPLES, shape: [8, N] } },
  valid: { x: { data: formula(4, N), shape: [1, N] } },
};
const batchRows = (t: number): Int32Array => Int32Array.of((3 * t) % 8, (5 * t + 1) % 8, (t * t + 2) % 8);

const inRows = (values: Float64Array): number[][] =>
  range(values.length / N).map((i) => [...values.subarray(i * N, (i + 1) * N)]);
const SKEW = inRows(formula(7, N * N));
/** One direction of negative curvature, so that adjoints grow before they shrink. */
const CURVATURE = range(N).map((i) => range(N).map((j) => 0.3 * (SKEW[i]![j]! + SKEW[j]![i]!) + (i === j ? 0.1 : 0)));
const QUARTIC = 0.01;

function innerLoss(w: ops.Tensor, penalty: ops.Tensor, x: ops.Tensor): ops.Tensor {
  const off = ops.reshape(ops.sub(w, ops.mean(x, { axes: 0 })), [1, N]);
  const pull = ops.mul(0.5, ops.sum(ops.mul(off, ops.matmul(off, ops.literal(CURVATURE.flat(), [N, N])))));
  const shrink = ops.mul(0.5, ops.sum(ops.mul(penalty, ops.square(w))));
  return ops.add(ops.add(pull, shrink), ops.mul(QUARTIC / 4, ops.sum(ops.square(ops.square(w)))));
}

/** Rates and decays for each weight, and with `perStep` for each step as well. */
export const statedForUs = (steps: number, perStep: boolean): Experiment =>
  defineExperiment({
    data,
    params: { w: nn.given([N], START) },
    hyper: {
      penalty: hyper.perWeight(0.1, { transform: "log" }),
      rate: hyper.perWeight(0.2, { transform: "log", perStep }),
      decay: hyper.perWeight(0.6, { transform: "logit", perStep }),
    },
    train: {
      loss: ({ w }, h, { x }) => innerLoss(w, h.penalty.w, x),
      dynamics: (h) => momentum({ rate: h.rate, decay: h.decay }),
      steps,
      batch: 3,
      rows: batchRows,
    },
    valid: {
      loss: ({ w }, { penalty }) =>
        ops.add(
          ops.mul(0.5, ops.sum(ops.square(ops.sub(w, row(TARGET))))),
          ops.mul(0.2, ops.sum(ops.mul(penalty.w, w))),
        ),
    },
  });

/** Unconstrained coordinates of which no two are alike. */
export function pointOf(steps: number, perStep: boolean): Point {
  const length = (perStep ? steps : 1) * N;
  return {
    "penalty.w": formula(11, N).map((v) => v - 2),
    "rate.w": formula(12, length).map((v) => 0.5 * v - 1.5),
    "decay.w": formula(13, length).map((v) => v + 0.3),
  };
}

/** The same problem at that point in plain numbers. */
export function statedInArrays(steps: number, perStep: boolean): PlainProblem {
  const point = pointOf(steps, perStep);
  const rates = inRows(point["rate.w"]!.map(Math.exp));
  const decays = inRows(point["decay.w"]!.map((u) => 1 / (1 + Math.exp(-u))));
  const table = inRows(EXAMPLES);
  return {
    steps,
    start: START,
    curvature: CURVATURE,
    quartic: QUARTIC,
    target: TARGET,
    centre: (t) => range(N).map((i) => [...batchRows(t)].reduce((sum, r) => sum + table[r]![i]!, 0) / 3),
    penalty: Array.from(point["penalty.w"]!, Math.exp),
    rate: (t) => rates[perStep ? t : 0]!,
    decay: (t) => decays[perStep ? t : 0]!,
  };
}

/** A plain gradient in unconstrained coordinates, summed over steps where one value serves them all. */
export function coordinatesOf(plain: PlainProblem, found: PlainGradient, perStep: boolean): Point {
  const alike = (rows: readonly (readonly number[])[]): Float64Array =>
    Float64Array.from(perStep ? rows.flat() : range(N).map((i) => rows.reduce((sum, r) => sum + r[i]!, 0)));
  return {
    "penalty.w": Float64Array.from(found.penalty, (g, i) => g * plain.penalty[i]!),
    "rate.w": alike(found.rate.map((g, t) => g.map((x, i) => x * plain.rate(t)[i]!))),
    "decay.w": alike(found.decay.map((g, t) => g.map((x, i) => x * plain.decay(t)[i]! * (1 - plain.decay(t)[i]!)))),
  };
}
