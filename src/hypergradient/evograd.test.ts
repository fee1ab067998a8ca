import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { failure, flat, formula, numbersOf, relativeError, rolloutOf } from "../../test/oracle/measure.ts";
import { nothing } from "../../test/oracle/rows.ts";
import { watch, type Watched } from "../../test/oracle/watch.ts";
import { normal, substream } from "../data/random.ts";
import { sgd } from "../dynamics/sgd.ts";
import { nativeEngine } from "../engine/onnx/session.ts";
import { referenceEngine } from "../engine/reference/engine.ts";
import * as nn from "../nn/nn.ts";
import { epochSampler } from "../problem/batches.ts";
import type { Experiment } from "../problem/experiment.ts";
import { hyper } from "../problem/hyper.ts";
import { defineExperiment } from "../study/define.ts";
import * as ops from "../tensor/ops.ts";
import { evograd } from "./evograd.ts";

const native = nativeEngine({ precision: "float64", threads: 1 });
afterAll(() => native.close());
let engine: Watched;
beforeEach(() => (engine = watch(native)));

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const noise = (seed: number, t: number, k: number, n = 1): number[] => {
  const next = substream(seed, "evograd", 0, t, k);
  return range(n).map(() => normal(next));
};

const [RATE, STEPS] = [0.2, 60];
/** The demonstration of the paper: train (x − 1)² + λx², valid (x − ½)². */
const demo = (lambda: number): Experiment =>
  defineExperiment({
    data: { train: nothing, valid: nothing },
    params: { x: nn.given([1], [2]) },
    hyper: { lambda: hyper.scalar(lambda) },
    train: {
      loss: ({ x }, h) => ops.sum(ops.add(ops.square(ops.sub(x, 1)), ops.mul(h.lambda, ops.square(x)))),
      dynamics: sgd({ rate: RATE }),
      steps: STEPS,
    },
    valid: { loss: ({ x }) => ops.sum(ops.square(ops.sub(x, 0.5))) },
  });

/** The formula of the paper in plain numbers, differentiated by hand. */
function byHand(lambda: number, seed: number, copies: number, sigma: number, temperature: number): number {
  let x = 2;
  for (let t = 0; t < STEPS; t++) x -= RATE * (2 * (x - 1) + 2 * lambda * x);
  const theta = range(copies).map((k) => x + sigma * noise(seed, STEPS, k)[0]!);
  const scores = theta.map((v) => -((v - 1) ** 2 + lambda * v ** 2) / temperature);
  const most = Math.max(...scores);
  const raised = scores.map((s) => Math.exp(s - most));
  const total = raised.reduce((a, b) => a + b, 0);
  const p = raised.map((e) => e / total);
  const merged = p.reduce((sum, v, k) => sum + v * theta[k]!, 0);
  const mean = p.reduce((sum, v, k) => sum + v * theta[k]! ** 2, 0);
  const slope = p.reduce((sum, v, k) => sum + (-v / temperature) * (theta[k]! ** 2 - mean) * theta[k]!, 0);
  return 2 * (merged - 0.5) * slope;
}

describe("the demonstration of the paper", () => {
  test.each([
    [0.3, 2],
    [0.3, 10],
    [2.5, 2],
    [2.5, 100],
  ])("λ = %d, %i copies: each draw is the formula, and the mean points as the truth", async (lambda, copies) => {
    const rollout = await rolloutOf(demo(lambda), engine);
    let mean = 0;
    const seeds = range(copies === 100 ? 20 : 200);
    for (const seed of seeds) {
      const { value, gradient, direct, growth } = await numbersOf(
        rollout,
        evograd({ copies, sigma: 1, temperature: 0.5, seed }),
      );
      const got = gradient["lambda"]![0]!;
      expect(Math.abs(got - byHand(lambda, seed, copies, 1, 0.5))).toBeLessThan(1e-12 * Math.max(1, Math.abs(got)));
      expect(Math.abs(value - (1 / (1 + lambda) - 0.5) ** 2)).toBeLessThan(1e-14);
      expect([direct["lambda"]![0], growth]).toEqual([0, 1]);
      mean += got / seeds.length;
    }
    expect(Math.sign(mean)).toBe(Math.sign((lambda - 1) / (lambda + 1) ** 3));
  });

  test("is the slope of the merged loss itself, by central differences", async () => {
    const rollout = await rolloutOf(demo(0.3), engine);
    const start = await rollout.start();
    const { final } = await rollout.train(start);
    const offsets = range(4).map((k) => ({ x: Float64Array.from(noise(7, STEPS, k)) }));
    const merged = async (lambda: number): Promise<number> => {
      const merge = await rollout.at({ lambda: Float64Array.of(lambda) }).merger({ copies: 4, temperature: 0.5 });
      return (await merge(final, STEPS - 1, offsets)).value;
    };
    const slope = ((await merged(0.3 + 1e-5)) - (await merged(0.3 - 1e-5))) / 2e-5;
    const { gradient } = await numbersOf(rollout, evograd({ copies: 4, sigma: 1, temperature: 0.5, seed: 7 }));
    expect(Math.abs(gradient["lambda"]![0]! / slope - 1)).toBeLessThan(1e-8);
  });

  test("another draw at every call, the same series for the same seed", async () => {
    const rollout = await rolloutOf(demo(0.3), engine);
    const series = async (seed: number | string): Promise<number[]> => {
      const method = evograd({ sigma: 1, seed });
      const draw = async (): Promise<number> => (await numbersOf(rollout, method)).gradient["lambda"]![0]!;
      return [await draw(), await draw()];
    };
    const first = await series(0);
    expect(first[0]).not.toBe(first[1]);
    expect(await series(0)).toEqual(first);
    expect((await series("0"))[0]).not.toBe(first[0]);
  });
});

