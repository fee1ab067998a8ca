import { mapPoint, normOf, type Point } from "../data/point.ts";
import { afterAll, describe, expect, test } from "vitest";
import { failure, flat, numbersOf, relativeError, rolloutOf } from "../../test/oracle/measure.ts";
import { classified } from "../../test/oracle/rows.ts";
import { watch } from "../../test/oracle/watch.ts";
import { momentum } from "../dynamics/momentum.ts";
import { nativeEngine } from "../engine/onnx/session.ts";
import * as nn from "../nn/nn.ts";
import { hyper } from "../problem/hyper.ts";
import type { Rollout } from "../rollout/rollout.ts";
import { defineExperiment } from "../study/define.ts";
import * as ops from "../tensor/ops.ts";
import { checkHypergradient, type Difference } from "./check.ts";
import { directOnly, randomSign } from "./controls.ts";
import { drmad } from "./drmad.ts";
import { centralDifference, finiteDifference, valueAt } from "./finite-difference.ts";
import type { Method } from "./method.ts";
import { reverse } from "./reverse.ts";

const engine = nativeEngine({ precision: "float64", threads: 1 });
afterAll(() => engine.close());
const split = (seed: number, n: number) => classified(seed, n, 3);
const experiment = defineExperiment({
  data: { train: split(1, 24), valid: split(2, 12) },
  params: nn.mlp([3, 4, 2]),
  hyper: { penalty: hyper.perInput(0.02, { transform: "log" }), rate: hyper.scalar(0.3, { transform: "log" }) },
  train: {
    loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.penalty)),
    dynamics: (h) => momentum({ rate: h.rate, decay: 0.5 }),
    steps: 25,
    batch: 6,
  },
  valid: { loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.penalty)) },
});
const open = (): Promise<Rollout> => rolloutOf(experiment, engine);
/** Reverse with its gradient changed. */
const altered = (change: (gradient: Point) => Point): Method => ({
  ...reverse(),
  async run(rollout) {
    const result = await reverse().run(rollout);
    return { ...result, gradient: change(result.gradient) };
  },
});
const rateOnly = (f: (v: number) => number) => altered((g) => mapPoint(g, (v, name) => (name === "rate" ? f(v) : v)));

