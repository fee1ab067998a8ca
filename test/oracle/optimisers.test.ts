import { readFileSync } from "node:fs";
import type { NdArray } from "../../src/data/dataset.ts";
import { afterAll, describe, expect, test } from "vitest";
import { settingsAt, type Dynamics, type Setting } from "../../src/dynamics/dynamics.ts";
import { momentum } from "../../src/dynamics/momentum.ts";
import * as dynamics from "../../src/dynamics/optimisers.ts";
import { nativeEngine } from "../../src/engine/onnx/session.ts";
import { evaluate } from "../../src/engine/reference/engine.ts";
import { checkpointed } from "../../src/hypergradient/checkpointed.ts";
import { drmad } from "../../src/hypergradient/drmad.ts";
import { centralDifference, finiteDifference } from "../../src/hypergradient/finite-difference.ts";
import { forward } from "../../src/hypergradient/forward.ts";
import { reverse } from "../../src/hypergradient/reverse.ts";
import { truncated } from "../../src/hypergradient/truncated.ts";
import * as nn from "../../src/nn/nn.ts";
import type { Experiment } from "../../src/problem/experiment.ts";
import { hyper, type Hyper, type HyperOptions } from "../../src/problem/hyper.ts";
import type { Rollout } from "../../src/rollout/rollout.ts";
import { defineExperiment } from "../../src/study/define.ts";
import { toGraph } from "../../src/tensor/graph.ts";
import { input } from "../../src/tensor/layout.ts";
import * as ops from "../../src/tensor/ops.ts";
import { formula, numbersOf, relativeError, rolloutOf } from "./measure.ts";

const engine = nativeEngine({ precision: "float64", threads: 1 });
const single = nativeEngine({ precision: "float32", threads: 1 });
afterAll(() => Promise.all([engine.close(), single.close()]));

/** Every dynamics at settings to its names: of the step size of `rate`, and away from the ends of the domains. */
type Settings = Readonly<Record<string, Setting>>;
const ALL: Readonly<
  Record<string, { readonly make: (h: Settings) => Dynamics; readonly at: Readonly<Record<string, number>> }>
> = {
  heavyBall: { make: (h) => dynamics.heavyBall(h as never), at: { rate: 0.3, decay: 0.7 } },
  nesterov: { make: (h) => dynamics.nesterov(h as never), at: { rate: 0.3, decay: 0.7 } },
  rmsprop: { make: (h) => dynamics.rmsprop(h as never), at: { rate: 0.1, decay: 0.8, epsilon: 0.1 } },
  adagrad: { make: (h) => dynamics.adagrad(h as never), at: { rate: 0.2, epsilon: 0.1 } },
  adadelta: { make: (h) => dynamics.adadelta(h as never), at: { rate: 0.8, decay: 0.8, epsilon: 0.05 } },
  adam: { make: (h) => dynamics.adam(h as never), at: { rate: 0.1, first: 0.8, second: 0.9, epsilon: 0.1 } },
  adamW: {
    make: (h) => dynamics.adamW(h as never),
    at: { rate: 0.1, first: 0.8, second: 0.3, epsilon: 0.1, weightDecay: 0.2 },
  },
  "proximal momentum": {
    make: ({ l1, ...h }) => dynamics.proximal(momentum(h as never), { l1: l1! }),
    at: { rate: 0.3, decay: 0.7, l1: 0.02 },
  },
};
const NAMES = Object.keys(ALL);

