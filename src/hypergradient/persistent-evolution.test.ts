import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { failure, numbersOf, relativeError, rolloutOf } from "../../test/oracle/measure.ts";
import { nothing } from "../../test/oracle/rows.ts";
import { watch, type Watched } from "../../test/oracle/watch.ts";
import { normal, substream } from "../data/random.ts";
import { sgd } from "../dynamics/sgd.ts";
import { nativeEngine } from "../engine/onnx/session.ts";
import * as nn from "../nn/nn.ts";
import type { Experiment } from "../problem/experiment.ts";
import { hyper } from "../problem/hyper.ts";
import { defineExperiment } from "../study/define.ts";
import * as ops from "../tensor/ops.ts";
import { persistentEvolution, type PersistentEvolutionOptions } from "./persistent-evolution.ts";
import { reverse } from "./reverse.ts";

const native = nativeEngine({ precision: "float64", threads: 1 });
afterAll(() => native.close());
let engine: Watched;
beforeEach(() => (engine = watch(native)));

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** w ← w − α(w − c) for T steps: w_T is linear in every step's c. The outer loss is up to the test. */
const [START, PULL, RATE, T] = [0.4, 0.7, 0.2, 10];
type Outer = "linear" | "quadratic" | "exponential";
const f: Record<Outer, (w: number) => number> = {
  linear: (w) => 3 * w,
  quadratic: (w) => 3 * w + 5 * w ** 2 + 7,
  exponential: (w) => Math.exp(2 * w),
};
const traced: Record<Outer, (w: ops.Tensor) => ops.Tensor> = {
  linear: (w) => ops.mul(3, w),
  quadratic: (w) => ops.add(ops.add(ops.mul(3, w), ops.mul(5, ops.square(w))), 7),
  exponential: (w) => ops.exp(ops.mul(2, w)),
};
const pulled = (outer: Outer, perStep = false): Experiment =>
  defineExperiment({
    data: { train: nothing, valid: nothing },
    params: { w: nn.given([1], [START]) },
    hyper: { c: hyper.scalar(PULL, { perStep }) },
    train: {
      loss: ({ w }, h) => ops.mul(0.5, ops.sum(ops.square(ops.sub(w, h.c)))),
      dynamics: sgd({ rate: RATE }),
      steps: T,
    },
    valid: { loss: ({ w }) => ops.sum(traced[outer](w)) },
  });
/** dw_T/dc_t, and w_T with something added to c at every step. */
const slopes = range(T).map((t) => RATE * (1 - RATE) ** (T - 1 - t));
const last = (added: readonly number[]): number => START * (1 - RATE) ** T + sum(slopes.map((b, t) => b * (PULL + added[t]!))); // prettier-ignore
const segmentOf = (t: number, segments: number): number =>
  range(segments).findLast((s) => t >= Math.floor((s * T) / segments))!;
const drawn = (seed: number, pair: number, segment: number): (() => number) => {
  const next = substream(seed, "persistent evolution", 0, pair, segment);
  return () => normal(next);
};

/** The estimator in plain numbers: one estimate for each pair. */
function byHand(
  outer: Outer,
  { pairs, sigma = 0.1, segments = 1 }: PersistentEvolutionOptions,
  seed: number,
): number[] {
  return range(pairs).map((i) => {
    const noise = range(segments).map((s) => sigma * drawn(seed, i, s)());
    const added = range(T).map((t) => noise[segmentOf(t, segments)]!);
    const difference = f[outer](last(added)) - f[outer](last(added.map((v) => -v)));
    return (sum(noise) * difference) / (2 * sigma ** 2);
  });
}

