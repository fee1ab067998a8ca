import { describe, expect, test } from "vitest";
import { sgd } from "../dynamics/sgd.ts";
import { checkpointed } from "../hypergradient/checkpointed.ts";
import { reverse } from "../hypergradient/reverse.ts";
import * as nn from "../nn/nn.ts";
import { hyper } from "../problem/hyper.ts";
import * as ops from "../tensor/ops.ts";
import { defineExperiment } from "./define.ts";
import { gatherCurve } from "./inner.ts";
import { runStudy } from "./run.ts";
import { nothing } from "../../test/oracle/rows.ts";

const losses = Float64Array.from({ length: 150 }, (_, t) => 1 / (t + 1));

describe("a curve of training losses", () => {
  test("has a mean for each window, at its middle; the last one may be shorter", () => {
    const gathered = gatherCurve(150);
    gathered.add(0, losses);
    const { at, loss } = gathered.curve()!;
    expect([at.length, at[0], at[1], at.at(-1)]).toEqual([50, 1, 4, 148]);
    expect(loss[1]).toBe((1 / 4 + 1 / 5 + 1 / 6) / 3);
    const shorter = gatherCurve(131);
    shorter.add(0, losses.subarray(0, 131));
    expect(shorter.curve()!.at.at(-1)).toBe(129.5);
    expect(shorter.curve()!.loss.at(-1)).toBe((1 / 130 + 1 / 131) / 2);
  });

  test("does not depend on how the steps come, nor on steps that come again", () => {
    const whole = gatherCurve(150);
    whole.add(0, losses);
    const pieces = gatherCurve(150);
    for (const [from, to] of [
      [0, 7],
      [7, 90],
      [60, 100],
      [80, 150],
      [0, 20],
    ] as const)
      // prettier-ignore
      pieces.add(from, losses.subarray(from, to));
    expect(pieces.curve()).toEqual(whole.curve());
  });

  test("is none where steps are missing", () => {
    const gathered = gatherCurve(150);
    gathered.add(0, losses.subarray(0, 149));
    expect(gathered.curve()).toBeUndefined();
  });
});

// w shrinks by the factor 1 − rate a step, and the loss is ½ w².
const shrinking = defineExperiment({
  data: { train: nothing, valid: nothing },
  params: { w: nn.constant([1], 1) },
  hyper: { rate: hyper.scalar(0.25) },
  train: { loss: ({ w }) => ops.mul(0.5, ops.sum(ops.square(w))), dynamics: (h) => sgd({ rate: h.rate }), steps: 9 },
  valid: { loss: ({ w }) => ops.sum(w) },
});

test.each([
  ["native", reverse()],
  ["native", checkpointed({ checkpoints: 2 })],
  ["reference", reverse()],
] as const)("a kept study has the training loss of every outer step: %s engine, %o", async (engine, method) => {
  const options = { engine, method, precision: "float64", worker: false, outerSteps: 1 } as const;
  const { steps } = await runStudy(shrinking, options, { append: async () => undefined });
  for (const { step, inner } of steps) {
    const shrink = step === 0 ? 0.75 : undefined;
    expect(inner!.at).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    if (shrink !== undefined) inner!.loss.forEach((loss, t) => expect(loss).toBeCloseTo(0.5 * shrink ** (2 * t), 14));
    expect(inner!.loss[0]).toBe(0.5);
  }
  expect(steps[1]!.inner!.loss[8]).not.toBe(steps[0]!.inner!.loss[8]);
  expect((await runStudy(shrinking, options)).steps[0]).not.toHaveProperty("inner");
});
