import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { failure, flat, formula, numbersOf, relativeError, rolloutOf } from "../../test/oracle/measure.ts";
import { TORCH_CASES } from "../../test/oracle/torch-cases/cases.ts";
import { watch } from "../../test/oracle/watch.ts";
import { sgd } from "../dynamics/sgd.ts";
import { nativeEngine } from "../engine/onnx/session.ts";
import { referenceEngine } from "../engine/reference/engine.ts";
import { digitsL2 } from "../experiments/digits-l2.ts";
import * as nn from "../nn/nn.ts";
import { hyper } from "../problem/hyper.ts";
import type { Buffers } from "../rollout/rollout.ts";
import { defineExperiment } from "../study/define.ts";
import * as ops from "../tensor/ops.ts";
import { forward } from "./forward.ts";
import { reverse } from "./reverse.ts";

const engine = nativeEngine({ precision: "float64", threads: 1 });
afterAll(() => engine.close());
afterEach(() => vi.restoreAllMocks());
/** Every chunk of steps seems to take so long: with much, each step is a chunk of its own. */
function pace(milliseconds: number): void {
  let clock = 0;
  vi.spyOn(performance, "now").mockImplementation(() => (clock += milliseconds));
}

describe.each(TORCH_CASES.map((it) => [it.found.name, it] as const))("%s", (_, { experiment, point, found }) => {
  test("is PyTorch's gradient, and that of reverse, whatever the chunk", async () => {
    const rollout = (await rolloutOf(experiment, engine, { trustEngine: false })).at(point);
    const exact = await numbersOf(rollout, reverse());
    const names = Object.keys(found.gradient);
    for (const chunk of [undefined, 5]) {
      pace(chunk === 5 ? 1e9 : 1);
      const { value, gradient, direct, growth } = await numbersOf(rollout, forward(chunk === undefined ? {} : { chunk })); // prettier-ignore
      expect(value).toBeCloseTo(exact.value, 13);
      expect(direct).toEqual(exact.direct);
      expect(growth).toBe(1);
      expect(Object.keys(gradient)).toEqual(Object.keys(exact.gradient));
      for (const name of names) {
        const where = `${name} in chunks of ${chunk}`;
        expect(relativeError(gradient[name]!, exact.gradient[name]!), where).toBeLessThan(1e-12);
        expect(relativeError(gradient[name]!, found.gradient[name]!), where).toBeLessThan(1e-10);
      }
    }
    expect(rollout.unverified).toEqual([]);
  });
});

test("of the digits, a penalty for every input and some steps of minibatches, it is reverse", async () => {
  const rollout = await rolloutOf(digitsL2(), engine, { steps: 6 });
  const exact = flat((await numbersOf(rollout, reverse())).gradient);
  expect(relativeError(flat((await numbersOf(rollout, forward())).gradient), exact)).toBeLessThan(1e-12);
});

/** f = ½ w², w_T = s (1 − α)ᵀ w_0 and so df/dα = −T w_T² / (1 − α), df/ds = w_T² / s. */
const shrinking = (rate: number, steps: number) =>
  defineExperiment({
    data: { train: { x: { data: Float64Array.of(1), shape: [1] } }, valid: { x: { data: Float64Array.of(1), shape: [1] } } },
    params: { w: nn.given([1], [2]) },
    hyper: { rate: hyper.scalar(rate), scale: hyper.scalar(3) },
    initial: ({ w }, h) => ({ w: ops.mul(h.scale, w) }),
    train: { loss: ({ w }) => ops.mul(0.5, ops.sum(ops.square(w))), dynamics: (h) => sgd({ rate: h.rate }), steps },
    valid: { loss: ({ w }) => ops.mul(0.5, ops.sum(ops.square(w))) },
  }); // prettier-ignore

