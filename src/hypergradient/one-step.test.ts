import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { failure, flat, numbersOf, relativeError, rolloutOf } from "../../test/oracle/measure.ts";
import { START, ridge } from "../../test/oracle/ridge.ts";
import { TORCH_CASES } from "../../test/oracle/torch-cases/cases.ts";
import { sgd } from "../dynamics/sgd.ts";
import { nativeEngine } from "../engine/onnx/session.ts";
import * as nn from "../nn/nn.ts";
import { hyper } from "../problem/hyper.ts";
import { defineExperiment } from "../study/define.ts";
import * as ops from "../tensor/ops.ts";
import { oneStep } from "./one-step.ts";
import { truncated } from "./truncated.ts";

const engine = nativeEngine({ precision: "float64", threads: 1 });
afterAll(() => engine.close());
afterEach(() => vi.restoreAllMocks());

describe.each(TORCH_CASES.map((it) => [it.found.name, it] as const))("%s", (_, { experiment, point }) => {
  test("with the last step alone it is truncated to one step, to the last bit", async () => {
    const rollout = (await rolloutOf(experiment, engine, { trustEngine: false })).at(point);
    const cut = await numbersOf(rollout, truncated({ steps: 1 }));
    for (const every of [rollout.steps, rollout.steps + 1, 1000])
      expect(await numbersOf(rollout, oneStep({ every }))).toEqual(cut);
    expect(await numbersOf(rollout, oneStep({ every: rollout.steps - 1 }))).not.toEqual(cut);
  });

  // What the mean of those steps means, said by another method at other lengths of training.
  test("every so many steps it is the mean of shorter trainings truncated to one step", async () => {
    const rollout = (await rolloutOf(experiment, engine)).at(point);
    // A training of one step truncated to one step is whole, and reaches the initial scale.
    const shared = rollout.hypers.filter(({ name, perStep }) => !perStep && !name.startsWith("scale"));
    const pick = (from: Readonly<Record<string, Float64Array>>): number[] =>
      shared.flatMap(({ name }) => [...from[name]!]);
    for (const every of rollout.steps === 8 ? [1, 2] : [Math.ceil(rollout.steps / 4)]) {
      const ends = Array.from({ length: Math.ceil(rollout.steps / every) }, (_, i) => rollout.steps - i * every);
      const parts: number[][] = [];
      for (const steps of ends) {
        const short = await rolloutOf(experiment, engine, { steps });
        const cut = Object.fromEntries(
          short.hypers.map(({ name, start }) => [name, point[name]!.slice(0, start.length)]),
        );
        const { gradient, direct } = await numbersOf(short.at(cut), truncated({ steps: 1 }));
        parts.push(pick(gradient).map((g, i) => g - pick(direct)[i]!));
      }
      const { gradient, direct, value } = await numbersOf(rollout, oneStep({ every }));
      const mean = pick(direct).map((d, i) => d + parts.reduce((sum, part) => sum + part[i]!, 0) / parts.length);
      expect(relativeError(pick(gradient), mean), `every ${every}`).toBeLessThan(1e-12);
      for (const { name } of rollout.hypers.filter((t) => t.name.startsWith("scale")))
        expect(gradient[name], "no gradient through initial weights").toEqual(direct[name]);
      expect(value).toBe((await numbersOf(rollout, truncated({ steps: 1 }))).value);
    }
  });
});

const through = (t: number): number => -3 * 0.5 ** t * 0.5 ** (t + 1);

/** w ← (1 − α) w from 1; f = ½ h w². Through step t: −w_t · h w_{t+1}; the direct part ½ w_T². */
test("by hand: a rate, and a hyperparameter of the outer loss alone", async () => {
  const one = { x: { data: Float64Array.of(1), shape: [1] } };
  const experiment = defineExperiment({
    data: { train: one, valid: one },
    params: { w: nn.given([1], [1]) },
    hyper: { rate: hyper.scalar(0.5), weight: hyper.scalar(3) },
    train: { loss: ({ w }) => ops.mul(0.5, ops.sum(ops.square(w))), dynamics: (h) => sgd({ rate: h.rate }), steps: 5 },
    valid: { loss: ({ w }, h) => ops.mul(ops.mul(0.5, h.weight), ops.sum(ops.square(w))) },
  });
  const rollout = await rolloutOf(experiment, engine);
  for (const [every, steps] of [
    [1, [0, 1, 2, 3, 4]],
    [2, [0, 2, 4]],
    [3, [1, 4]],
    [4, [0, 4]],
    [10, [4]],
  ] as const) {
    const { gradient } = await numbersOf(rollout, oneStep({ every }));
    const mean = steps.reduce<number>((sum, t) => sum + through(t), 0) / steps.length;
    expect(gradient["rate"]![0], `every ${every}`).toBeCloseTo(mean, 14);
    expect(gradient["weight"]![0]).toBeCloseTo(0.5 * 0.5 ** 10, 15);
  }
});

test("values for every step have a gradient at the chosen steps alone", async () => {
  const { experiment, point } = TORCH_CASES[1]!;
  const rollout = (await rolloutOf(experiment, engine)).at(point);
  const { gradient } = await numbersOf(rollout, oneStep({ every: 3 }));
  expect([...gradient["schedule"]!].map((g) => g !== 0)).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((t) => t % 3 === 1));
});

test("the same bits whatever the lengths of chunks", async () => {
  const rollout = await rolloutOf(ridge(23, { batch: 4 }), engine);
  const first = flat((await numbersOf(rollout, oneStep({ every: 7 }))).gradient);
  let clock = 0;
  vi.spyOn(performance, "now").mockImplementation(() => (clock += 1e9));
  expect(flat((await numbersOf(rollout, oneStep({ every: 7 }))).gradient)).toEqual(first);
  expect(first).toHaveLength(START.length);
});

test.each([0, -3, 2.5, NaN])("refuses every %s steps", (every) => {
  expect(() => oneStep({ every })).toThrow(expect.objectContaining(failure("invalid-argument", `every ${every}`)));
});
