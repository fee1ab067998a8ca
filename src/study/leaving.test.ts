import { describe, expect, test } from "vitest";
import { failure } from "../../test/oracle/measure.ts";
import * as dynamics from "../dynamics/optimisers.ts";
import type { Dynamics } from "../dynamics/dynamics.ts";
import { drmad } from "../hypergradient/drmad.ts";
import type { Method } from "../hypergradient/method.ts";
import { reverse } from "../hypergradient/reverse.ts";
import * as nn from "../nn/nn.ts";
import type { OuterOptimizer } from "../outer/optimizer.ts";
import { hyper, type Hyper } from "../problem/hyper.ts";
import { resolveProblem } from "../problem/problem.ts";
import * as ops from "../tensor/ops.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { defineExperiment } from "./define.ts";
import type { TuneEvent } from "./events.ts";
import { tune } from "./tune.ts";

/** A hyperparameter of two layers' weights, or one number, and what the dynamics make of it. */
const experimentOf = (of: Hyper, make: (h: Tensor) => Dynamics) =>
  defineExperiment({
    data: {
      train: { x: { data: Float64Array.of(1, 2), shape: [2] } },
      valid: { x: { data: Float64Array.of(1), shape: [1] } },
    },
    params: [{ W: nn.constant([2, 3], 0.1) }, { W: nn.constant([2, 3], 0.2) }],
    hyper: { h: of },
    train: {
      loss: (w, _, { x }) => w.reduce((sum, { W }) => ops.add(sum, ops.sum(ops.square(W))), ops.mean(x)),
      dynamics: ({ h }) => make(h as Tensor),
      steps: 4,
    },
    valid: { loss: (w) => w.reduce((sum, { W }) => ops.add(sum, ops.sum(W)), ops.constant(0)) },
  });

const array = (...values: number[]) => hyper.array({ data: Float64Array.from(values), shape: [values.length] });
const withDecay = (decay: dynamics.Setting): Dynamics => dynamics.momentum({ rate: 0.01, decay });
const sgd = (rate: dynamics.Setting): Dynamics => dynamics.sgd({ rate });

/** Adds so much to every coordinate at every step. */
const drifting = (by: number): OuterOptimizer<null> => ({
  name: "drifting",
  init: () => null,
  update: (gradient) => ({
    change: Object.fromEntries(Object.entries(gradient).map(([name, g]) => [name, g.map(() => by)])),
    state: null,
  }),
});

async function warningsOf(of: Hyper, make: (h: Tensor) => Dynamics, by: number, method: Method = reverse()) {
  const events: TuneEvent[] = [];
  const onEvent = (event: TuneEvent): void => void events.push(event);
  const optimizer = drifting(by);
  await tune(experimentOf(of, make), { engine: "reference", optimizer, outerSteps: 4, method, onEvent });
  return events.flatMap((event) => (event.type === "warning" ? [event.message] : []));
}

