import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { momentum } from "../../src/dynamics/momentum.ts";
import { sgd } from "../../src/dynamics/sgd.ts";
import { openEngine } from "../../src/engine/choose.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/onnx/session.ts";
import { referenceEngine } from "../../src/engine/reference/engine.ts";
import { checkHypergradient } from "../../src/hypergradient/check.ts";
import { reverse } from "../../src/hypergradient/reverse.ts";
import { reversible } from "../../src/hypergradient/reversible.ts";
import * as nn from "../../src/nn/nn.ts";
import type { Experiment } from "../../src/problem/experiment.ts";
import { hyper } from "../../src/problem/hyper.ts";
import { quantisedDecay } from "../../src/rollout/quantised.ts";
import { defineExperiment } from "../../src/study/define.ts";
import { evaluate } from "../../src/engine/reference/engine.ts";
import { grad } from "../../src/autodiff/transform.ts";
import { toGraph } from "../../src/tensor/graph.ts";
import { input } from "../../src/tensor/layout.ts";
import * as ops from "../../src/tensor/ops.ts";
import { needs } from "../optional.ts";
import { loadReference } from "../reference/drmad-mnist.ts";
import { failure, flat, numbersOf, relativeError, rolloutOf } from "./measure.ts";
import { classified } from "./rows.ts";

const STEPS = 45;
const split = (seed: number, n: number) => classified(seed, n, 5, 3);
const sizes = {
  data: { train: split(1, 40), valid: split(2, 30) },
  params: nn.mlp([5, 6, 3]),
} as const;

/** Decays and rates of every kind; the decays are not multiples of 2⁻¹⁶. */
const tuned = (sharing: "layer" | "weight" | "step"): Experiment =>
  defineExperiment({
    ...sizes,
    hyper: {
      penalty: hyper.perInput(0.01, { transform: "log" }),
      rate: sharing === "weight" ? hyper.perWeight(0.4, { transform: "log" }) : hyper.perLayer(0.4, { transform: "log", perStep: true }), // prettier-ignore
      decay:
        sharing === "layer"
          ? hyper.perLayer(0.8123, { transform: "logit" })
          : sharing === "weight"
            ? hyper.perWeight(0.3456, { transform: "logit" })
            : hyper.perUnit(0.6789, { transform: "logit", perStep: true }),
    },
    train: {
      loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.penalty)),
      dynamics: (h) => momentum({ rate: h.rate, decay: h.decay }),
      steps: STEPS,
      batch: 7,
    },
    valid: { loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.penalty)) },
  });

/** A decay that is a multiple of 2⁻¹⁶: float training is the same map, up to rounding. */
const exactDecay = (steps: number, dynamics = momentum({ rate: 0.4, decay: 0.875 }), scale = 1): Experiment =>
  defineExperiment({
    ...sizes,
    hyper: { penalty: hyper.perInput(0.01, { transform: "log" }) },
    train: {
      loss: (w, h, { x, y }) =>
        ops.mul(ops.constant(scale), ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.penalty))),
      dynamics,
      steps,
      batch: 7,
    },
    valid: { loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.penalty)) },
  });

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, v, i) => sum + v * b[i]!, 0);
const cosine = (a: ArrayLike<number>, b: ArrayLike<number>): number => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));

const engine = nativeEngine({ precision: "float64", threads: 1 });
afterAll(() => engine.close());
afterEach(() => vi.restoreAllMocks());

test("the quantised decay is n/d to the last bit, kept inside (0, 1), with derivative 1", () => {
  const decay = input("decay", [7]);
  const y = quantisedDecay(decay);
  const given = Float64Array.of(0.1, 0.5, 0.9, 0.98, 1e-9, 1 - 1e-9, 0.3 + 1e-7);
  const graph = toGraph({ y, slope: grad(ops.sum(y), [decay])[0] ?? ops.constant(0, [7]) });
  const values = evaluate(graph, { decay: { data: given, shape: [7] } });
  expect([...values["y"]!.data].map((x) => x * 65_536)).toEqual([6554, 32_768, 58_982, 64_225, 1, 65_535, 19_661]);
  expect([...values["slope"]!.data]).toEqual(Array(7).fill(1));
});

