import { expect, test } from "vitest";
import { failure } from "../../test/oracle/measure.ts";
import { nothing } from "../../test/oracle/rows.ts";
import { checkReport } from "../cli/check-report.ts";
import { sgd } from "../dynamics/sgd.ts";
import { checkHypergradient } from "../hypergradient/check.ts";
import { directOnly } from "../hypergradient/controls.ts";
import { drmad } from "../hypergradient/drmad.ts";
import { finiteDifference } from "../hypergradient/finite-difference.ts";
import { reverse } from "../hypergradient/reverse.ts";
import * as nn from "../nn/nn.ts";
import type { Experiment } from "../problem/experiment.ts";
import { hyper } from "../problem/hyper.ts";
import * as ops from "../tensor/ops.ts";
import { checkExperiment } from "./check.ts";
import { defineExperiment } from "./define.ts";
import { hypergradient } from "./hypergradient.ts";
import { hyperCounts, naturalValues, openSession, threadsFor, weightCount } from "./session.ts";

/** w ← (1 − α)w: the weight after T steps, and its validation loss, are (1 − α)ᵀ. */
const shrinking = (rate: number, steps = 3): Experiment =>
  defineExperiment({
    data: { train: nothing, valid: nothing },
    params: { w: nn.constant([1], 1) },
    hyper: { rate: hyper.scalar(rate) },
    train: {
      loss: ({ w }) => ops.mul(0.5, ops.sum(ops.square(w))),
      dynamics: (h) => sgd({ rate: h.rate }),
      steps,
    },
    valid: { loss: ({ w }) => ops.sum(w) },
  });
const HERE = { precision: "float64", worker: false } as const;

test("value, gradient and direct part, by one call", async () => {
  const result = await hypergradient(shrinking(0.5), reverse(), HERE);
  expect(result).toMatchObject({ outcome: "ok", value: 0.125, growth: 1 });
  if (result.outcome !== "ok") throw new Error(result.message);
  expect([...result.gradient["rate"]!]).toEqual([-0.75]);
  expect([...result.direct["rate"]!]).toEqual([0]);
  expect(Object.keys(result).sort()).toEqual([
    "direct",
    "gradient",
    "growth",
    "growthPassedAt",
    "outcome",
    "seconds",
    "unverified",
    "value",
  ]);
});

test("programs too large to compare are listed, in a check too", async () => {
  const large = defineExperiment({
    data: { train: nothing, valid: nothing },
    params: { w: nn.constant([1000, 100], 0.1) },
    hyper: { shift: hyper.scalar(0.1) },
    train: {
      // A product of 2·10⁸ operations, and its derivatives.
      loss: ({ w }, h) => ops.mean(ops.square(ops.add(ops.matmul(w, ops.transpose(w)), h.shift))),
      dynamics: sgd({ rate: 1e-3 }),
      steps: 1,
    },
    valid: { loss: ({ w }) => ops.mean(w) },
  });
  const unverified = ["training step", "stored sweep"];
  expect(await hypergradient(large, reverse(), HERE)).toMatchObject({ outcome: "ok", unverified });
  expect(await hypergradient(large, reverse(), { ...HERE, trustEngine: true })).toMatchObject({ unverified: [] });
  const small = await openSession(shrinking(0.5), HERE);
  const check = await checkHypergradient({ ...small.rollout, unverified }, reverse(), { directions: 0 });
  expect(check).toMatchObject({ passed: true, unverified });
  const report = checkReport("shrinking", check).join("\n");
  expect(report).toContain("too large for it: training step, stored sweep");
  expect(checkReport("shrinking", { ...check, unverified: [] }).join("\n")).not.toContain("too large");
  await small.close();
});

test.each([reverse(), drmad(), finiteDifference(), directOnly()])(
  "a diverging run is an outcome, with no number in it: $name",
  async (method) => {
    const result = await hypergradient(shrinking(1e30, 40), method, HERE);
    expect(result).toEqual({ outcome: "non-finite", message: expect.stringMatching(/diverged|not finite/) as string });
  },
);

test("everything else is thrown, and the engine closed", async () => {
  const noValid = { ...shrinking(0.5), spec: { ...shrinking(0.5).spec, data: { train: nothing } as never } };
  await expect(hypergradient(noValid, reverse(), HERE)).rejects.toMatchObject(failure("invalid-experiment"));
  await expect(hypergradient({} as Experiment, reverse())).rejects.toMatchObject(failure("invalid-experiment"));
  const single = { ...HERE, precision: "float32" } as const;
  await expect(hypergradient(shrinking(0.5), finiteDifference(), single)).rejects.toMatchObject(failure("unsupported", "float64")); // prettier-ignore
  await expect(hypergradient(shrinking(0.5), drmad({ samples: "T/10" }), HERE)).rejects.toMatchObject(failure("unsupported")); // prettier-ignore
  const abort = AbortSignal.abort();
  await expect(hypergradient(shrinking(0.5), reverse(), { ...HERE, signal: abort })).rejects.toMatchObject(failure("cancelled")); // prettier-ignore
});

test("seed and inner steps are options of the run", async () => {
  const result = await hypergradient(shrinking(0.5), reverse(), { ...HERE, innerSteps: 5, seed: 2 });
  expect(result).toMatchObject({ value: 2 ** -5 });
});

test("the control with the direct part alone", async () => {
  const result = await hypergradient(shrinking(0.5), directOnly(), HERE);
  expect(result).toMatchObject({ value: 0.125, gradient: { rate: Float64Array.of(0) } });
});

test("a check of an experiment passes for the exact method, and measures another", async () => {
  const exact = await checkExperiment(shrinking(0.5), { worker: false, directions: 1 });
  expect(exact).toMatchObject({ method: "reverse", exact: true, passed: true, deterministic: true, value: 0.125 });
  expect(exact.directions.map(({ slope }) => Math.abs(slope))).toEqual([0.75, 0.75]);
  const direct = await checkExperiment(shrinking(0.5), { worker: false, directions: 1, method: directOnly() });
  expect(direct).toMatchObject({ exact: false, passed: false, gradientNorm: 0 });
});

test("a session knows sizes and natural values", async () => {
  const experiment = defineExperiment({
    data: { train: nothing, valid: nothing },
    params: nn.mlp([1, 4, 2]),
    hyper: { l2: hyper.perInput(0.1, { transform: "log", biases: 0 }), rate: hyper.scalar(0.5) },
    train: { loss: (w, h) => nn.l2(w, h.l2), dynamics: (h) => sgd({ rate: h.rate }), steps: 1 },
    valid: { loss: (w, h) => nn.l2(w, h.l2) },
  });
  const { problem, close } = await openSession(experiment, { engine: "reference" });
  expect(hyperCounts(problem)).toEqual({ l2: 5, rate: 1 });
  expect(weightCount(problem)).toBe(4 + 4 + 8 + 2);
  const values = naturalValues(problem, { "l2.0.W": Float64Array.of(0), "l2.1.W": new Float64Array(4).fill(Math.LN2), rate: Float64Array.of(3) }); // prettier-ignore
  expect(values["l2.0.W"]).toEqual({ data: Float64Array.of(1), shape: [1, 1] });
  expect(values["l2.1.W"]!.data[3]).toBeCloseTo(2, 15);
  expect(values["rate"]).toEqual({ data: Float64Array.of(3), shape: [] });
  // Small steps are fastest on one thread.
  expect(threadsFor(problem, 8)).toBe(1);
  await close();
});
