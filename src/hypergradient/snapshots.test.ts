import { afterAll, describe, expect, test } from "vitest";
import { failure, flat, numbersOf, relativeError, rolloutOf } from "../../test/oracle/measure.ts";
import { classified } from "../../test/oracle/rows.ts";
import { watch } from "../../test/oracle/watch.ts";
import type { DefinedExperiment } from "../study/define.ts";
import { momentum } from "../dynamics/momentum.ts";
import { sgd } from "../dynamics/sgd.ts";
import type { Engine } from "../engine/engine.ts";
import { nativeEngine } from "../engine/onnx/session.ts";
import { referenceEngine } from "../engine/reference/engine.ts";
import * as nn from "../nn/nn.ts";
import { hyper } from "../problem/hyper.ts";
import { defineExperiment } from "../study/define.ts";
import * as ops from "../tensor/ops.ts";
import { byArcLength } from "./arc-length.ts";
import { drmad, type DrmadOptions } from "./drmad.ts";
import { reverse } from "./reverse.ts";

const native = nativeEngine({ precision: "float64", threads: 1 });
afterAll(() => native.close());

const STEPS = 37;
const split = (seed: number, n: number, features = 3) => classified(seed, n, features);
const experiment = (decay: number, features = 3): DefinedExperiment =>
  defineExperiment({
    data: { train: split(1, 20, features), valid: split(2, 9, features) },
    params: nn.mlp([features, 4, 2]),
    hyper: {
      l2: hyper.perWeight(0.01, { transform: "log" }),
      rate: hyper.scalar(0.3, { transform: "log", perStep: true }),
    },
    train: {
      loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.l2)),
      dynamics: (h) => momentum({ rate: h.rate, decay }),
      steps: STEPS,
      batch: 5,
    },
    valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
  });

const error = async (options: DrmadOptions, engine: Engine = native, features = 3): Promise<number> => {
  const rollout = await rolloutOf(experiment(0.5, features), engine);
  const exact = await numbersOf(rollout, reverse());
  const got = await numbersOf(rollout, drmad(options));
  expect(got.value).toBe(exact.value);
  expect(got.direct).toEqual(exact.direct);
  return relativeError(flat(got.gradient), flat(exact.gradient));
};

// Forty features make the first layer's products worth keeping.
const wide = (options: Partial<DrmadOptions>): Promise<number> => error({ snapshots: STEPS, ...options }, native, 40);

