import { afterAll, describe, expect, test } from "vitest";
import { momentum } from "../../src/dynamics/momentum.ts";
import { sgd } from "../../src/dynamics/sgd.ts";
import { nativeEngine } from "../../src/engine/onnx/session.ts";
import { finiteDifference } from "../../src/hypergradient/finite-difference.ts";
import { reverse } from "../../src/hypergradient/reverse.ts";
import * as methods from "../../src/hypergradient/methods.ts";
import * as nn from "../../src/nn/nn.ts";
import type { OuterOptimizer } from "../../src/outer/optimizer.ts";
import * as outer from "../../src/outer/outer.ts";
import type { Experiment } from "../../src/problem/experiment.ts";
import { hyper } from "../../src/problem/hyper.ts";
import { checkExperiment } from "../../src/study/check.ts";
import { defineExperiment } from "../../src/study/define.ts";
import { tune } from "../../src/study/tune.ts";
import * as ops from "../../src/tensor/ops.ts";
import { failure, flat, numbersOf, relativeError, rolloutOf } from "./measure.ts";
import { classified, nothing } from "./rows.ts";

const engine = nativeEngine({ precision: "float64", threads: 1 });
afterAll(() => engine.close());
const HERE = { engine: "native", precision: "float64", worker: false, trustEngine: true } as const;

const split = (seed: number) => classified(seed, 12, 2);
/** Penalties of weights and rates of steps, with a prior of either. */
const weighing = defineExperiment({
  data: { train: split(1), valid: split(7) },
  params: nn.mlp([2, 3, 2]),
  hyper: {
    l2: hyper.perInput(0.02, { transform: "log", biases: 0 }),
    rate: hyper.scalar(0.3, { transform: "log", perStep: true }),
  },
  train: {
    loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.l2)),
    dynamics: (h) => momentum({ rate: h.rate, decay: 0.5 }),
    steps: 12,
    batch: 5,
  },
  valid: {
    loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y),
    // A normal of log l2 around log 0.1, and a random walk of the rates.
    prior: (h) => {
      const off = h.l2.map(({ W }) => ops.sum(ops.square(ops.sub(ops.log(W), Math.log(0.1)))));
      const steps = ops.sub(ops.slice(h.rate, [1], [12]), ops.slice(h.rate, [0], [11]));
      const level = ops.square(ops.sub(ops.mean(h.rate), 1));
      return ops.add(ops.mul(0.3, ops.add(off[0]!, off[1]!)), ops.add(ops.sum(ops.square(steps)), level));
    },
  },
});
const { loss } = weighing.spec.valid;
const network = (prior: boolean): Experiment =>
  prior ? weighing : { ...weighing, spec: { ...weighing.spec, valid: { loss } } };

describe("a prior on hyperparameters", () => {
  test("is in the gradient: finite differences say so, of every hyperparameter", async () => {
    const rollout = await rolloutOf(network(true), engine);
    const [exact, truth] = [await numbersOf(rollout, reverse()), await numbersOf(rollout, finiteDifference())];
    expect(relativeError(flat(exact.gradient), flat(truth.gradient))).toBeLessThan(1e-7);
    const check = await checkExperiment(network(true), { trustEngine: true, worker: false });
    expect(check.passed).toBe(true);
  });

  test("adds its own value and gradient to those of the validation loss, and nothing to the part through training", async () => {
    const [plain, weighed] = [await rolloutOf(network(false), engine), await rolloutOf(network(true), engine)];
    const [a, b] = [await numbersOf(plain, reverse()), await numbersOf(weighed, reverse())];
    // 4 numbers of l2 at 0.02, log(0.02 / 0.1) away; rates at 0.3, all the same.
    const far = Math.log(0.2);
    const prior = 0.3 * (5 * far ** 2) + 0.49;
    expect(b.value - a.value).toBeCloseTo(prior, 12);
    expect(await weighed.prior()).toBeCloseTo(prior, 12);
    expect(await plain.prior()).toBeUndefined();
    for (const part of ["gradient", "direct"] as const)
      for (const [name, values] of Object.entries(b[part])) {
        const added = name === "rate" ? (2 * -0.7 * 0.3) / 12 : 0.6 * far;
        values.forEach((v, i) => expect(v - a[part][name]![i]!).toBeCloseTo(added, 12));
      }
  });

  test.each([methods.forward(), methods.checkpointed({ checkpoints: 3 }), methods.reversible()])(
    "$name gives the same gradient",
    async (method) => {
      const rollout = await rolloutOf(network(true), engine);
      const [exact, other] = [await numbersOf(rollout, reverse()), await numbersOf(rollout, method)];
      expect(relativeError(flat(other.gradient), flat(exact.gradient))).toBeLessThan(1e-4);
      expect(other.value).toBeCloseTo(exact.value, 4);
    },
  );
});