describe("the formula", () => {
  test.each([
    ["linear", { pairs: 1, sigma: 0.3 }],
    ["quadratic", { pairs: 3, sigma: 2, segments: 3 }],
    ["exponential", { pairs: 5, sigma: 0.5, segments: 10 }],
    ["exponential", { pairs: 4, sigma: 0.4, segments: 1 }],
  ] as const)("%s, %j: mean and standard error over pairs", async (outer, options) => {
    const samples = byHand(outer, options, 3);
    const rollout = await rolloutOf(pulled(outer), engine);
    const result = await numbersOf(rollout, persistentEvolution({ ...options, seed: 3 }));
    const mean = sum(samples) / samples.length;
    expect(relativeError(result.gradient["c"]!, [mean])).toBeLessThan(1e-12);
    const n = samples.length;
    if (n === 1) expect(result).not.toHaveProperty("standardError");
    else {
      const error = Math.sqrt(sum(samples.map((v) => (v - mean) ** 2)) / n / (n - 1));
      expect(relativeError(result.standardError!["c"]!, [error])).toBeLessThan(1e-12);
    }
    expect(result.value).toBeCloseTo(f[outer](last(range(T).map(() => 0))), 12);
    expect([result.direct["c"]![0], result.growth]).toEqual([0, 1]);
  });

  test("pairs are exact for what is linear, whatever sigma and whatever is even", async () => {
    for (const outer of ["linear", "quadratic"] as const) {
      const rollout = await rolloutOf(pulled(outer), engine);
      const unit = drawn(0, 0, 0)();
      const centre = last(range(T).map(() => 0));
      const expected = unit ** 2 * sum(slopes) * (outer === "linear" ? 3 : 3 + 10 * centre);
      for (const sigma of [1e-2, 1, 30]) {
        const { gradient } = await numbersOf(rollout, persistentEvolution({ pairs: 1, sigma }));
        expect(relativeError(gradient["c"]!, [expected])).toBeLessThan(1e-10);
      }
    }
  });

  test("a value for every step is perturbed once, in its segment, whatever the loss sees of it", async () => {
    const rollout = await rolloutOf(pulled("exponential", true), engine);
    const [sigma, segments] = [0.3, 3];
    const { gradient } = await numbersOf(rollout, persistentEvolution({ pairs: 1, sigma, segments, seed: 8 }));
    const streams = range(segments).map((s) => drawn(8, 0, s));
    const noise = range(T).map((t) => sigma * streams[segmentOf(t, segments)]!());
    const difference = f.exponential(last(noise)) - f.exponential(last(noise.map((v) => -v)));
    const expected = noise.map((v) => (v * difference) / (2 * sigma ** 2));
    expect(relativeError(gradient["c"]!, expected)).toBeLessThan(1e-12);
  });

  test("the outer loss sees the last segment's hyperparameters, the initial weights the first one's", async () => {
    const experiment = defineExperiment({
      data: { train: nothing, valid: nothing },
      params: { w: nn.given([1], [1]) },
      hyper: { c: hyper.scalar(0.5) },
      initial: ({ w }, h) => ({ w: ops.mul(w, h.c) }),
      train: { loss: ({ w }) => ops.sum(ops.mul(0, w)), dynamics: sgd({ rate: 0.1 }), steps: 2 },
      valid: { loss: ({ w }, h) => ops.mul(ops.sum(w), ops.mul(h.c, h.c)) },
    });
    const result = await numbersOf(
      await rolloutOf(experiment, engine),
      persistentEvolution({ pairs: 1, sigma: 0.2, segments: 2, seed: 5 }),
    );
    const [a, b] = [0.2 * drawn(5, 0, 0)(), 0.2 * drawn(5, 0, 1)()];
    const difference = (0.5 + a) * (0.5 + b) ** 2 - (0.5 - a) * (0.5 - b) ** 2;
    expect(relativeError(result.gradient["c"]!, [((a + b) * difference) / (2 * 0.2 ** 2)])).toBeLessThan(1e-12);
    expect(result.direct["c"]![0]).toBeCloseTo(0.5, 14);
  });

  test("another draw at every call, the same series for the same seed", async () => {
    const rollout = await rolloutOf(pulled("linear"), engine);
    const series = async (seed: number): Promise<number[]> => {
      const method = persistentEvolution({ pairs: 1, seed });
      const draw = async (): Promise<number> => (await numbersOf(rollout, method)).gradient["c"]![0]!;
      return [await draw(), await draw()];
    };
    const before = await series(1);
    expect(before[0]).not.toBe(before[1]);
    expect(await series(1)).toEqual(before);
    expect(await series(2)).not.toEqual(before);
  });
});

describe("the smoothed loss, in closed form", () => {
  // E exp(2(w + Σ b ε)) = exp(2w + 2σ² Σ b²), with b the slopes summed over each segment.
  test.each([1, 2])(
    "%i segments: the mean is its gradient, within standard errors that tell it from others",
    async (segments) => {
      // prettier-ignore
      const sigma = 0.7;
      const smoothed = (parts: number): number => {
        const b = range(parts).map((s) => sum(slopes.filter((_, t) => segmentOf(t, parts) === s)));
        return 2 * sum(slopes) * Math.exp(2 * last(range(T).map(() => 0)) + 2 * sigma ** 2 * sum(b.map((v) => v * v)));
      };
      const exact = 2 * sum(slopes) * f.exponential(last(range(T).map(() => 0)));
      const rollout = await rolloutOf(pulled("exponential"), engine);
      const { gradient, standardError } = await numbersOf(rollout, persistentEvolution({ pairs: 1000 * segments, sigma, segments, seed: 1 })); // prettier-ignore
      const error = standardError!["c"]![0]!;
      expect(Math.abs(gradient["c"]![0]! - smoothed(segments))).toBeLessThan(3 * error);
      expect(Math.abs(exact - smoothed(segments))).toBeGreaterThan(4 * error);
    },
  );

  test.each([1, 5])("%i segments, a linear loss: the variance that is stated", async (segments) => {
    const pairs = 400;
    const rollout = await rolloutOf(pulled("linear"), engine);
    const { standardError } = await numbersOf(rollout, persistentEvolution({ pairs, segments }));
    const g = range(segments).map((s) => 3 * sum(slopes.filter((_, t) => segmentOf(t, segments) === s)));
    const variance = (segments * sum(g.map((v) => v * v)) + sum(g) ** 2) / pairs;
    // Samples are products of two normal numbers: the standard deviation of their variance is about 4/√400 of it.
    expect(Math.abs(standardError!["c"]![0]! ** 2 / variance - 1)).toBeLessThan(0.45);
  });
});