describe("the check", () => {
  test("passes a right gradient, shows the fourfold fall, and reports every difference", async () => {
    const seen: [string, Difference][] = [];
    const rollout = await open();
    const check = await checkHypergradient(rollout, reverse(), { onDifference: (name, d) => seen.push([name, d]) });
    const { gradient, value, growth } = await numbersOf(rollout, reverse());
    expect(check).toMatchObject({ method: "reverse", passed: true, deterministic: true, value, growth, gradientNorm: normOf(gradient) }); // prettier-ignore
    expect(check.directions.map(({ direction }) => direction)).toEqual(["gradient", "random 1", "random 2"]);
    expect(check.directions[0]!.slope).toBeCloseTo(normOf(gradient), 13);
    for (const { direction, differences, best, fall, roundingFloor } of check.directions) {
      expect(differences).toEqual(seen.flatMap(([name, d]) => (name === direction ? [d] : [])));
      expect(differences.map(({ step }) => step)).toEqual(differences.map((_, i) => 2 ** (-4 - i)));
      expect(best.error).toBe(Math.min(...differences.map(({ error }) => error)));
      expect(best.error).toBeLessThan(1e-8);
      expect(roundingFloor).toBeLessThan(1e-8);
      expect(Math.abs(fall! - 4)).toBeLessThan(0.3);
    }
  });

  test.each<[string, Method]>([
    ["a gradient 0.01 % too long", altered((g) => mapPoint(g, (v) => v * 1.0001))],
    ["the wrong sign", altered((g) => mapPoint(g, (v) => -v))],
    ["one coordinate dropped", rateOnly(() => 0)],
    ["one coordinate doubled", rateOnly((v) => 2 * v)],
    ["the direct part alone", directOnly()],
    ["random signs", randomSign()],
    ["an approximation", drmad()],
  ])("fails %s", async (_, method) => {
    const check = await checkHypergradient(await open(), method);
    expect(check.passed).toBe(false);
    expect(check.method).toBe(method.name);
  });

  test("fails a method whose value is not the run's", async () => {
    const method: Method = {
      ...reverse(),
      run: async (rollout) => ({ ...(await reverse().run(rollout)), value: 0.5 }),
    };
    const check = await checkHypergradient(await open(), method, { directions: 0 });
    expect(check).toMatchObject({ passed: false, deterministic: true, value: 0.5 });
    expect(check.directions.every(({ passed }) => passed)).toBe(true);
  });

  test("random directions follow the seed", async () => {
    const rollout = await open();
    const slopes = async (seed: number): Promise<number[]> =>
      (await checkHypergradient(rollout, reverse(), { directions: 1, seed })).directions.map(({ slope }) => slope);
    const [a, b] = [await slopes(1), await slopes(2)];
    expect(await slopes(1)).toEqual(a);
    expect(b[1]).not.toBe(a[1]);
  });

  test("holds nothing afterwards", async () => {
    const watched = watch(engine);
    const rollout = await rolloutOf(experiment, watched);
    await checkHypergradient(rollout, reverse(), { directions: 0 });
    const before = watched.held();
    await checkHypergradient(rollout, reverse(), { directions: 0 });
    expect(watched.held()).toBe(before);
  });

  test("needs float64", async () => {
    const single = nativeEngine({ precision: "float32", threads: 1 });
    const rollout = await rolloutOf(experiment, single);
    await expect(checkHypergradient(rollout, reverse())).rejects.toMatchObject(failure("unsupported", "float64"));
    await single.close();
  });
});

describe("finite differences", () => {
  test("agree with reverse in every coordinate, better with a middling step", async () => {
    const rollout = await open();
    const exact = flat((await numbersOf(rollout, reverse())).gradient);
    const error = async (step: number): Promise<number> =>
      relativeError(flat((await numbersOf(rollout, finiteDifference({ step }))).gradient), exact);
    const [coarse, fine, best] = [await error(1e-2), await error(1e-3), await error(1e-5)];
    expect(best).toBeLessThan(1e-8);
    expect(coarse / fine).toBeGreaterThan(80);
    expect(coarse / fine).toBeLessThan(120);
  });

  test("value and direct part are those of the middle", async () => {
    const rollout = await open();
    const [numeric, exact] = [await numbersOf(rollout, finiteDifference()), await numbersOf(rollout, reverse())];
    expect(numeric.value).toBe(exact.value);
    expect(numeric.direct).toEqual(exact.direct);
  });

  test("one central difference is two runs", async () => {
    const rollout = await open();
    const direction = mapPoint(rollout.point, (_, name) => (name === "rate" ? 1 : 0));
    const at = (rate: number): Promise<number> =>
      valueAt(rollout.at({ ...rollout.point, rate: Float64Array.of(rate) }));
    const middle = rollout.point["rate"]![0]!;
    const expected = ((await at(middle + 0.01)) - (await at(middle - 0.01))) / 0.02;
    expect(await centralDifference(rollout, direction, 0.01)).toBe(expected);
  });
});

test("random signs: ones only, another draw each time, the same from the same seed", async () => {
  const rollout = await open();
  const draws = async (): Promise<number[][]> => {
    const method = randomSign({ seed: 3 });
    return [flat((await numbersOf(rollout, method)).gradient), flat((await numbersOf(rollout, method)).gradient)];
  };
  const [first, second] = (await draws()) as [number[], number[]];
  expect(first.every((v) => Math.abs(v) === 1)).toBe(true);
  expect(second).not.toEqual(first);
  expect(await draws()).toEqual([first, second]);
});
