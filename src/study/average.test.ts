import { describe, expect, test, vi } from "vitest";
import { failure } from "../../test/oracle/measure.ts";
import { timeless } from "../../test/timeless.ts";
import { classified } from "../../test/oracle/rows.ts";
import type { Point } from "../data/point.ts";
import { momentum } from "../dynamics/momentum.ts";
import { sgd } from "../dynamics/sgd.ts";
import { drmad } from "../hypergradient/drmad.ts";
import { finiteDifference } from "../hypergradient/finite-difference.ts";
import type { Hypergradient } from "../hypergradient/method.ts";
import * as nn from "../nn/nn.ts";
import * as outer from "../outer/outer.ts";
import { hyper } from "../problem/hyper.ts";
import { createRollout } from "../rollout/create.ts";
import type { Engine } from "../engine/engine.ts";
import * as ops from "../tensor/ops.ts";
import { meanHypergradient } from "./average.ts";
import { standardError } from "./statistics.ts";
import { defineExperiment } from "./define.ts";
import type { TuneEvent, TuneResult } from "./events.ts";
import { hypergradient } from "./hypergradient.ts";
import { tune, type TuneOptions } from "./tune.ts";

vi.mock("../rollout/create.ts", { spy: true });

const HERE = { engine: "native", precision: "float64", worker: false, trustEngine: true } as const;
const split = (seed: number, rows = 12) => classified(seed, rows, 2);
const network = (data: (seed: number) => Record<"train" | "valid", ReturnType<typeof split>>) =>
  defineExperiment({
    data,
    params: nn.mlp([2, 3, 2]),
    hyper: { l2: hyper.perInput(0.01, { transform: "log" }) },
    train: {
      loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.l2)),
      dynamics: momentum({ rate: 0.3, decay: 0.5 }),
      steps: 15,
      batch: 5,
    },
    valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
    metrics: { error: (w, _, { x, y }) => nn.errorRate(nn.forward(w, x), y) },
  });
/** Every seed draws other weights, minibatches, training and validation rows; the test rows are the same. */
const test5 = split(5, 20);
const resplit = network((seed) => ({ train: split(seed + 1), valid: split(seed + 100), test: test5 }));
const SEEDS = [3, 0, 8] as const;
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

const told = async (experiment: Parameters<typeof tune>[0], options: TuneOptions) => {
  const events: TuneEvent[] = [];
  const result = await tune(experiment, { ...HERE, ...options, onEvent: (event) => events.push(event) });
  const warnings = events.flatMap((e) => (e.type === "warning" ? [e.message] : []));
  return { result, warnings, events };
};

const total = ({ fidelity }: TuneResult) => fidelity!.map((f) => (f.outcome === "ok" ? f.total.cosine : NaN))[0];

const given = (growth: number, u: number, growthPassedAt?: number): Hypergradient => ({
  value: u,
  gradient: { u: Float64Array.of(u, 0) },
  direct: { u: Float64Array.of(0, 3 * u) },
  growth,
  growthPassedAt,
  final: {},
});

