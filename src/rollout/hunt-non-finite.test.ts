import { afterAll, beforeEach, describe, expect, test, vi } from "vitest";
import { failure, rolloutOf } from "../../test/oracle/measure.ts";
import { watch, type Watched } from "../../test/oracle/watch.ts";
import { momentum } from "../dynamics/momentum.ts";
import { sgd } from "../dynamics/sgd.ts";
import { nativeEngine } from "../engine/onnx/session.ts";
import { referenceEngine } from "../engine/reference/engine.ts";
import { finiteDifference } from "../hypergradient/finite-difference.ts";
import { persistentEvolution } from "../hypergradient/persistent-evolution.ts";
import { reverse } from "../hypergradient/reverse.ts";
import * as nn from "../nn/nn.ts";
import type { Experiment } from "../problem/experiment.ts";
import { hyper } from "../problem/hyper.ts";
import { defineExperiment } from "../study/define.ts";
import * as ops from "../tensor/ops.ts";
import type { Tensor } from "../tensor/tensor.ts";

const native = nativeEngine({ precision: "float64", threads: 1 });
const single = nativeEngine({ precision: "float32", threads: 1 });
afterAll(async () => {
  await native.close();
  await single.close();
});
let engine: Watched;
beforeEach(() => (engine = watch(native)));

const [BAD, STEPS] = [4, 9];
/** Steps of one row: 1 in all of them, but in step 4. */
const rows = (value: number) => ({
  x: { data: Float64Array.from({ length: STEPS }, (_, t) => (t === BAD ? value : 1)), shape: [STEPS] },
});
const good = { x: { data: new Float64Array(STEPS).fill(1), shape: [STEPS] } };

type Body = (w: Tensor, x: Tensor) => Tensor;
/** A loss of two weights, 0.5 and 2, that breaks where the row is bad. */
const breaking = (bad: number, body: Body): Experiment =>
  defineExperiment({
    data: { train: rows(bad), valid: good },
    params: { w: nn.given([2], [0.5, 2]) },
    hyper: { l2: hyper.scalar(0.1) },
    train: {
      loss: ({ w }, h, { x }) => ops.add(ops.sum(body(w, x)), ops.mul(h.l2, ops.sum(ops.square(w)))),
      dynamics: momentum({ rate: 0.01, decay: 0.5 }),
      steps: STEPS,
      batch: 1,
      rows: (t) => Int32Array.of(t),
    },
    valid: { loss: ({ w }) => ops.sum(ops.square(w)) },
  });

const positive = (w: Tensor, x: Tensor): Tensor => ops.mul(x, ops.square(w));

const masked = (w: Tensor, x: Tensor): Tensor => {
  const logits = ops.where(ops.less(w, 1), w, -Infinity);
  return ops.add(ops.sum(ops.softmax(logits)), ops.log(positive(w, x)));
};
const vanishing = (w: Tensor, x: Tensor): Tensor => ops.add(ops.mul(0, w), ops.log(ops.exp(ops.mul(-1, x))));
const large = (w: Tensor, x: Tensor): Tensor => ops.mul(ops.mul(x, x), w);