const split = (seed: number, n: number) => ({
  x: { data: formula(seed, 4 * n), shape: [n, 4] },
  y: { data: formula(seed + 1, n), shape: [n] },
});

/** A regression in four weights with a penalty, a shift of the targets, and a direct part. */
const regression = (perStep: boolean): Experiment => {
  return defineExperiment({
    data: { train: split(1, 12), valid: split(5, 9) },
    params: { w: nn.given([4], formula(3, 4)) },
    hyper: { penalty: hyper.scalar(0.2, { transform: "log", perStep }), shift: hyper.scalar(0.5) },
    train: {
      loss: ({ w }, h, { x, y }) =>
        ops.add(
          ops.mse(ops.reshape(ops.matmul(x, ops.reshape(w, [4, 1])), [5]), ops.add(y, h.shift)),
          ops.mul(h.penalty, ops.sum(ops.square(ops.sub(w, h.shift)))),
        ),
      dynamics: sgd({ rate: 0.1 }),
      steps: 6,
      batch: 5,
    },
    valid: {
      loss: ({ w }, h, { x, y }) =>
        ops.add(ops.mse(ops.reshape(ops.matmul(x, ops.reshape(w, [4, 1])), [9]), y), ops.mul(0.1, ops.square(h.shift))),
    },
  });
};

describe("a regression with minibatches", () => {
  const options = { copies: 3, sigma: 0.3, temperature: 0.2, seed: 4 };

  test("every n-th step, counted back from the last: the mean over those points, on their minibatches", async () => {
    const rollout = await rolloutOf(regression(false), engine);
    const x = formula(1, 48);
    const y = formula(2, 12);
    const sampler = epochSampler(0, 12, 5);
    const [xv, yv] = [formula(5, 36), formula(6, 9)];
    const [penalty, shift] = [0.2, 0.5];
    const batch = (t: number, w: number[]): { loss: number; g: number[]; dp: number; ds: number } => {
      const residual = [...sampler(t)].map((r) => w.reduce((s, v, i) => s + v * x[4 * r + i]!, 0) - y[r]! - shift);
      const g = w.map((v, i) => [...sampler(t)].reduce((s, r, j) => s + (2 / 5) * residual[j]! * x[4 * r + i]!, 2 * penalty * (v - shift))); // prettier-ignore
      const bend = w.reduce((s, v) => s + (v - shift) ** 2, 0);
      return {
        loss: residual.reduce((s, r) => s + r * r, 0) / 5 + penalty * bend,
        g,
        dp: penalty * bend,
        ds: residual.reduce((s, r) => s - 2 * r, 0) / 5 - 2 * penalty * w.reduce((s, v) => s + v - shift, 0),
      };
    };
    let w = [...formula(3, 4)];
    const expected = [0, 0];
    for (let t = 0; t < 6; t++) {
      const { g } = batch(t, w);
      w = w.map((v, i) => v - 0.1 * g[i]!);
      if (t % 2 === 0) continue; // points 2, 4 and 6 follow the steps 1, 3 and 5
      const theta = range(3).map((k) => noise(4, t + 1, k, 4).map((e, i) => w[i]! + 0.3 * e));
      const found = theta.map((v) => batch(t, v));
      const raised = found.map(({ loss }) => Math.exp(-loss / 0.2));
      const total = raised.reduce((a, b) => a + b, 0);
      const p = raised.map((e) => e / total);
      const merged = range(4).map((i) => p.reduce((s, v, k) => s + v * theta[k]![i]!, 0));
      const pull = range(4).map((i) => range(9).reduce((s, r) => s + (2 / 9) * (merged.reduce((m, v, j) => m + v * xv[4 * r + j]!, 0) - yv[r]!) * xv[4 * r + i]!, 0)); // prettier-ignore
      for (const [h, of] of [(k: number) => found[k]!.dp, (k: number) => found[k]!.ds].entries()) {
        const mean = p.reduce((s, v, k) => s + v * of(k), 0);
        const dp = p.map((v, k) => (-v / 0.2) * (of(k) - mean));
        expected[h]! += pull.reduce((s, v, i) => s + v * dp.reduce((m, d, k) => m + d * theta[k]![i]!, 0), 0) / 3;
      }
    }
    const { gradient, direct } = await numbersOf(rollout, evograd({ ...options, every: 2 }));
    expect([...direct["penalty"]!, ...direct["shift"]!]).toEqual([0, expect.closeTo(0.1, 15)]);
    expect(relativeError(flat(gradient), [expected[0]!, expected[1]! + 0.1])).toBeLessThan(1e-12);
  });

  test("one value a step: only the points' steps have numbers, and they add up to the shared one", async () => {
    const shared = await numbersOf(await rolloutOf(regression(false), engine), evograd({ ...options, every: 4 }));
    const { gradient } = await numbersOf(await rolloutOf(regression(true), engine), evograd({ ...options, every: 4 }));
    expect([...gradient["penalty"]!].map((v) => v !== 0)).toEqual([false, true, false, false, false, true]);
    const total = gradient["penalty"]!.reduce((a, b) => a + b, 0);
    expect(relativeError([total], shared.gradient["penalty"]!)).toBeLessThan(1e-12);
    expect(relativeError(gradient["shift"]!, shared.gradient["shift"]!)).toBeLessThan(1e-14);
  });

  test("small sigma: the mean over draws is one step of descent with the rate (1 − 1/K) σ²/τ", async () => {
    const rollout = await rolloutOf(demo(0.3), engine);
    const [copies, sigma, temperature] = [3, 0.02, 0.05];
    const draws: number[] = [];
    for (const seed of range(600)) {
      draws.push((await numbersOf(rollout, evograd({ copies, sigma, temperature, seed }))).gradient["lambda"]![0]!);
    }
    const mean = draws.reduce((a, b) => a + b, 0) / draws.length;
    const error = Math.sqrt(draws.reduce((s, v) => s + (v - mean) ** 2, 0) / draws.length / (draws.length - 1));
    // −η ∂²L/∂x∂λ f′(x) at x = 1/(1 + λ)
    const x = 1 / 1.3;
    const expected = -(1 - 1 / copies) * (sigma ** 2 / temperature) * 2 * x * 2 * (x - 0.5);
    expect(error).toBeLessThan(0.06 * Math.abs(expected));
    expect(Math.abs(mean - expected)).toBeLessThan(3.5 * error);
  });

  test("holds nothing but the last state, on both engines alike, and after an error", async () => {
    const rollout = await rolloutOf(regression(false), engine, { trustEngine: false });
    const reference = await rolloutOf(regression(false), referenceEngine());
    const first = await numbersOf(rollout, evograd(options));
    const before = engine.held();
    expect(relativeError(flat(first.gradient), flat((await numbersOf(reference, evograd(options))).gradient))).toBeLessThan(1e-12); // prettier-ignore
    for (const every of [1, 4]) await numbersOf(rollout, evograd({ ...options, every }));
    expect(engine.held()).toBe(before);
    const far = evograd({ ...options, sigma: 1e200, every: 3 });
    await expect(far.run(rollout)).rejects.toMatchObject(failure("non-finite", "copies of the weights after step 3"));
    expect(engine.held()).toBe(before);
    expect(rollout.unverified).toEqual([]);
  });
});