describe("five steps as PyTorch takes them, with gradients of zero", () => {
  const torch = JSON.parse(readFileSync(new URL("torch-cases/optimisers.json", import.meta.url), "utf8")) as {
    readonly start: readonly number[];
    readonly gradients: readonly (readonly number[])[];
    readonly weights: Readonly<Record<string, readonly (readonly number[])[]>>;
  };
  // As optimisers.py has them.
  const CASES: Readonly<Record<string, Dynamics>> = {
    heavyBall: dynamics.heavyBall({ rate: 0.1, decay: 0.8 }),
    nesterov: dynamics.nesterov({ rate: 0.1, decay: 0.8 }),
    rmsprop: dynamics.rmsprop({ rate: 0.05, decay: 0.9, epsilon: 1e-3 }),
    adagrad: dynamics.adagrad({ rate: 0.3, epsilon: 1e-3 }),
    adadelta: dynamics.adadelta({ rate: 0.7, decay: 0.8, epsilon: 1e-3 }),
    adam: dynamics.adam({ rate: 0.1, first: 0.8, second: 0.95, epsilon: 1e-3 }),
    "adam, defaults": dynamics.adam({ rate: 0.1 }),
    adamW: dynamics.adamW({ rate: 0.1, first: 0.4, second: 0.3, epsilon: 1e-3, weightDecay: 0.2 }),
  };
  test("every case of the generator is stated here", () => {
    expect(Object.keys(torch.weights).sort()).toEqual(Object.keys(CASES).sort());
  });

  test.each(Object.entries(CASES))("%s", (name, algorithm) => {
    const shape = [3];
    const slots = Object.fromEntries(algorithm.slots.map((slot) => [slot, input(slot, shape)]));
    const before = { weight: input("w", shape), slots };
    const t = input("t", [], "int");
    const after = algorithm.step(before, input("g", shape), settingsAt(algorithm, "w", shape), t);
    const graph = toGraph({ w: after.weight, ...after.slots });
    let state: Record<string, ArrayLike<number>> = { w: torch.start };
    for (const slot of algorithm.slots) state[slot] = [0, 0, 0];
    torch.gradients.forEach((g, step) => {
      const feeds = Object.fromEntries(
        Object.entries({ ...state, g }).map(([key, data]) => [key, { data: Float64Array.from(data), shape }]),
      );
      const found = evaluate(graph, { ...feeds, t: { data: Float64Array.of(step), shape: [] } });
      state = Object.fromEntries(Object.entries(found).map(([key, { data }]) => [key, data]));
      torch.weights[name]![step]!.forEach((x, i) => expect(state["w"]![i]).toBeCloseTo(x, 13));
    });
  });
});

const STEPS = 6;
const BATCH = 3;
type Sharing = (value: number, options: HyperOptions) => Hyper;
const SHARINGS: readonly (readonly [string, Sharing])[] = [
  ["one a step", (value, options) => hyper.scalar(value, { ...options, perStep: true })],
  ["per layer", hyper.perLayer],
  ["per weight", hyper.perWeight],
];
const DECAYS = ["decay", "first", "second"];

/** Rows whose first number is always 0, and whose second is 0 in the minibatches of the first steps. */
function split(seed: number, rows: number, quiet: number): Record<"x" | "y", NdArray> {
  const x = formula(seed, 4 * rows);
  for (let i = 0; i < rows; i++) {
    x[4 * i] = 0;
    if (i < quiet) x[4 * i + 1] = 0;
  }
  return {
    x: { data: x, shape: [rows, 4] },
    y: { data: Int32Array.from({ length: rows }, (_, i) => (i * seed + 1) % 2), shape: [rows] },
  };
}

type Seen = Readonly<Record<string, ops.Tensor>>;
type Layers = readonly nn.Layer<ops.Tensor>[];
/** Weights behind inputs that are 0: always, unless `still` is moved, and for three steps. */
function problemOf(name: string, share: Sharing): Experiment {
  const { make, at } = ALL[name]!;
  const settings = Object.fromEntries(
    Object.entries(at).map(([key, value]) => [
      key,
      share(value, { transform: DECAYS.includes(key) ? "logit" : "log" }),
    ]),
  );
  const lit = ops.constant(1, [1, 1]);
  return defineExperiment({
    data: { train: split(1, STEPS * BATCH, 3 * BATCH), valid: split(2, 5, 0) },
    params: nn.mlp([4, 3, 2], { deviation: 0.7 }),
    hyper: { ...settings, still: hyper.scalar(0), start: hyper.perWeight(1, { transform: "log" }) },
    initial: (w, h) => w.map(({ W, b }, i) => ({ W: ops.mul(W, (h as { start: Layers }).start[i]!.W), b: ops.mul(ops.add(b, 0.1), (h as { start: Layers }).start[i]!.b) })), // prettier-ignore
    train: {
      loss: (w, h, { x, y }) => {
        // The first input of every row is 0 + still.
        const first = ops.mul((h as unknown as Seen)["still"]!, lit);
        const moved = ops.add(x, ops.concat([first, ops.constant(0, [1, 3])], 1));
        return ops.crossEntropy(nn.forward(w, moved), y);
      },
      dynamics: (h) => make(Object.fromEntries(Object.keys(at).map((key) => [key, (h as unknown as Seen)[key]!]))),
      steps: STEPS,
      batch: BATCH,
      rows: (t) => Int32Array.from({ length: BATCH }, (_, i) => t * BATCH + i),
    },
    valid: {
      loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, ops.add(x, ops.constant(0.3, [1, 1]))), y),
    },
  });
}