describe("chaos: x ← x/2 + 1.2 sin(5x) around λ, whose exact derivative grows without bound", () => {
  const [steps, sigma] = [24, 0.6];
  const chaotic = (lambda: number): Experiment =>
    defineExperiment({
      data: { train: nothing, valid: nothing },
      params: { w: nn.given([1], [0.1]) },
      hyper: { lambda: hyper.scalar(lambda) },
      train: {
        loss({ w }, h) {
          const x = ops.sub(w, h.lambda);
          return ops.sum(ops.add(ops.mul(0.25, ops.square(x)), ops.mul(1.2 / 5, ops.cos(ops.mul(5, x)))));
        },
        dynamics: sgd({ rate: 1 }),
        steps,
      },
      valid: { loss: ({ w }) => ops.mul(0.5, ops.sum(ops.square(w))) },
    });
  const loss = (lambda: number): number => {
    let w = 0.1;
    for (let t = 0; t < steps; t++) w -= 0.5 * (w - lambda) - 1.2 * Math.sin(5 * (w - lambda));
    return 0.5 * w * w;
  };
  /** d/dλ E f(λ + σε), sampled finely. */
  const smoothSlope = (lambda: number): number => {
    const n = 40_001;
    const width = (12 * sigma) / (n - 1);
    return sum(
      range(n).map((i) => {
        const e = -6 * sigma + i * width;
        return (
          (width * loss(lambda + e) * e * Math.exp(-((e / sigma) ** 2) / 2)) / (sigma ** 3 * Math.sqrt(2 * Math.PI))
        );
      }),
    );
  };

  test("reverse has the right sign about as often as a coin", async () => {
    const rollout = await rolloutOf(chaotic(3), engine);
    let right = 0;
    for (const i of range(60)) {
      const { gradient, growth } = await numbersOf(rollout.at({ lambda: Float64Array.of(3 + i / 500) }), reverse());
      expect(growth).toBeGreaterThan(1e6);
      if (gradient["lambda"]![0]! > 0) right++;
    }
    expect(right).toBeGreaterThan(15);
    expect(right).toBeLessThan(45);
  });

  test.each([3, -3])("the estimate at λ = %d points down, and is the smoothed slope", async (lambda) => {
    const rollout = await rolloutOf(chaotic(lambda), engine);
    const { gradient, standardError } = await numbersOf(rollout, persistentEvolution({ pairs: 250, sigma }));
    const slope = smoothSlope(lambda);
    const [got, error] = [gradient["lambda"]![0]!, standardError!["lambda"]![0]!];
    expect(Math.sign(slope)).toBe(Math.sign(lambda));
    expect(error).toBeLessThan(Math.abs(slope) / 6);
    expect(Math.abs(got - slope)).toBeLessThan(3 * error);
  });
});

describe("failures", () => {
  const shrinking = defineExperiment({
    data: { train: nothing, valid: nothing },
    params: { w: nn.given([1], [1]) },
    hyper: { rate: hyper.scalar(1.5) },
    train: {
      loss: ({ w }) => ops.mul(0.5, ops.sum(ops.square(w))),
      dynamics: (h) => sgd({ rate: h.rate }),
      steps: 600,
    },
    valid: { loss: ({ w }) => ops.sum(w) },
  });

  test("a particle that diverges is named, and nothing is held", async () => {
    const rollout = await rolloutOf(shrinking, engine);
    await numbersOf(rollout, persistentEvolution({ pairs: 2, sigma: 1e-3, segments: 2 }));
    const before = engine.held();
    const wide = persistentEvolution({ pairs: 9, sigma: 2, segments: 1, seed: 2 });
    const noise = range(9).map((i) => 2 * drawn(2, i, 0)());
    // |1 − rate|^600 overflows beyond 3.26.
    const firstPair = noise.findIndex((e) => Math.max(Math.abs(0.5 + e), Math.abs(0.5 - e)) > 3.27);
    const sign = Math.abs(0.5 + noise[firstPair]!) > 3.27 ? "+" : "−";
    await expect(wide.run(rollout)).rejects.toMatchObject(
      failure("non-finite", `particle ${firstPair + 1}${sign} of 9 pairs failed in segment 1 of 1: training diverged`),
    );
    expect(engine.held()).toBe(before);
  });

  test.each([{ pairs: 0 }, { pairs: 1.5 }, { pairs: 1, sigma: 0 }, { pairs: 1, segments: 0 }])(
    "refuses %j",
    (options) =>
      // prettier-ignore
      expect(() => persistentEvolution(options)).toThrowError(
      expect.objectContaining(failure("invalid-argument", "persistentEvolution has")) as Error,
    ),
  );

  test("refuses more segments than steps", async () => {
    const rollout = await rolloutOf(pulled("linear"), engine);
    await expect(persistentEvolution({ pairs: 1, segments: T + 1 }).run(rollout)).rejects.toMatchObject(
      failure("unsupported", `${T + 1} segments for ${T} training steps`),
    );
  });
});