type Case = readonly [what: string, bad: number, body: Body, op: string, place: string, gave: number, says: RegExp, hint: string]; // prettier-ignore
const CASES: readonly Case[] = [
  ["log of 0", 0, (w, x) => ops.log(positive(w, x)), "log", "train.loss", -Infinity, /for values 0: the logarithm of 0$/, "ops.maximum(x, 1e-30)"],
  ["log of a negative number", -1, (w, x) => ops.log(positive(w, x)), "log", "train.loss", NaN, /-\d\.\d+ to -0\.\d+: the logarithm of a negative/, "ops.logSoftmax"],
  ["overflow of exp", 1000, (w, x) => ops.exp(ops.mul(x, w)), "exp", "train.loss", Infinity, /exp overflows above 709.7 in float64$/, "ops.logSumExp"],
  ["division by 0", 0, (w, x) => ops.div(w, x), "div", "train.loss", Infinity, /for values 0\.\d+ to \d\.\d+ \(weights\/w\) and 0: division by 0$/, "ops.add(b, 1e-12)"],
  ["root of a negative number", -1, (w, x) => ops.sqrt(positive(w, x)), "sqrt", "train.loss", NaN, /the square root of a negative number$/, "ops.relu"],
  ["power of a negative number", -1, (w, x) => ops.pow(positive(w, x), 1.5), "pow", "train.loss", NaN, /a fractional power of a negative number$/, "0 or above"],
  ["negative power of 0", 0, (w, x) => ops.pow(positive(w, x), -1.5), "pow", "train.loss", Infinity, /a negative power of 0$/, "away from 0"],
  ["a finite loss whose gradient is not: sqrt", 0, (w, x) => ops.sqrt(positive(w, x)), "div", "the gradient of train.loss", Infinity, /the derivative of sqrt at 0$/, "ops.sqrt(ops.add(x, 1e-12))"],
  ["a finite loss whose gradient is not: pow", 0, (w, x) => ops.pow(positive(w, x), 0.3), "pow", "the gradient of train.loss", Infinity, /the derivative of a power at 0$/, "away from 0"],
  ["a log behind a where", 0, (w, x) => ops.where(ops.greater(positive(w, x), 0), ops.log(positive(w, x)), 0), "div", "the gradient of train.loss", Infinity, /the derivative of log at 0$/, "ops.where does not shield"],
  ["a product too large", 1e200, (w, x) => ops.mul(ops.mul(x, x), w), "mul", "train.loss", Infinity, /beyond 1\.8e308, the largest number of float64$/, "smaller learning rate"],
]; // prettier-ignore

describe("names the step, the operation, its operands and why", () => {
  test.each(CASES)("%s", async (_, bad, body, op, place, gave, says, hint) => {
    for (const on of [engine, referenceEngine()]) {
      const rollout = await rolloutOf(breaking(bad, body), on);
      const found = await rollout.huntNonFinite();
      expect(found).toMatchObject({ step: BAD, culprit: { op, place, gave } });
      expect(found!.message).toMatch(new RegExp(`^it began in step 5 of 9, where ${op} of shape \\[.*\\] in ${place} gave ${gave}`)); // prettier-ignore
      expect(found!.message).toMatch(says);
      expect(found!.hint).toContain(hint);
      for (const { least, greatest } of found!.culprit!.operands) {
        expect(Number.isFinite(least) && Number.isFinite(greatest)).toBe(true);
      }
    }
  });

  test("shapes and values of the operands", async () => {
    const found = await (
      await rolloutOf(
        breaking(0, (w, x) => ops.div(w, x)),
        engine,
      )
    ).huntNonFinite();
    const { shape, operands } = found!.culprit!;
    expect(shape).toEqual([2]);
    expect(operands.map((operand) => operand.shape)).toEqual([[2], [1]]);
    expect(operands[1]).toEqual({ shape: [1], least: 0, greatest: 0 });
    expect(operands[0]!.least).toBeLessThan(0.5);
    expect(operands[0]!.greatest).toBeGreaterThan(1.8);
  });

  test("an infinity that does no harm is not blamed", async () => {
    const fine = await rolloutOf(breaking(1, masked), engine);
    expect(await fine.huntNonFinite()).toBeUndefined();
    const rollout = await rolloutOf(breaking(0, masked), engine);
    expect(await rollout.huntNonFinite()).toMatchObject({ step: BAD, culprit: { op: "log" } });
  });

  test("float32: what is 0 there and overflows there", async () => {
    for (const [bad, body, op] of [
      [100, vanishing, "log"],
      [1e20, large, "mul"],
    ] as const) {
      // prettier-ignore
      expect(await (await rolloutOf(breaking(bad, body), engine)).huntNonFinite()).toBeUndefined();
      const found = await (await rolloutOf(breaking(bad, body), single)).huntNonFinite();
      expect(found).toMatchObject({ step: BAD, culprit: { op, place: "train.loss" } });
    }
  });
});

