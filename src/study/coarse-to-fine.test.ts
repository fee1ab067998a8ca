import { describe, expect, test } from "vitest";
import { relativeError } from "../../test/oracle/measure.ts";
import { classified } from "../../test/oracle/rows.ts";
import { momentum } from "../dynamics/momentum.ts";
import { finiteDifference } from "../hypergradient/finite-difference.ts";
import * as nn from "../nn/nn.ts";
import type { OuterOptimizer } from "../outer/optimizer.ts";
import * as outer from "../outer/outer.ts";
import { hyper, type Hyper } from "../problem/hyper.ts";
import * as ops from "../tensor/ops.ts";
import { defineExperiment } from "./define.ts";
import type { TuneResult } from "./events.ts";
import { hypergradient } from "./hypergradient.ts";
import { tune } from "./tune.ts";

const HERE = { engine: "native", precision: "float64", worker: false, trustEngine: true } as const;
const split = (seed: number) => classified(seed, 12, 2);
const network = (l2: Hyper<"tree">) =>
  defineExperiment({
    data: { train: split(1), valid: split(7) },
    params: nn.mlp([2, 3, 2]),
    hyper: { l2 },
    train: {
      loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.l2)),
      dynamics: momentum({ rate: 0.3, decay: 0.5 }),
      steps: 20,
      batch: 5,
    },
    valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
  });
/** A penalty for every weight, and one number where the other has many. */
const many = network(hyper.perWeight(0.02, { transform: "log" }));
const one = network(hyper.perNetwork(0.02, { transform: "log" }));

const losses = (result: TuneResult): number[] => result.steps.map(({ valid }) => valid.loss);

describe.each([
  outer.sgd({ rate: 5 }),
  outer.adam({ rate: 0.3 }),
  outer.lbfgs({ rate: 0.5 }),
  outer.rmsprop({ rate: 0.1 }),
])("sharing one change with $name", (optimizer) => {
  test("is tuning one number", async () => {
    const tying = outer.shared(optimizer as OuterOptimizer, "hyperparameter");
    const tied = await tune(many, { ...HERE, optimizer: tying, outerSteps: 4 });
    const single = await tune(one, { ...HERE, optimizer: optimizer as OuterOptimizer, outerSteps: 4 });
    expect(relativeError(losses(tied), losses(single))).toBeLessThan(1e-12);
    expect(new Set(losses(tied)).size).toBe(5);
    const value = single.values["l2"]!.data[0]!;
    for (const { data } of Object.values(tied.values))
      for (const each of data) expect(Math.abs(each / value - 1)).toBeLessThan(1e-12);
  });
});

test("the sum of all finite differences is the finite difference in the shared number", async () => {
  const [all, single] = [await hypergradient(many, finiteDifference(), HERE), await hypergradient(one, finiteDifference(), HERE)]; // prettier-ignore
  if (all.outcome !== "ok" || single.outcome !== "ok") throw new Error("diverged");
  let seen = NaN;
  const watching: OuterOptimizer<null> = {
    name: "watching",
    init: () => null,
    update(gradient, state) {
      seen = gradient["l2"]![0]!;
      return { change: { l2: new Float64Array(1) }, state };
    },
  };
  await tune(many, { ...HERE, optimizer: outer.shared(watching, "hyperparameter"), outerSteps: 1 });
  expect(seen / single.gradient["l2"]![0]!).toBeCloseTo(1, 7);
  const total = Object.values(all.gradient).reduce((sum, g) => g.reduce((a, b) => a + b, sum), 0);
  expect(seen / total).toBeCloseTo(1, 7);
});

test("from coarse to fine, numbers part only when they may", async () => {
  const optimizer = outer.coarseToFine(outer.adam({ rate: 0.2 }), { hyperparameter: 1, tensor: 1 });
  const distinct = async (outerSteps: number): Promise<[tensors: number, all: number]> => {
    const { values } = await tune(many, { ...HERE, optimizer, outerSteps });
    const firsts = Object.values(values).map(({ data }) => data[0]!.toPrecision(10));
    const all = Object.values(values).flatMap(({ data }) => Array.from(data, (v) => v.toPrecision(10)));
    return [new Set(firsts).size, new Set(all).size];
  };
  expect(await distinct(1)).toEqual([1, 1]);
  const [tensors, byTensor] = await distinct(2);
  expect(tensors).toBeGreaterThan(1);
  expect(byTensor).toBe(tensors);
  expect((await distinct(3))[1]).toBeGreaterThan(tensors);
});
