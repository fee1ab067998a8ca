import { afterAll, expect, test } from "vitest";
import { numbersOf, rolloutOf } from "../../test/oracle/measure.ts";
import { classified } from "../../test/oracle/rows.ts";
import { watch } from "../../test/oracle/watch.ts";
import { momentum } from "../dynamics/momentum.ts";
import { nativeEngine } from "../engine/onnx/session.ts";
import * as nn from "../nn/nn.ts";
import { hyper } from "../problem/hyper.ts";
import { defineExperiment } from "../study/define.ts";
import * as ops from "../tensor/ops.ts";
import { oneScalar } from "./controls.ts";
import { finiteDifference } from "./finite-difference.ts";
import { reverse } from "./reverse.ts";

const native = watch(nativeEngine({ precision: "float64", threads: 1 }));
afterAll(() => native.close());
const split = (seed: number, n: number) => classified(seed, n, 3);
const rollout = await rolloutOf(
  defineExperiment({
    data: { train: split(1, 20), valid: split(2, 9) },
    params: nn.mlp([3, 4, 2]),
    hyper: { l2: hyper.perInput(0.01, { transform: "log" }), rate: hyper.scalar(0.3, { transform: "log" }) },
    train: {
      loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.l2)),
      dynamics: (h) => momentum({ rate: h.rate, decay: 0.5 }),
      steps: 12,
      batch: 5,
    },
    valid: { loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.l2)) },
  }),
  native,
);
const flat = (point: Readonly<Record<string, Float64Array>>): number[] =>
  Object.values(point).flatMap((values) => [...values]);
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

test("oneScalar is the mean of the exact gradient in every coordinate, and the mean of finite differences", async () => {
  const exact = await numbersOf(rollout, reverse());
  const held = native.held();
  const { gradient, value, direct } = await numbersOf(rollout, oneScalar());
  expect(native.held()).toBe(held);
  expect(value).toBe(exact.value);
  flat(direct).forEach((number, i) => expect(number).toBeCloseTo(flat(exact.direct)[i]!, 14));
  expect(Object.keys(gradient)).toEqual(Object.keys(exact.gradient));
  const wanted = mean(flat(exact.gradient));
  for (const number of flat(gradient)) expect(number / wanted).toBeCloseTo(1, 10);
  const differences = await numbersOf(rollout, finiteDifference());
  expect(flat(gradient)[0]! / mean(flat(differences.gradient))).toBeCloseTo(1, 5);
});