describe("a setting's start outside its domain is refused", () => {
  test.each<[string, Hyper, (h: Tensor) => Dynamics, string]>([
    ["a rate", hyper.scalar(-0.1), sgd, "hyperparameter h starts at -0.1, but it is sgd's rate, which is 0 or above"],
    ["one for each step", hyper.scalar(-0.1, { perStep: true }), sgd, "starts at -0.1"],
    ["for each layer", hyper.perLayer(-0.1), sgd, "hyperparameter h.0 starts at -0.1"],
    [
      "a decay",
      hyper.scalar(1.5),
      (h) => dynamics.momentum({ rate: 0.1, decay: h }),
      "momentum's decay, which is from 0 to 1",
    ],
    [
      "an epsilon",
      hyper.scalar(0),
      (h) => dynamics.adam({ rate: 0.1, epsilon: h }),
      "adam's epsilon, which is above 0",
    ],
    ["a weight decay", hyper.scalar(-1), (h) => dynamics.adamW({ rate: 0.1, weightDecay: h }), "adamW's weightDecay"],
    [
      "a penalty",
      hyper.scalar(-1),
      (h) => dynamics.proximal(dynamics.sgd({ rate: 0.1 }), { l1: h }),
      "proximal sgd's l1",
    ],
    ["one of an array", array(0.1, -2), (h) => sgd(ops.gather(h, 1)), "starts at -2"],
    ["a slice of an array", array(3, -2, 0.5), (h) => sgd(ops.reshape(ops.slice(h, [1], [2]), [])), "starts at -2"],
    ["stretched", hyper.scalar(-3), (h) => sgd(ops.broadcastTo(h, [2, 3])), "starts at -3"],
  ])("%s", async (_, of, make, part) => {
    const opened = resolveProblem(experimentOf(of, make));
    await expect(opened).rejects.toMatchObject(failure("invalid-experiment", part));
  });

  test.each<[string, Hyper, (h: Tensor) => Dynamics]>([
    ["inside", hyper.scalar(0.1), sgd],
    ["at the closed end", hyper.scalar(0), sgd],
    ["other numbers of an array", array(-2, 0.1), (h) => sgd(ops.gather(h, 1))],
    ["computed of one", hyper.scalar(-3), (h) => sgd(ops.exp(h))],
  ])("and not where it is %s", async (_, of, make) => {
    await expect(resolveProblem(experimentOf(of, make))).resolves.toBeDefined();
  });
});

describe("a setting that leaves its domain while it is tuned", () => {
  test("is told of once, with its value, step and the transform", async () => {
    expect(await warningsOf(hyper.scalar(0.125), sgd, -0.0625)).toEqual([
      'hyperparameter h is -0.0625 from outer step 3 on, outside its domain: sgd\'s rate is 0 or above; { transform: "log" } would keep it inside',
    ]);
  });

  test("is told of for each tensor, and with the transform of a decay", async () => {
    const found = await warningsOf(hyper.perLayer(0.75), withDecay, 0.125);
    expect(found).toEqual(
      ["h.0", "h.1"].map(
        (name) => expect.stringContaining(`hyperparameter ${name} is 1.125 from outer step 3`) as string,
      ),
    );
    expect(found[0]).toContain('{ transform: "logit" }');
  });

  test("cannot leave it behind a transform, and does not where it is computed", async () => {
    expect(await warningsOf(hyper.scalar(0.1, { transform: "log" }), sgd, -1)).toEqual([]);
    expect(await warningsOf(hyper.scalar(-3), (h) => sgd(ops.exp(h)), -1)).toEqual([]);
  });
});

test("a method that chooses another tells of every change of its choice", async () => {
  const choices = ["reverse", "reverse", "reversible", "reverse"];
  let call = 0;
  const choosing: Method = {
    ...drmad(),
    async run(rollout) {
      const chosen = { name: choices[call++]!, exact: true, megabytes: 1, timeFactor: 3, why: "it fits" };
      return { ...(await reverse().run(rollout)), chosen };
    },
  };
  const events: TuneEvent[] = [];
  const result = await tune(experimentOf(hyper.scalar(0.1), sgd), {
    engine: "reference",
    outerSteps: 4,
    method: choosing,
    onEvent: (event) => events.push(event),
  });
  const told = events.flatMap((event) => (event.type === "chosen" ? [[event.outerStep, event.name]] : []));
  expect(told).toEqual([[0, "reverse"], [2, "reversible"], [3, "reverse"]]); // prettier-ignore
  expect(result.chosen?.name).toBe("reverse");
});

test("the fidelity of an exact method is not measured, and that is said", async () => {
  const events: TuneEvent[] = [];
  const result = await tune(experimentOf(hyper.scalar(0.1), sgd), {
    engine: "reference",
    outerSteps: 1,
    method: reverse(),
    fidelity: true,
    onEvent: (event) => events.push(event),
  });
  expect(result).not.toHaveProperty("fidelity");
  expect(result).not.toHaveProperty("fidelityPlan");
  expect(events.filter(({ type }) => type === "fidelity")).toEqual([]);
  expect(events).toContainEqual({ type: "warning", message: "reverse is exact: there is no fidelity to measure" });
});