describe("on a small network", () => {
  test.each([1, 2, STEPS, 400])("with a decay that is n/d, the gradient of float training: %i steps", async (steps) => {
    const rollout = await rolloutOf(exactDecay(steps), engine);
    const exact = await numbersOf(rollout, reverse());
    const ours = await numbersOf(rollout, reversible());
    expect(ours.value).not.toBe(exact.value);
    expect(Math.abs(ours.value - exact.value)).toBeLessThan(1e-7);
    expect(relativeError(flat(ours.gradient), flat(exact.gradient))).toBeLessThan(1e-6);
    expect(ours.growth / exact.growth).toBeCloseTo(1, 6);
  });

  test.each(["layer", "weight", "step"] as const)(
    "decays and rates by %s: the gradient in all of them",
    async (sharing) => {
      const rollout = await rolloutOf(tuned(sharing), engine);
      const exact = await numbersOf(rollout, reverse());
      const ours = await numbersOf(rollout, reversible());
      expect(Object.keys(ours.gradient).some((name) => name.startsWith("decay"))).toBe(true);
      for (const [name, values] of Object.entries(exact.gradient)) {
        expect(cosine([...ours.gradient[name]!], values), name).toBeGreaterThan(1 - 1e-6);
        expect(relativeError(ours.gradient[name]!, values), name).toBeLessThan(1e-3);
      }
    },
  );

  test.each(["layer", "weight", "step"] as const)("decays by %s: holds no more than reckoned", async (sharing) => {
    const rollout = await rolloutOf(tuned(sharing), engine);
    const reversal = rollout.reversal();
    const start = await rollout.start();
    const trained = await reversal.train(start);
    const { bytes, bits } = await trained.information();
    const reckoned = await reversal.bytes([]);
    const weights = 5 * 6 + 6 + 6 * 3 + 3;
    // Weights, velocities and the two arrays of reals beside what the accumulators and words take.
    expect(bytes + weights * (2 * 8 + 2 * 8)).toBeLessThanOrEqual(reckoned);
    // Pages and a table, whatever the size.
    const fixed = 2 ** 18 + 2 ** 17;
    // The same bits, summed step by step from the decays: what was put aside differs by less than a word a weight.
    const lost = (reckoned - fixed - weights * (24 + 16 + 4 + 16 + 4)) * 8 / 1.02; // prettier-ignore
    expect(Math.abs(bits - lost)).toBeLessThan(32 * weights);
    expect(lost).toBeGreaterThan(0.5 * bits);
    trained.end();
    rollout.free(start, trained.final);
  });

  test("where a decay is 0 there is no end of what it takes", async () => {
    const rollout = await rolloutOf(exactDecay(STEPS, momentum({ rate: 0.4, decay: 0 })), engine);
    expect(await rollout.reversal().bytes([])).toBe(Infinity);
  });

  test("a decay between two multiples of 2⁻¹⁶ is the nearest of them everywhere, the sweep included", async () => {
    const numerator = 53_235;
    const between = await rolloutOf(
      exactDecay(STEPS, momentum({ rate: 0.4, decay: (numerator + 0.49) / 65_536 })),
      engine,
    );
    const on = await rolloutOf(exactDecay(STEPS, momentum({ rate: 0.4, decay: numerator / 65_536 })), engine);
    const ours = flat((await numbersOf(between, reversible())).gradient);
    expect(relativeError(ours, flat((await numbersOf(on, reverse())).gradient))).toBeLessThan(2e-7);
    expect(relativeError(ours, flat((await numbersOf(between, reverse())).gradient))).toBeGreaterThan(2e-6);
    expect(ours).toEqual(flat((await numbersOf(on, reversible())).gradient));
  });

  test("agrees with central differences of float training", async () => {
    const rollout = await rolloutOf(exactDecay(STEPS), engine);
    const check = await checkHypergradient(rollout, reversible(), { directions: 3, tolerance: 1e-6 });
    expect(check.directions.length).toBe(4);
    for (const { direction, best, slope } of check.directions) {
      expect(Math.abs(best.numeric - slope) / check.gradientNorm, direction).toBeLessThan(1e-7);
    }
  });
});

const ENGINES: readonly (readonly [string, () => Engine])[] = [
  ["native float64", () => nativeEngine({ precision: "float64", threads: 1 })],
  ["native float32", () => nativeEngine({ precision: "float32", threads: 1 })],
  ["native float32, two threads", () => nativeEngine({ precision: "float32", threads: 2 })],
  ["reference", referenceEngine],
];

