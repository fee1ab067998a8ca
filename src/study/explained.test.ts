import { expect, test } from "vitest";
import { failure } from "../../test/oracle/measure.ts";
import { nothing } from "../../test/oracle/rows.ts";
import { sgd } from "../dynamics/sgd.ts";
import { DrmadError } from "../errors.ts";
import { persistentEvolution } from "../hypergradient/persistent-evolution.ts";
import { reverse } from "../hypergradient/reverse.ts";
import * as nn from "../nn/nn.ts";
import { sign } from "../outer/sign.ts";
import type { Experiment } from "../problem/experiment.ts";
import { hyper } from "../problem/hyper.ts";
import type { Rollout } from "../rollout/rollout.ts";
import * as ops from "../tensor/ops.ts";
import { checkExperiment } from "./check.ts";
import { defineExperiment } from "./define.ts";
import { explained } from "./explained.ts";
import { hypergradient } from "./hypergradient.ts";
import { tune } from "./tune.ts";

/** w ← (1 − rate) w, with a loss that may break on its way. */
const shrinking = (rate: number, steps: number, valid: (w: ops.Tensor) => ops.Tensor = ops.sum): Experiment =>
  defineExperiment({
    data: { train: nothing, valid: nothing },
    params: { w: nn.constant([1], 1) },
    hyper: { rate: hyper.scalar(rate) },
    train: {
      loss: ({ w }) => ops.mul(0.5, ops.sum(ops.square(w))),
      dynamics: (h) => sgd({ rate: h.rate }),
      steps,
    },
    valid: { loss: ({ w }) => valid(w) },
  });
const HERE = { precision: "float64", worker: false } as const;
// The weight 10ᵗ squared is beyond 1.8e308 from t = 155 on.
const BEGAN = "it began in step 156 of 400, where mul of shape [1] in train.loss gave Infinity";

test("a hypergradient that diverged says in which step and operation it began, and what to do", async () => {
  const result = await hypergradient(shrinking(11, 400), reverse(), HERE);
  expect(result).toEqual({ outcome: "non-finite", message: expect.stringContaining(BEGAN) as string });
  expect(result).toMatchObject({
    message: expect.stringMatching(/^training diverged: .*; it began .* to 1e\+155$/) as string,
  });
});

test("a check that diverged, at the start or in a difference, ends with it", async () => {
  const { hint } = (await checkExperiment(shrinking(11, 400), { worker: false }).catch(
    (e: unknown) => e,
  )) as DrmadError;
  expect(hint).toBe("Start from a smaller learning rate or a smaller initial scale.");
  await expect(checkExperiment(shrinking(11, 400), { worker: false })).rejects.toMatchObject(
    failure("non-finite", BEGAN),
  );
  // At the start all is well: |1 − 1.99| < 1. A sixteenth further on it is not, after 11,400 steps.
  const beyond = shrinking(1.99, 14_000, (w) => ops.sum(ops.square(w)));
  await expect(checkExperiment(beyond, { worker: false })).rejects.toMatchObject(
    failure("non-finite", "of 14000, where mul of shape [1] in train.loss gave Infinity"),
  );
});

test("a tuning that diverged: as its error at the first step, as its stop later", async () => {
  await expect(tune(shrinking(11, 400), HERE)).rejects.toMatchObject(failure("non-finite", BEGAN));
  const result = await tune(
    shrinking(1.5, 400, (w) => ops.sum(ops.mul(-1, w))),
    {
      ...HERE,
      optimizer: sign({ rate: 8 }),
      outerSteps: 5,
    },
  );
  expect(result.stop).toBe("non-finite");
  expect(result.stopDetail).toMatch(
    /^training diverged: .*; it began in step \d+ of 400, where mul .*had grown from 1 to/,
  );
});

test("a particle that diverged is explained at its own point", async () => {
  const method = persistentEvolution({ pairs: 9, sigma: 3, seed: 2 });
  const result = await hypergradient(shrinking(1.5, 700), method, HERE);
  expect(result).toMatchObject({ outcome: "non-finite", message: expect.stringMatching(/^particle \d[+−] of 9 pairs failed .*; it began in step \d+ of 700/) as string }); // prettier-ignore
});

test("what is no divergence of training comes back as it was, and so does what cannot be looked into", async () => {
  const never = { huntNonFinite: () => Promise.reject(new Error("asked")) } as unknown as Rollout;
  for (const error of [new TypeError("oh"), new DrmadError("cancelled", "stop"), "text"])
    expect(await explained(error, never)).toBe(error);
  const error = new DrmadError("non-finite", "the adjoint is not finite");
  await expect(explained(error, never)).rejects.toThrowError("asked");
  const finite = { huntNonFinite: () => Promise.resolve(undefined) } as unknown as Rollout;
  expect(await explained(error, finite)).toBe(error);
  const stopped = { huntNonFinite: () => Promise.reject(new DrmadError("cancelled", "stop")) } as unknown as Rollout;
  expect(await explained(error, stopped)).toBe(error);
});
