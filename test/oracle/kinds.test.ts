import { readdirSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { momentum } from "../../src/dynamics/momentum.ts";
import { proximal } from "../../src/dynamics/proximal.ts";
import { sgd } from "../../src/dynamics/sgd.ts";
import { nativeEngine } from "../../src/engine/onnx/session.ts";
import { checkpointed } from "../../src/hypergradient/checkpointed.ts";
import * as nn from "../../src/nn/nn.ts";
import type { Experiment } from "../../src/problem/experiment.ts";
import { hyper, type Hyper, type TreeOptions } from "../../src/problem/hyper.ts";
import { checkExperiment } from "../../src/study/check.ts";
import { defineExperiment, type DefinedExperiment } from "../../src/study/define.ts";
import { hypergradient } from "../../src/study/hypergradient.ts";
import { tune } from "../../src/study/tune.ts";
import * as ops from "../../src/tensor/ops.ts";
import { rolloutOf } from "./measure.ts";
import { entropy, expectAgreement, small, split, spread, training, type Batch } from "./small.ts";

const engine = nativeEngine({ precision: "float64", threads: 1 });
afterAll(() => engine.close());

const EXAMPLES = new URL("../../examples/", import.meta.url);

describe("examples of every kind: reverse and central differences of few steps in float64", () => {
  test.each(readdirSync(EXAMPLES))("%s", async (name) => {
    const { default: experiment } = (await import(new URL(name, EXAMPLES).href)) as { default: Experiment };
    const { deterministic, directions, gradientNorm } = await checkExperiment(experiment, {
      innerSteps: 20,
      trustEngine: true,
      directions: 1,
    });
    expect(deterministic).toBe(true);
    expect(gradientNorm).toBeGreaterThan(0);
    for (const { direction, best, roundingFloor } of directions) {
      expect(best.error, direction).toBeLessThan(Math.max(1e-6, 4 * roundingFloor));
      // Where rounding hides more than this, the comparison says nothing.
      expect(roundingFloor, direction).toBeLessThan(1e-5);
    }
  });
});

describe("examples gain by tuning", () => {
  test.each(readdirSync(EXAMPLES))("%s", async (name) => {
    const { default: experiment } = (await import(new URL(name, EXAMPLES).href)) as { default: DefinedExperiment };
    const { steps, best } = await tune(experiment, { outerSteps: 4, trustEngine: true, threads: 1 });
    expect(steps[best]!.valid.loss).toBeLessThan(0.9995 * steps[0]!.valid.loss);
  });
});

const agree = async (experiment: Experiment): Promise<void> =>
  expectAgreement(spread(await rolloutOf(experiment, engine)));

describe("penalties at every sharing: reverse and central differences in every coordinate", () => {
  const SHARINGS: readonly (readonly [string, (value: number, options: TreeOptions) => Hyper<"tree">])[] = [
    ["per network", hyper.perNetwork],
    ["per layer", hyper.perLayer],
    ["per tensor", hyper.perTensor],
    ["per unit", hyper.perUnit],
    ["per input", hyper.perInput],
    ["per weight", hyper.perWeight],
    ["per unit and step", (value, options) => hyper.perUnit(value, { ...options, perStep: true })],
  ];

  test.each(SHARINGS)("L2, smooth L1 and rate %s", async (_, share) => {
    await agree(
      defineExperiment({
        ...small,
        hyper: {
          l2: share(0.05, { transform: "log" }),
          l1: share(0.05, { transform: "log" }),
          rate: share(0.5, { transform: "log" }),
        },
        train: {
          ...training,
          loss: (w, h, batch) => ops.add(entropy(w, batch), ops.add(nn.l2(w, h.l2), nn.l1(w, h.l1, { rounding: 0.1 }))),
          dynamics: (h) => sgd({ rate: h.rate }),
        },
      }),
    );
  });

  test.each(SHARINGS)("proximal L1, rate and decay %s", async (_, share) => {
    await agree(
      defineExperiment({
        ...small,
        hyper: {
          l1: share(0.1, { transform: "log" }),
          rate: share(0.5, { transform: "log" }),
          decay: share(0.7, { transform: "logit" }),
        },
        train: {
          ...training,
          loss: (w, _, batch) => entropy(w, batch),
          dynamics: (h) => proximal(momentum({ rate: h.rate, decay: h.decay }), { l1: h.l1 }),
        },
      }),
    );
  });
});

const mapped = (h: { readonly map: ops.Tensor; readonly offset: ops.Tensor }, { x, y }: Batch): Batch => ({
  x: ops.add(ops.matmul(x, h.map), h.offset),
  y,
});

describe("initial weights and maps of inputs: reverse and central differences in every coordinate", () => {
  test("scale and place of uniform draws", async () => {
    await agree(
      defineExperiment({
        ...small,
        params: [{ W: nn.uniform([3, 2], -1, 1), b: nn.constant([2]) }],
        hyper: {
          scale: hyper.perTensor(0.8, { transform: "log", biases: 1 }),
          place: hyper.array(nn.normal([2], 0.1)),
        },
        initial: (w, h) => w.map(({ W, b }, i) => ({ W: ops.mul(h.scale[i]!.W, W), b: ops.add(b, h.place) })),
        train: { ...training, loss: (w, _, batch) => entropy(w, batch), dynamics: momentum({ rate: 0.5, decay: 0.7 }) },
      }),
    );
  });

  test("a linear map and an offset of inputs, in training and after it", async () => {
    await agree(
      defineExperiment({
        ...small,
        hyper: {
          map: hyper.array(nn.given([3, 3], [1, 0, 0, 0, 1, 0, 0, 0, 1])),
          offset: hyper.array(nn.constant([3])),
        },
        train: {
          ...training,
          loss: (w, h, batch) => entropy(w, mapped(h, batch)),
          dynamics: momentum({ rate: 0.5, decay: 0.7 }),
        },
        valid: { loss: (w, h, batch) => entropy(w, mapped(h, batch)) },
      }),
    );
  });
});

test("one weight for all rows of a minibatch, with the engines compared on fewer rows", async () => {
  const { passed } = await checkExperiment(
    defineExperiment({
      ...small,
      data: { train: split(1, 40), valid: split(2, 5) },
      hyper: { weight: hyper.scalar(0.5, { transform: "logit" }) },
      train: {
        steps: training.steps,
        batch: 20,
        loss: (w, h, { x, y }) =>
          ops.crossEntropy(nn.forward(w, x), y, { weights: ops.broadcastTo(h.weight, y.shape) }),
        dynamics: momentum({ rate: 0.5, decay: 0.7 }),
      },
    }),
    { directions: 0 },
  );
  expect(passed).toBe(true);
});

test("a rate for each of 934 units at each of 1,000 steps", { timeout: 60_000 }, async () => {
  const result = await hypergradient(
    defineExperiment({
      ...small,
      params: nn.mlp([3, 932, 2]),
      hyper: { rate: hyper.perUnit(0.01, { transform: "log", perStep: true, biases: 0 }) },
      train: {
        batch: 2,
        steps: 1000,
        loss: (w, _, batch) => entropy(w, batch),
        dynamics: (h) => sgd({ rate: h.rate }),
      },
    }),
    checkpointed({ checkpoints: 30 }),
  );
  if (result.outcome !== "ok") throw new Error(result.message);
  expect(Object.values(result.gradient).map(({ length }) => length)).toEqual([932_000, 2000]);
  // A rate that lost its derivative on the way would be 0.
  for (const values of Object.values(result.gradient)) {
    expect(values.every(Number.isFinite)).toBe(true);
    expect(values.filter((v) => v !== 0).length).toBeGreaterThan(0.99 * values.length);
  }
});