/** w ← (1 − rate) w in every step. */
const shrinking = (parts: {
  readonly steps?: number;
  readonly scale?: number;
  readonly rate?: number;
  readonly valid?: (w: Tensor) => Tensor;
}): Experiment =>
  defineExperiment({
    data: { train: good, valid: good },
    params: { w: nn.given([2], [1, 2]) },
    hyper: {
      rate: hyper.scalar(parts.rate ?? 0.1),
      scale: hyper.scalar(parts.scale ?? 1),
      kick: hyper.scalar(1, { transform: "log", perStep: true }),
    },
    initial: ({ w }, h) => ({ w: ops.div(w, h.scale) }),
    train: {
      loss: ({ w }) => ops.mul(0.5, ops.sum(ops.square(w))),
      dynamics: (h) => sgd({ rate: ops.mul(h.kick, h.rate) }),
      steps: parts.steps ?? 20,
    },
    valid: { loss: ({ w }) => (parts.valid ?? ops.sum)(w) },
  });

describe("wherever a run breaks", () => {
  test("a rate too large: the step in which numbers first overflow, and how far weights had grown", async () => {
    const rollout = await rolloutOf(shrinking({ rate: 11, steps: 400 }), engine);
    const found = await rollout.huntNonFinite();
    // The weight 2 · 10ᵗ squared is beyond 1.8e308 from t = 154 on.
    expect(found).toMatchObject({ step: 154, culprit: { op: "mul", place: "train.loss", gave: Infinity } });
    expect(found!.message).toMatch(/the largest weight had grown from 2 to 2e\+154$/);
    expect(found!.hint).toBe("Start from a smaller learning rate or a smaller initial scale.");
  });

  test("chunks of any length find the same step", async () => {
    let clock = 0;
    for (const milliseconds of [0, 5, 300, 1e9]) {
      vi.spyOn(performance, "now").mockImplementation(() => (clock += milliseconds));
      const rollout = await rolloutOf(shrinking({ rate: 11, steps: 400 }), engine);
      expect(await rollout.huntNonFinite()).toMatchObject({ step: 154 });
      vi.restoreAllMocks();
    }
  });

  test("an update", async () => {
    const rollout = await rolloutOf(shrinking({ rate: 1e10 }), engine);
    const kick = new Float64Array(20);
    kick[7] = 690; // e⁶⁹⁰ = 4.6e299, times 1e10
    const found = await rollout.at({ ...rollout.point, rate: Float64Array.of(1e10), kick }).huntNonFinite();
    expect(found).toMatchObject({ step: 7, culprit: { op: "mul", place: "the hyperparameters" } });
    const kicked = rollout.at({ ...rollout.point, rate: Float64Array.of(0.1), kick: kick.map((v) => v && 709.5) });
    expect(await kicked.huntNonFinite()).toMatchObject({ step: 8, culprit: { place: "train.loss" } });
  });

  test("an update whose gradient is finite", async () => {
    const large = defineExperiment({
      data: { train: good, valid: good },
      params: { w: nn.given([2], [1, 2]) },
      hyper: { rate: hyper.scalar(1e308) },
      train: { loss: ({ w }) => ops.mul(30, ops.sum(ops.square(w))), dynamics: (h) => sgd({ rate: h.rate }), steps: 3 },
      valid: { loss: ({ w }) => ops.sum(w) },
    });
    const found = await (await rolloutOf(large, engine)).huntNonFinite();
    expect(found).toMatchObject({ step: 0, culprit: { op: "mul", place: "the update of the weights" } });
  });

  test("a hyperparameter's transform", async () => {
    const rollout = await rolloutOf(shrinking({}), engine);
    const found = await rollout.at({ ...rollout.point, kick: new Float64Array(20).fill(800) }).huntNonFinite();
    expect(found).toMatchObject({ step: 0, culprit: { op: "exp", place: "the hyperparameters", gave: Infinity } });
    expect(found!.message).toContain("for values 800 (hyper/kick)");
    expect(found!.hint).toContain("smaller hyperparameters");
  });

  test("the initial weights", async () => {
    const found = await (await rolloutOf(shrinking({ scale: 0 }), engine)).huntNonFinite();
    expect(found).toMatchObject({ culprit: { op: "div", place: "initial", gave: Infinity } });
    expect(found).not.toHaveProperty("step");
    expect(found!.message).toMatch(
      /^it began in the initial weights, where div of shape \[2\] in initial gave Infinity/,
    );
  });

  test("the validation loss, and its gradient", async () => {
    const loss = await rolloutOf(shrinking({ valid: (w) => ops.sum(ops.log(ops.sub(w, w))) }), engine);
    const found = await loss.huntNonFinite();
    expect(found).toMatchObject({ culprit: { op: "log", place: "valid.loss", gave: -Infinity } });
    expect(found!.message).toMatch(/^it began in the validation loss, where log/);
    const gradient = await rolloutOf(shrinking({ valid: (w) => ops.sum(ops.sqrt(ops.relu(ops.neg(w)))) }), engine);
    const other = await gradient.huntNonFinite();
    expect(other).toMatchObject({ culprit: { op: "div", place: "the gradient of valid.loss" } });
    expect(other!.message).toMatch(/^it began in the gradient of the validation loss, where div/);
  });

  test("nowhere", async () => {
    expect(await (await rolloutOf(shrinking({}), engine)).huntNonFinite()).toBeUndefined();
  });
});