/** The rollout at a point where no two coordinates are alike, but for those that must be 0. */
const spread = (rollout: Rollout): Rollout =>
  rollout.at(
    Object.fromEntries(
      Object.entries(rollout.point).map(([name, u], k) => [
        name,
        u.map((v, i) => (name === "still" ? v : v + 0.3 * formula(50 + k, u.length)[i]!)),
      ]),
    ),
  );

describe.each(NAMES)("%s, with gradients of zero", (name) => {
  test.each(SHARINGS)("settings %s: reverse and central differences in every coordinate", async (_, share) => {
    const rollout = spread(await rolloutOf(problemOf(name, share), engine));
    const { gradient } = await numbersOf(rollout, reverse());
    const numeric = await numbersOf(rollout, finiteDifference({ step: 3e-6 }));
    for (const key of Object.keys(rollout.point)) {
      if (key === "still") continue;
      expect(relativeError(gradient[key]!, numeric.gradient[key]!), key).toBeLessThan(1e-7);
    }
    // The second derivative of g / (√s + ε) jumps at 0, so that differences err in proportion to h: that is taken out.
    const along = Object.fromEntries(Object.entries(rollout.point).map(([key, u]) => [key, u.map(() => Number(key === "still"))])); // prettier-ignore
    const [near, far] = [await centralDifference(rollout, along, 1e-5), await centralDifference(rollout, along, 2e-5)];
    expect(relativeError(gradient["still"]!, [2 * near - far])).toBeLessThan(1e-6);
    expect(Math.abs(gradient["still"]![0]!)).toBeGreaterThan(1e-3);
  });

  test("in float32 too, with every program compared with the interpreter", async () => {
    const exact = (await numbersOf(spread(await rolloutOf(problemOf(name, hyper.scalar), engine)), reverse())).gradient;
    const rollout = spread(await rolloutOf(problemOf(name, hyper.scalar), single, { trustEngine: false }));
    const { gradient } = await numbersOf(rollout, reverse());
    for (const key of Object.keys(exact)) {
      expect(relativeError(gradient[key]!, exact[key]!), key).toBeLessThan(1e-4);
    }
  });

  test("the exact methods agree; snapshots of every step are exact", async () => {
    const rollout = spread(await rolloutOf(problemOf(name, SHARINGS[0]![1]), engine));
    const exact = (await numbersOf(rollout, reverse())).gradient;
    expect((await numbersOf(rollout, checkpointed({ checkpoints: 2 }))).gradient).toEqual(exact);
    expect((await numbersOf(rollout, truncated({ steps: STEPS }))).gradient).toEqual(exact);
    for (const method of [forward(), drmad({ snapshots: STEPS }), drmad({ snapshots: STEPS, of: "means" })]) {
      const { gradient } = await numbersOf(rollout, method);
      for (const key of Object.keys(exact)) {
        expect(relativeError(gradient[key]!, exact[key]!), `${method.name} ${key}`).toBeLessThan(1e-11);
      }
    }
  });

  test("a line of one step is that step", async () => {
    const rollout = await rolloutOf(problemOf(name, hyper.scalar), engine, { steps: 1 });
    const [exact, line] = [await numbersOf(rollout, reverse()), await numbersOf(rollout, drmad())];
    for (const [key, want] of Object.entries(exact.gradient)) {
      expect(relativeError(line.gradient[key]!, want), key).toBeLessThan(1e-12);
    }
  });
});

test("averages keep their precision where weights are packed", async () => {
  const rollout = await rolloutOf(problemOf("adam", hyper.scalar), engine);
  const numbers = 4 * 3;
  expect(rollout.keptBytes(["weights/0.W"], "int8")).toBe(numbers + 8);
  expect(rollout.keptBytes(["mean/0.W", "square/0.W"], "int8")).toBe(2 * 8 * numbers);
  const { gradient } = await numbersOf(rollout, reverse());
  const small = [reverse({ storage: "float16" }), drmad({ snapshots: STEPS, storage: "float16" })];
  for (const method of small) {
    const rounded = (await numbersOf(rollout, method)).gradient;
    for (const key of ["rate", "second", "epsilon"]) {
      expect(relativeError(rounded[key]!, gradient[key]!), `${method.name} ${key}`).toBeLessThan(0.01);
    }
  }
});