/** Training ends at u; validation asks for u = 2, the prior for 0: half the sum of both squares is least at 1. */
const pulled = (prior: (h: { u: ops.Tensor }) => ops.Tensor, start = 3): Experiment =>
  defineExperiment({
    data: { train: nothing, valid: nothing },
    params: { w: nn.constant([1]) },
    hyper: { u: hyper.scalar(start) },
    train: { loss: ({ w }, h) => ops.mul(0.5, ops.sum(ops.square(ops.sub(w, h.u)))), dynamics: sgd({ rate: 1 }), steps: 2 }, // prettier-ignore
    valid: { loss: ({ w }) => ops.sum(ops.square(ops.sub(w, 2))), prior },
  });
const square = (h: { u: ops.Tensor }): ops.Tensor => ops.square(h.u);

const root = (h: { u: ops.Tensor }): ops.Tensor => ops.sqrt(h.u);
const refused = (prior: unknown): Promise<unknown> => tune(pulled(prior as typeof square), HERE);

describe("tuning with a prior", () => {
  test("goes to the minimum of both; the result is still the step of the lowest validation loss", async () => {
    const optimizer = outer.sgd({ rate: 0.2 }) as OuterOptimizer;
    const result = await tune(pulled(square), { ...HERE, optimizer, outerSteps: 20, patience: 100 });
    const u = result.steps.map(({ prior }) => Math.sqrt(prior!));
    // u − 1 shrinks fivefold: 3, 1.4, 1.08, …
    [3, 1.4, 1.08, 1.016].forEach((expected, k) => expect(u[k]).toBeCloseTo(expected, 12));
    expect(u.at(-1)).toBeCloseTo(1, 12);
    result.steps.forEach(({ valid }, k) => expect(valid.loss).toBeCloseTo((u[k]! - 2) ** 2, 12));
    expect(result.best).toBe(1);
  });

  test("L-BFGS compares what it lowers: the sum", async () => {
    const optimizer = outer.lbfgs({ rate: 1 }) as OuterOptimizer;
    const result = await tune(pulled(square, 1.5), { ...HERE, optimizer, outerSteps: 8, patience: 100 });
    // The validation loss rises all the way from 1.5 to 1.
    expect(Math.sqrt(result.steps.at(-1)!.prior!)).toBeCloseTo(1, 10);
  });

  test("without one there is nothing of it in the records", async () => {
    const plain = await tune(network(false), { ...HERE, outerSteps: 1 });
    for (const step of plain.steps) expect(step).not.toHaveProperty("prior");
  });

  test.each([
    ["at the start", 0, []],
    ["where nothing more is differentiated", 1, [0]],
    ["later", 3, [0]],
  ] as const)("that is not finite is told of, not trained by: %s", async (_, steps, reached) => {
    const optimizer = {
      ...outer.sgd({ rate: 1 }),
      update: () => ({ change: { u: Float64Array.of(-5) }, state: null }),
    };
    const run = tune(pulled(root, reached.length === 0 ? -1 : 3), {
      ...HERE,
      optimizer,
      outerSteps: Math.max(1, steps),
    });
    if (reached.length === 0) {
      await expect(run).rejects.toMatchObject(failure("non-finite", "valid.prior is NaN"));
      return;
    }
    const result = await run;
    expect(result).toMatchObject({ stop: "non-finite", best: 0, stopDetail: expect.stringContaining("valid.prior is NaN") as string }); // prettier-ignore
    expect(result.steps).toHaveLength(reached.length);
  });

  test("must be a scalar tensor", async () => {
    await expect(refused(() => 3)).rejects.toMatchObject(failure("invalid-loss", "valid.prior returned number"));
    await expect(refused(() => ops.literal([1, 2], [2]))).rejects.toMatchObject(failure("invalid-loss", "valid.prior has shape [2]")); // prettier-ignore
  });

  test("does not make a hyperparameter used that nothing else depends on", async () => {
    const idle = defineExperiment({
      data: { train: nothing, valid: nothing },
      params: { w: nn.constant([1]) },
      hyper: { u: hyper.scalar(1), idle: hyper.scalar(1) },
      train: { loss: ({ w }, h) => ops.sum(ops.square(ops.sub(w, h.u))), dynamics: sgd({ rate: 0.1 }), steps: 2 },
      valid: { loss: ({ w }) => ops.sum(ops.square(w)), prior: (h) => ops.square(h.idle) },
    });
    await expect(tune(idle, HERE)).rejects.toMatchObject(failure("unused-hyperparameter", "idle"));
  });
});