test("by hand: a rate and an initial scale", async () => {
  for (const chunk of [1, 2, 5]) {
    const rollout = await rolloutOf(shrinking(0.25, 6), engine);
    const { gradient } = await numbersOf(rollout, forward({ chunk }));
    const end = 6 * 0.75 ** 6;
    expect(gradient["rate"]![0]).toBeCloseTo((-6 * end ** 2) / 0.75, 13);
    expect(gradient["scale"]![0]).toBeCloseTo(end ** 2 / 3, 13);
  }
});

describe("where training or a tangent diverges", () => {
  test.each([
    ["weights overflow", 11, 400, "training diverged: weights w are not finite"],
    // 6·10³⁰⁷ is a number, and its derivative in α, 307/10 times that, is none.
    ["a tangent does, and no weight", 11, 307, "a tangent is not finite"],
  ])("%s: an error that says so, and nothing held", async (_, rate, steps, message) => {
    const watched = watch(engine);
    const rollout = await rolloutOf(shrinking(rate, steps), watched);
    await rollout.start().then((start) => rollout.free(start));
    await expect(forward().run(rollout)).rejects.toMatchObject(failure("non-finite", message));
    const held = watched.held();
    await expect(forward().run(rollout)).rejects.toMatchObject(failure("non-finite", message));
    expect(watched.held()).toBe(held);
  });
});

test("runs as few trainings as the chunk allows, of equal size", async () => {
  const { experiment, point } = TORCH_CASES[0]!;
  const count = Object.values(point).reduce((n, v) => n + v.length, 0);
  expect(count).toBe(13);
  for (const [method, trainings] of [
    [forward(), 2],
    [forward({ chunk: 5 }), 3],
    [forward({ chunk: 13 }), 1],
    [forward({ chunk: 1 }), 13],
  ] as const) {
    const watched = watch(engine);
    const rollout = (await rolloutOf(experiment, watched)).at(point);
    await numbersOf(rollout, method);
    const begun = watched.runs.filter(({ program, range }) => program.includes("tangents") && range?.from === 0);
    expect(begun).toHaveLength(trainings);
  }
});

test.each([0, -1, 1.5, NaN])("refuses a chunk of %s", (chunk) => {
  expect(() => forward({ chunk })).toThrow(expect.objectContaining(failure("invalid-argument", `chunk ${chunk}`)));
});

test("in float32 it is close", async () => {
  const single = nativeEngine({ precision: "float32", threads: 1 });
  const { experiment, point, found } = TORCH_CASES[1]!;
  const rollout = (await rolloutOf(experiment, single, { trustEngine: false })).at(point);
  const { gradient } = await numbersOf(rollout, forward());
  const want = Object.keys(point).flatMap((name) => [...found.gradient[name]!]);
  expect(relativeError(flat(gradient), want)).toBeLessThan(1e-5);
  await single.close();
});

test("in the reference interpreter it is what it is natively", async () => {
  const other = referenceEngine();
  const rollout = await rolloutOf(shrinking(0.25, 6), other);
  const native = await numbersOf(await rolloutOf(shrinking(0.25, 6), engine), forward());
  const { gradient } = await numbersOf(rollout, forward());
  expect(relativeError(flat(gradient), flat(native.gradient))).toBeLessThan(1e-14);
  await other.close();
});

test("zero directions carry nothing", async () => {
  const { experiment, point } = TORCH_CASES[1]!;
  const rollout = (await rolloutOf(experiment, engine)).at(point);
  const still = Object.fromEntries(Object.entries(point).map(([name, v]) => [name, v.map(() => 0)]));
  const along = Object.fromEntries(Object.entries(point).map(([name, v]) => [name, formula(5, v.length)]));
  const training = await rollout.forward(2);
  const { final, tangents } = await training.run([along, still]);
  const largest = async (tangent: Buffers): Promise<number> => {
    const leaves = await Promise.all(Object.values(tangent).map((buffer) => rollout.read(buffer)));
    return Math.max(...leaves.flatMap(({ data }) => Array.from(data, Math.abs)));
  };
  const sizes = await Promise.all(tangents.map(largest));
  expect(sizes[0]).toBeGreaterThan(0);
  expect(sizes[1]).toBe(0);
  rollout.free(final, ...tangents);
});
