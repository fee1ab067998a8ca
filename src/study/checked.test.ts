import { describe, expect, test } from "vitest";
import { failure } from "../../test/oracle/measure.ts";
import { nothing } from "../../test/oracle/rows.ts";
import { sgd } from "../dynamics/sgd.ts";
import { drmad } from "../hypergradient/drmad.ts";
import { finiteDifference } from "../hypergradient/finite-difference.ts";
import type { Hypergradient, Method } from "../hypergradient/method.ts";
import { reverse } from "../hypergradient/reverse.ts";
import { truncated } from "../hypergradient/truncated.ts";
import * as nn from "../nn/nn.ts";
import { adam } from "../outer/adam.ts";
import { hyper } from "../problem/hyper.ts";
import * as ops from "../tensor/ops.ts";
import { defineExperiment } from "./define.ts";
import { hypergradient } from "./hypergradient.ts";

const shrinking = defineExperiment({
  data: { train: nothing, valid: nothing },
  params: { w: nn.constant([1], 1) },
  hyper: { rate: hyper.scalar(0.5) },
  train: { loss: ({ w }) => ops.mul(0.5, ops.sum(ops.square(w))), dynamics: (h) => sgd({ rate: h.rate }), steps: 3 },
  valid: { loss: ({ w }) => ops.sum(w) },
});
const HERE = { precision: "float64", worker: false, trustEngine: true } as const;

const giving = (change: Partial<Hypergradient>): Method => ({
  name: "mine",
  exact: true,
  run: async (rollout) => ({ ...(await reverse().run(rollout)), ...change }),
});

describe("a method of one's own", () => {
  test.each([
    ["value", { value: NaN }],
    ["gradient", { gradient: { rate: Float64Array.of(Infinity) } }],
    ["direct", { direct: { rate: Float64Array.of(NaN) } }],
    ["growth", { growth: Infinity }],
  ])("gives no result where its %s is not finite", async (_, change) => {
    const result = await hypergradient(shrinking, giving(change), HERE);
    expect(result).toMatchObject({ outcome: "non-finite", message: expect.stringContaining("mine") as string });
  });

  test("must give a number for every coordinate", async () => {
    const result = hypergradient(shrinking, giving({ gradient: {} }), HERE);
    await expect(result).rejects.toMatchObject(failure("invalid-argument", "no numbers for rate"));
  });

  test("is not its name", async () => {
    const result = hypergradient(shrinking, "reverse" as unknown as Method, HERE);
    await expect(result).rejects.toMatchObject(failure("invalid-argument", '"reverse", which has no run'));
  });
});

// The logarithm of about −1: NaN at every step, with a finite gradient.
const notANumber = defineExperiment({
  data: { train: nothing, valid: nothing },
  params: { w: nn.constant([1], 1) },
  hyper: { rate: hyper.scalar(0.5) },
  train: {
    loss: ({ w }) => ops.add(ops.sum(ops.square(w)), ops.log(ops.sub(-1, ops.mul(1e-6, ops.sum(w))))),
    dynamics: (h) => sgd({ rate: h.rate }),
    steps: 3,
  },
  valid: { loss: ({ w }) => ops.sum(w) },
});

test.each([reverse(), drmad(), truncated({ steps: 2 }), finiteDifference()])(
  "a training loss that is no number is an outcome, though its gradient is one: $name",
  async (method) => {
    const result = await hypergradient(notANumber, method, HERE);
    expect(result).toMatchObject({
      outcome: "non-finite",
      message: expect.stringContaining("train.loss is NaN") as string,
    });
  },
);

test.each([
  [() => drmad({ samples: "T/5" as "T" }), 'samples "T/5"'],
  [() => finiteDifference({ step: 0 }), "step 0"],
  [() => finiteDifference({ step: NaN }), "step NaN"],
  [() => adam({ rate: 1, first: 1 }), "first 1"],
  [() => adam({ rate: 1, second: -0.1 }), "second -0.1"],
  [() => adam({ rate: 1, epsilon: 0 }), "epsilon 0"],
])("what is out of its domain is refused when it is made: %s", (make, part) => {
  expect(make).toThrow(expect.objectContaining(failure("invalid-argument", part)));
});

async function seen(method: Method): Promise<object> {
  let compiled = 0;
  const onProgress = (phase: string): void => void (compiled += Number(phase === "compile"));
  return { ...(await hypergradient(shrinking, method, { ...HERE, onProgress })), compiled, seconds: 0 };
}

test.each([3, 10])("truncated to all of 3 steps (K = %d) compiles and gives what reverse does", async (steps) => {
  expect(await seen(truncated({ steps }))).toEqual(await seen(reverse()));
});
