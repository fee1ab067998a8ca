import { momentum } from "../../src/dynamics/momentum.ts";
import { sgd } from "../../src/dynamics/sgd.ts";
import * as nn from "../../src/nn/nn.ts";
import type { Experiment } from "../../src/problem/experiment.ts";
import { hyper } from "../../src/problem/hyper.ts";
import { defineExperiment } from "../../src/study/define.ts";
import * as ops from "../../src/tensor/ops.ts";
import { formula } from "./measure.ts";

/**
 * Ridge regression with a penalty for every feature, for the library and in plain numbers:
 *
 *     L = 1/(2n) ‖X w − y‖² + ½ Σ λᵢ wᵢ²      f = 1/(2m) ‖X_v w − y_v‖²      λ = eᵘ
 */
export const FEATURES = 5;
const TRAIN = 24;
const VALID = 10;
const table = (seed: number, n: number) => ({
  x: { data: formula(seed, n * FEATURES), shape: [n, FEATURES] },
  y: { data: formula(seed + 20, n).map((v) => 2 * v), shape: [n, 1] },
});
const data = { train: table(1, TRAIN), valid: table(2, VALID) };
export const START: readonly number[] = [...formula(9, FEATURES)];
export const POINT = { penalty: formula(8, FEATURES).map((v) => v - 2) };

const misfit = (w: ops.Tensor, { x, y }: { readonly x: ops.Tensor; readonly y: ops.Tensor }): ops.Tensor =>
  ops.mul(0.5, ops.mean(ops.square(ops.sub(ops.matmul(x, w), y))));

/** With `batch`, minibatches far from the whole split. */
export const ridge = (
  steps: number,
  options: { readonly batch?: number; readonly decay?: number; readonly rate?: number } = {},
): Experiment =>
  defineExperiment({
    data,
    params: { w: nn.given([FEATURES, 1], START) },
    hyper: {
      penalty: hyper.array({ data: new Float64Array(FEATURES).fill(0.1), shape: [FEATURES, 1] }, { transform: "log" }),
    },
    train: {
      loss: ({ w }, h, batch) => ops.add(misfit(w, batch), ops.mul(0.5, ops.sum(ops.mul(h.penalty, ops.square(w))))),
      dynamics:
        options.decay === undefined
          ? sgd({ rate: options.rate ?? 1 })
          : momentum({ rate: options.rate ?? 1, decay: options.decay }),
      steps,
      ...(options.batch === undefined ? {} : { batch: options.batch }),
    },
    valid: { loss: ({ w }, _, batch) => misfit(w, batch) },
  });

type Matrix = readonly (readonly number[])[];
const rowsOf = (values: Float64Array): Matrix =>
  Array.from({ length: values.length / FEATURES }, (_, i) => [...values.subarray(i * FEATURES, (i + 1) * FEATURES)]);
const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((s, v, i) => s + v * b[i]!, 0);
const times = (a: Matrix, v: readonly number[]): number[] => a.map((row) => dot(row, v));
const across = (a: Matrix, v: readonly number[]): number[] => a[0]!.map((_, j) => a.reduce((s, row, i) => s + row[j]! * v[i]!, 0)); // prettier-ignore

/** Gaussian elimination with pivots. */
export function solved(matrix: Matrix, right: readonly number[]): number[] {
  const a = matrix.map((row, i) => [...row, right[i]!]);
  const n = a.length;
  for (let k = 0; k < n; k++) {
    const pivot = a.reduce((best, row, i) => (i >= k && Math.abs(row[k]!) > Math.abs(a[best]![k]!) ? i : best), k);
    [a[k], a[pivot]] = [a[pivot]!, a[k]!];
    for (let i = k + 1; i < n; i++) {
      const factor = a[i]![k]! / a[k]![k]!;
      for (let j = k; j <= n; j++) a[i]![j]! -= factor * a[k]![j]!;
    }
  }
  const x = right.map(() => 0);
  for (let i = n - 1; i >= 0; i--) x[i] = (a[i]![n]! - dot(a[i]!.slice(i + 1, n), x.slice(i + 1))) / a[i]![i]!;
  return x;
}

const PENALTIES = [...POINT.penalty].map(Math.exp);
const [X, XV] = [rowsOf(data.train.x.data), rowsOf(data.valid.x.data)];
const [Y, YV] = [[...data.train.y.data], [...data.valid.y.data]];
/** ∇²L on the whole training split. */
export const HESSIAN: Matrix = Array.from(
  { length: FEATURES },
  (_, i) =>
  Array.from({ length: FEATURES }, (_, j) => X.reduce((s, row) => s + row[i]! * row[j]!, 0) / TRAIN + (i === j ? PENALTIES[i]! : 0)), // prettier-ignore
);
const OFFSET = across(X, Y).map((v) => v / TRAIN);
export const MINIMUM = solved(HESSIAN, OFFSET);
export const innerGradient = (w: readonly number[]): number[] => times(HESSIAN, w).map((v, i) => v - OFFSET[i]!);
const outerGradient = (w: readonly number[]): number[] =>
  across(XV, times(XV, w).map((v, i) => v - YV[i]!)).map((v) => v / VALID); // prettier-ignore

/** The formula of the implicit function theorem at any weights: −λᵢ wᵢ xᵢ with H x = ∇f(w); at the minimum it is true. */
export function hypergradientAt(w: readonly number[]): number[] {
  const x = solved(HESSIAN, outerGradient(w));
  return w.map((v, i) => -PENALTIES[i]! * v * x[i]!);
}
export const outerValue = (w: readonly number[]): number =>
  times(XV, w).reduce((s, v, i) => s + (v - YV[i]!) ** 2, 0) / (2 * VALID);