describe("through snapshots", () => {
  test("of every step it is exact, rates recovered from differences included", async () => {
    for (const of of ["points", "means"] as const) {
      expect(await error({ snapshots: STEPS, of })).toBeLessThan(1e-9);
      expect(await error({ snapshots: STEPS, of }, referenceEngine())).toBeLessThan(1e-9);
    }
  });

  test("one of them is the straight line of drmad", async () => {
    const rollout = await rolloutOf(experiment(0.5), native);
    const line = await numbersOf(rollout, drmad());
    const one = await numbersOf(rollout, drmad({ snapshots: 1 }));
    expect(relativeError(flat(one.gradient), flat(line.gradient))).toBeLessThan(1e-12);
    expect(Math.abs(one.growth - line.growth)).toBeLessThan(1e-9);
  });

  test("more of them come closer, whatever they do not divide", async () => {
    for (const kind of [{}, { of: "means" }, { place: "arc-length" }] as const) {
      const errors = [];
      for (const snapshots of [1, 3, 19]) errors.push(await error({ snapshots, ...kind }));
      expect(errors.toSorted((a, b) => b - a)).toEqual(errors);
      expect(errors[2]!).toBeLessThan(("of" in kind || "place" in kind ? 0.95 : 0.6) * errors[0]!);
    }
  });

  test("packing costs what it rounds away", async () => {
    const [whole, half, byte] = [
      await error({ snapshots: STEPS }),
      await error({ snapshots: STEPS, storage: "float16" }),
      await error({ snapshots: STEPS, storage: "int8" }),
    ];
    expect(half).toBeGreaterThan(100 * whole);
    expect(byte).toBeGreaterThan(half);
  });

  test("activations are kept where they are worth it, and cost what packing rounds away", async () => {
    const [whole, half, byte] = [
      await wide({}),
      await wide({ activations: "float16" }),
      await wide({ activations: "int8" }),
    ];
    expect(whole).toBeLessThan(1e-9);
    expect(half).toBeGreaterThan(100 * whole);
    expect(half).toBeLessThan(2e-3);
    expect(byte).toBeGreaterThan(half);
    expect(byte).toBeLessThan(5e-2);
    const few = await wide({ snapshots: 7, storage: "int8" });
    expect(await wide({ snapshots: 7, storage: "int8", activations: "float16" })).toBeLessThan(1.5 * few);
    expect(await wide({ snapshots: 7, activations: "int8", growthLimit: 1e-9 })).toBeLessThan(1e-13);
  });

  test("the whole is replayed where any growth is too much, and is exact then", async () => {
    const rollout = await rolloutOf(experiment(0.5), native);
    const exact = await numbersOf(rollout, reverse());
    const got = await numbersOf(rollout, drmad({ snapshots: 4, growthLimit: 1e-9 }));
    expect(got.replayedSteps).toBe(STEPS);
    expect(relativeError(flat(got.gradient), flat(exact.gradient))).toBeLessThan(1e-13);
    expect(got.growth).toBe(exact.growth);
  });

  test("nothing is replayed where growth stays within the limit", async () => {
    const engine = watch(native);
    const rollout = await rolloutOf(experiment(0.5), engine);
    const free = await numbersOf(rollout, drmad({ snapshots: 4 }));
    engine.runs.length = 0;
    const watched = await numbersOf(rollout, drmad({ snapshots: 4, growthLimit: 1e6 }));
    expect(watched).toEqual({ ...free, replayedSteps: 0 });
    const trained = engine.runs.filter(({ program }) => program.includes("training"));
    expect(trained.reduce((n, { range }) => n + range!.to - range!.from, 0)).toBe(STEPS);
  });

  test("only what lies before the growth is replayed", async () => {
    // L = −|w|²/2, so that the adjoint grows by a factor of 1.05 at every step, and passes 2 at the fifteenth.
    const x = { data: new Float64Array(4), shape: [4, 1] };
    const growing = defineExperiment({
      data: { train: { x }, valid: { x } },
      params: { w: nn.given([2], [1, 2]) },
      hyper: { rate: hyper.scalar(0.05, { transform: "log" }) },
      train: {
        loss: ({ w }) => ops.mul(-0.5, ops.sum(ops.square(w))),
        dynamics: (h) => sgd({ rate: h.rate }),
        steps: STEPS,
      },
      valid: { loss: ({ w }) => ops.sum(ops.square(w)) },
    });
    const rollout = await rolloutOf(growing, native);
    const exact = await numbersOf(rollout, reverse());
    expect(exact.growth).toBeCloseTo(1.05 ** STEPS, 9);
    const got = await numbersOf(rollout, drmad({ snapshots: STEPS, growthLimit: 2 }));
    // Stretches of three steps, and one at the end: the limit is passed in the sixth from there.
    expect(got.replayedSteps).toBe(STEPS - 13);
    expect(got.growth).toBeCloseTo(exact.growth, 9);
    expect(relativeError(flat(got.gradient), flat(exact.gradient))).toBeLessThan(1e-12);
  });

  test("leaves nothing with the engine, whether it ends well or not", async () => {
    const engine = watch(native);
    const rollout = await rolloutOf(experiment(0.5), engine);
    for (const options of [
      { snapshots: 5 },
      { snapshots: 5, growthLimit: 1e-9 },
      { snapshots: 5, of: "means" as const },
    ]) {
      await numbersOf(rollout, drmad(options));
      const before = engine.held();
      await numbersOf(rollout, drmad(options));
      expect(engine.held()).toBe(before);
    }
  });

  test.each([
    [{ snapshots: 0 }, "0 snapshots"],
    [{ snapshots: 2.5 }, "2.5 snapshots"],
    [{ snapshots: 4, growthLimit: 0 }, "growth limit of 0"],
    [{ snapshots: 4, growthLimit: 9, of: "means" }, "replays from points"],
    [{ snapshots: 4, place: "arc-length", storage: "float16" }, "not in halves"],
    [{ snapshots: 4, of: "means", activations: "int8" }, "activations with points"],
  ] as const)("%o is refused", (options, part) => {
    expect(() => drmad(options)).toThrow(expect.objectContaining(failure("invalid-argument", part)));
  });
});

test.each([reverse({ storage: "float16" }), drmad({ snapshots: 2, storage: "float16" })])(
  "$name: a weight beyond the range of halves is a typed error, not a number",
  async (method) => {
    const nothing = { x: { data: new Float64Array(1), shape: [1, 1] } };
    const large = defineExperiment({
      data: { train: nothing, valid: nothing },
      params: { w: nn.given([2], [1e5, 1]) },
      hyper: { penalty: hyper.perWeight(0.5) },
      train: {
        loss: ({ w }, h) => ops.sum(ops.mul(h.penalty.w, ops.square(w))),
        dynamics: sgd({ rate: 0.01 }),
        steps: 5,
      },
      valid: { loss: ({ w }) => ops.sum(ops.square(w)) },
    });
    await expect(method.run(await rolloutOf(large, native))).rejects.toMatchObject(failure("non-finite", "float16"));
  },
);

const at = (time: number, x: number) => ({
  time,
  weights: { w: { array: { data: Int8Array.of(x, 0), shape: [2] }, scale: 0.5 } },
  slots: {},
});

test("knots by arc length cut the path into equal lengths", () => {
  const knots = [0, 1, 2, 3, 4, 50, 62, 63, 64].map((x, time) => at(time, x));
  expect(byArcLength(knots, 2).map(({ time }) => time)).toEqual([0, 5, 8]);
  expect(byArcLength(knots, 16).map(({ time }) => time)).toEqual([0, 4, 5, 6, 8]);
  expect(byArcLength(knots, 1).map(({ time }) => time)).toEqual([0, 8]);
});