describe("the run that an error tells of", () => {
  test.each([
    ["reverse at this point", 11, reverse(), 0],
    ["a particle somewhere else", 1.5, persistentEvolution({ pairs: 9, sigma: 3, seed: 2 }), 1],
    ["a difference somewhere else", 0.5, finiteDifference({ step: 10 }), 1],
  ] as const)("%s", async (_, rate, method, elsewhere) => {
    const rollout = await rolloutOf(shrinking({ rate, steps: 700 }), engine);
    const error = await method.run(rollout).catch((e: unknown) => e);
    expect(error).toMatchObject(failure("non-finite", "training diverged"));
    const found = await rollout.huntNonFinite({ after: error });
    expect(found!.step).toBeGreaterThan(100);
    expect(found!.culprit).toMatchObject({ op: "mul", place: "train.loss" });
    if (elsewhere) expect(await rollout.huntNonFinite()).toBeUndefined();
  });
});

describe("limits", () => {
  test("too long to interpret: the step, and what is not finite in it", async () => {
    const rollout = await rolloutOf(
      breaking(0, (w, x) => ops.log(positive(w, x))),
      engine,
    );
    const found = await rollout.huntNonFinite({ seconds: 1e-9 });
    expect(found).toMatchObject({ step: BAD });
    expect(found).not.toHaveProperty("culprit");
    expect(found!.message).toMatch(/^it began in step 5 of 9, with the loss -Infinity, weights w, velocity w; that calculation was not looked into, since interpreting its \de\+\d numbers takes about 1 s$/); // prettier-ignore
  });

  test("holds nothing afterwards, and stops when asked to", async () => {
    let left = Infinity;
    const signal = {
      get aborted() {
        return left < 0;
      },
    } as AbortSignal;
    const hunts = [
      await rolloutOf(shrinking({ rate: 11, steps: 400 }), engine, { signal, onProgress: () => left-- }),
      await rolloutOf(shrinking({ scale: 0 }), engine),
      await rolloutOf(shrinking({ valid: (w) => ops.sum(ops.log(ops.sub(w, w))) }), engine),
      await rolloutOf(shrinking({}), engine),
    ];
    for (const rollout of hunts) await rollout.huntNonFinite();
    const before = engine.held();
    for (const rollout of hunts) await rollout.huntNonFinite();
    expect(engine.held()).toBe(before);
    left = 0;
    await expect(hunts[0]!.huntNonFinite()).rejects.toMatchObject(failure("cancelled"));
    expect(engine.held()).toBe(before);
  });
});