describe.each(ENGINES)("%s: the same bits", (_, open) => {
  test("whatever the lengths of chunks, run after run, after another method, at another point and back", async () => {
    const own = open();
    const rollout = await rolloutOf(tuned("layer"), own);
    const first = await numbersOf(rollout, reversible());
    for (const milliseconds of [0, 200, 1e9]) {
      let clock = 0;
      vi.spyOn(performance, "now").mockImplementation(() => (clock += milliseconds));
      expect(await numbersOf(await rolloutOf(tuned("layer"), own), reversible())).toEqual(first);
      vi.restoreAllMocks();
    }
    await numbersOf(rollout, reverse());
    expect(await numbersOf(rollout, reversible())).toEqual(first);
    const moved = Object.fromEntries(Object.entries(rollout.point).map(([name, u]) => [name, u.map((x) => x - 0.5)]));
    const away = rollout.at(moved);
    expect((await numbersOf(away, reversible())).value).not.toBe(first.value);
    expect(await numbersOf(away.at(rollout.point), reversible())).toEqual(first);
    await own.close();
  });
});

test("the same bits in a thread of its own, whose errors keep their codes", async () => {
  const { engine: there } = await openEngine({ engine: "native", precision: "float64" });
  expect(there.description.worker).toBe(true);
  const here = await numbersOf(await rolloutOf(tuned("layer"), engine), reversible());
  expect(await numbersOf(await rolloutOf(tuned("layer"), there), reversible())).toEqual(here);
  const frozen = await rolloutOf(exactDecay(STEPS, momentum({ rate: 0.4, decay: 1 })), there);
  await expect(reversible().run(frozen)).rejects.toMatchObject(failure("unsupported", "1 at step 0"));
  await there.close();
});

test("the engine's gradients are compared with the reference interpreter once", async () => {
  const verify = vi.spyOn(engine, "verify");
  const rollout = await rolloutOf(tuned("layer"), engine, { trustEngine: false });
  await numbersOf(rollout, reversible());
  await numbersOf(rollout, reversible());
  const names = verify.mock.calls.map(([program]) => program.name);
  expect(names.filter((name) => name === "training gradient")).toHaveLength(1);
  expect(names).toContain("stored sweep");
});

describe("typed errors", () => {
  test.each([
    ["dynamics other than momentum", sgd({ rate: 0.1 }), 1, "unsupported", "sgd cannot be taken back"],
    ["a decay of 0", momentum({ rate: 0.1, decay: 0 }), 1, "unsupported", "is 0 at step 0"],
    ["a decay of 1", momentum({ rate: 0.1, decay: 1 }), 1, "unsupported", "is 1 at step 0"],
    ["a velocity out of range", momentum({ rate: 1e-9, decay: 0.5 }), 1e7, "non-finite", "±4096"],
    ["a gradient that is no number", momentum({ rate: 0.1, decay: 0.5 }), NaN, "non-finite", "not finite"],
  ] as const)("%s", async (_, dynamics, scale, code, part) => {
    const rollout = await rolloutOf(exactDecay(STEPS, dynamics, scale), engine);
    await expect(reversible().run(rollout)).rejects.toMatchObject(failure(code, part));
  });

  test("cancelled on the way", async () => {
    const stop = new AbortController();
    const onProgress = (phase: string): void => (phase === "backward" ? stop.abort() : undefined);
    const rollout = await rolloutOf(exactDecay(STEPS), engine, { signal: stop.signal, onProgress });
    await expect(reversible().run(rollout)).rejects.toMatchObject(failure("cancelled"));
  });
});

describe("the published problem", () => {
  const ROOT = process.env["DRMAD_DATA"];
  needs(() => (ROOT === undefined ? "DRMAD_DATA names no folder with the reference problem" : undefined));

  test.each([
    ["float64", 20],
    ["float64", 200],
    ["float32", 2000],
  ] as const)(
    "%s, T = %i: the exact hypergradient, whose decay is not rounded",
    { timeout: 60_000 },
    async (precision, steps) => {
      const own = nativeEngine({ precision, threads: 1 });
      const reference = loadReference(ROOT!, precision);
      const ours = await numbersOf(await rolloutOf(reference.experiment(steps), own), reversible());
      const expected = reference.vector(`exact_${steps}`);
      expect(cosine(flat(ours.gradient), expected)).toBeGreaterThan(1 - 1e-6);
      expect(relativeError(flat(ours.gradient), expected)).toBeLessThan(1e-3);
      await own.close();
    },
  );
});