describe("averaging over seeds", () => {
  test("moves by the mean of what each seed gives alone, and records the means", async () => {
    const optimizer = outer.sgd({ rate: 2 });
    const { result, warnings } = await told(resplit, { seeds: SEEDS, optimizer, outerSteps: 2 });
    const alone = await Promise.all(SEEDS.map((seed) => hypergradient(resplit, finiteDifference(), { ...HERE, seed })));
    const gradients = alone.map((each) => (each.outcome === "ok" ? each.gradient : {}));
    const runs: TuneResult[] = [];
    for (const seed of SEEDS) runs.push(await tune(resplit, { ...HERE, seed, optimizer, outerSteps: 1 }));

    expect(warnings).toEqual([]);
    expect(result).toMatchObject({ seed: 3, seeds: [3, 0, 8], stop: "budget" });
    const [first] = result.steps;
    for (const name of ["train", "valid"] as const)
      for (const metric of ["loss", "error"]) {
        expect(first![name][metric]).toBeCloseTo(mean(runs.map(({ steps }) => steps[0]![name][metric]!)), 12);
      }
    expect(first!.validStandardError).toBeCloseTo(standardError(runs.map(({ steps }) => steps[0]!.valid.loss)), 12);
    expect(first!.growth).toBe(Math.max(...runs.map(({ steps }) => steps[0]!.growth!)));
    expect(result.test!.start.loss).toBeCloseTo(mean(runs.map((run) => run.test!.start.loss)), 12);

    // The means of finite differences, and where a step along them leads.
    const names = Object.keys(gradients[0]!);
    const averaged = names.map((name) => gradients[0]![name]!.map((_, i) => mean(gradients.map((g) => g[name]![i]!))));
    const norm = Math.hypot(...averaged.flatMap((g) => [...g]));
    expect(Math.abs(first!.gradientNorm! / norm - 1)).toBeLessThan(1e-6);
    const one = await tune(resplit, { ...HERE, seeds: SEEDS, optimizer, outerSteps: 1, patience: 1 });
    const moved = await Promise.all(
      SEEDS.map(async (seed) => {
        const values = Object.fromEntries(names.map((name, k) => [name, averaged[k]!]));
        const visiting: typeof optimizer = {
          ...optimizer,
          update: (_, state) => ({
            change: Object.fromEntries(names.map((name) => [name, values[name]!.map((g) => -2 * g)])),
            state,
          }),
        };
        return (await tune(resplit, { ...HERE, seed, optimizer: visiting, outerSteps: 1 })).steps[1]!.valid.loss;
      }),
    );
    expect(one.steps[1]!.valid.loss).toBeCloseTo(mean(moved), 8);
  });

  test("over one seed is that seed's own run", async () => {
    const plain = await tune(resplit, { ...HERE, seed: 8, outerSteps: 2 });
    const { result } = await told(resplit, { seeds: [8], outerSteps: 2 });
    expect(result).not.toHaveProperty("seeds");
    expect(timeless(result)).toEqual(timeless(plain));
  });

  test("compiles once for all seeds, and frees what is not needed", async () => {
    const { createRollout: actual } =
      await vi.importActual<typeof import("../rollout/create.ts")>("../rollout/create.ts");
    let [compiled, live] = [0, 0];
    vi.mocked(createRollout).mockImplementation((problem, engine, ...rest) => {
      const counting: Engine = {
        ...engine,
        description: engine.description,
        load: (array) => (live++, engine.load(array)),
        free: (buffers) => ((live -= [...buffers].length), engine.free(buffers)),
        async compile(program) {
          compiled++;
          const executable = await engine.compile(program);
          return {
            ...executable,
            async run(...given) {
              const results = await executable.run(...given);
              live += Object.keys(results).length;
              return results;
            },
          };
        },
      };
      return actual(problem, counting, ...rest);
    });
    const run = async (seeds: readonly number[], outerSteps: number): Promise<number[]> => {
      [compiled, live] = [0, 0];
      // Uphill, so that no step but the start is kept.
      const uphill = { ...outer.sgd({ rate: 1 }), update: (change: Point) => ({ change, state: null }) };
      await tune(resplit, { ...HERE, seeds, outerSteps, optimizer: uphill });
      return [compiled, live];
    };
    const [once] = await run([0], 2);
    const [thrice, short] = await run([0, 1, 2], 2);
    expect(thrice).toBe(once);
    // The last state of the start and of the best step are kept for each seed, however many steps there are.
    expect((await run([0, 1, 2], 6))[1]).toBe(short);
    vi.mocked(createRollout).mockReset();
  });

  test("compiles again where the rows of a seed are more, and gives the same", async () => {
    const growing = network((seed) => ({ train: split(seed + 1, 12 + seed), valid: split(seed + 100, 10 + seed) }));
    const { result } = await told(growing, { seeds: [0, 3], outerSteps: 1 });
    const alone = await Promise.all([0, 3].map((seed) => tune(growing, { ...HERE, seed, outerSteps: 1 })));
    expect(result.steps[0]!.valid.loss).toBeCloseTo(mean(alone.map(({ steps }) => steps[0]!.valid.loss)), 12);
  });

  test("warns where rows that test under one seed may choose under another", async () => {
    const mixed = network((seed) => ({ train: split(seed + 1), valid: split(seed + 2), test: split(seed + 3) }));
    const { warnings } = await told(mixed, { seeds: [0, 1], outerSteps: 1 });
    expect(warnings).toEqual([expect.stringContaining("test rows differ between seeds")]);
  });

  test("measures fidelity with the first seed", async () => {
    const { result } = await told(resplit, { seeds: [8, 1], outerSteps: 1, method: drmad(), fidelity: true });
    const alone = await tune(resplit, { ...HERE, seed: 8, outerSteps: 1, method: drmad(), fidelity: true });
    expect(total(result)).toBe(total(alone));
  });

  test("stops where one of them diverges, and says under which seed", async () => {
    const fragile = defineExperiment({
      data: (seed) => {
        const rows = { x: { data: Float64Array.of(seed === 7 ? 1e200 : 1), shape: [1, 1] } };
        return { train: rows, valid: rows };
      },
      params: { w: nn.constant([1], 1) },
      hyper: { u: hyper.scalar(0.1) },
      train: { loss: ({ w }, h, { x }) => ops.mul(h.u, ops.sum(ops.square(ops.mul(x, w)))), dynamics: sgd({ rate: 0.1 }), steps: 3 }, // prettier-ignore
      valid: { loss: ({ w }, _, { x }) => ops.sum(ops.mul(w, x)) },
    });
    await expect(tune(fragile, { ...HERE, seeds: [1, 7] })).rejects.toMatchObject(
      failure("non-finite", "with seed 7:"),
    );
  });

  test.each([
    [{ seeds: [] }, "seeds: []"],
    [{ seeds: 3 as unknown as number[] }, "seeds: 3"],
    [{ seeds: [1, NaN] }, "tune has the seed NaN"],
    [{ seeds: [1, 2, 1] }, "seeds holds 1 twice"],
    [{ seeds: [1], seed: 1 }, "both seed 1 and seeds"],
  ])("refuses %j", async (options, part) => {
    await expect(tune(resplit, { ...HERE, ...options })).rejects.toMatchObject(failure("invalid-argument", part));
  });

  test("the mean of hypergradients has the largest growth, and where it passed the limit", () => {
    expect(meanHypergradient([given(2, 1), given(5000, 5, 17), given(3, 3)])).toEqual({
      value: 3,
      gradient: { u: Float64Array.of(3, 0) },
      direct: { u: Float64Array.of(0, 9) },
      growth: 5000,
      growthPassedAt: 17,
    });
  });

  test("standard error of the mean, by hand", () => {
    // Squares around 4: 4 + 0 + 4, over 2, over 3.
    expect(standardError([2, 4, 6])).toBeCloseTo(Math.sqrt(8 / 2 / 3), 14);
  });
});

test("records say where the optimiser clipped", async () => {
  const optimizer = outer.clipped(outer.sgd({ rate: 0.1 }), { norm: 1e-12 });
  const { result } = await told(resplit, { optimizer, outerSteps: 1 });
  expect(result.steps.map(({ clipped }) => clipped)).toEqual([true, undefined]);
  const loose = outer.clipped(outer.sgd({ rate: 0.1 }), { norm: 1e12 });
  expect((await told(resplit, { optimizer: loose, outerSteps: 1 })).result.steps[0]!.clipped).toBe(false);
  const plain = await told(resplit, { optimizer: outer.sgd({ rate: 0.1 }), outerSteps: 1 });
  expect(plain.result.steps[0]).not.toHaveProperty("clipped");
});