const bend = (w: ops.Tensor, factor: ops.Tensor): ops.Tensor => ops.mul(factor, ops.sum(ops.square(w)));

describe("refuses", () => {
  const a = hyper.scalar(0.1);
  const valid = { loss: ({ w }: { w: ops.Tensor }, h: { a: ops.Tensor; b: ops.Tensor }) => ops.add(ops.sum(w), ops.mul(h.a, h.b)) }; // prettier-ignore
  const parts = { data: { train: nothing, valid: nothing }, params: { w: nn.given([1], [1]) }, hyper: { a, b: a }, valid }; // prettier-ignore
  const experiments = {
    dynamics: defineExperiment({
      ...parts,
      train: { loss: ({ w }, h) => bend(w, h.b), dynamics: (h) => sgd({ rate: h.a }), steps: 2 },
    }),
    initial: defineExperiment({
      ...parts,
      initial: ({ w }, h) => ({ w: ops.mul(w, h.a) }),
      train: { loss: ({ w }, h) => bend(w, h.b), dynamics: sgd({ rate: 0.1 }), steps: 2 },
    }),
    both: defineExperiment({
      ...parts,
      train: { loss: ({ w }, h) => bend(w, h.a), dynamics: (h) => sgd({ rate: h.a }), steps: 2 },
    }),
  };

  test.each(["dynamics", "initial"] as const)("a hyperparameter in the %s alone, before it trains", async (where) => {
    const rollout = await rolloutOf(experiments[where], engine);
    await expect(evograd().run(rollout)).rejects.toMatchObject(failure("unsupported", "a enters training through"));
    expect(engine.runs).toEqual([]);
  });

  test("none that is in the training loss, or in the outer loss alone", async () => {
    const { gradient } = await numbersOf(await rolloutOf(experiments.both, engine), evograd({ sigma: 0.5 }));
    expect(gradient["a"]![0]).not.toBe(0.1);
    expect(gradient["b"]![0]).toBe(0.1);
  });

  test.each([{ copies: 1 }, { copies: 2.5 }, { sigma: 0 }, { sigma: Infinity }, { temperature: -1 }, { every: 0 }])(
    "%j",
    (options) =>
      expect(() => evograd(options)).toThrowError(
        expect.objectContaining(failure("invalid-argument", `evograd has`)) as Error,
      ),
  );
});
