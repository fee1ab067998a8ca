import { afterAll, describe, expect, test } from "vitest";
import { momentum } from "../../src/dynamics/momentum.ts";
import { sgd } from "../../src/dynamics/sgd.ts";
import { nativeEngine } from "../../src/engine/onnx/session.ts";
import { finiteDifference } from "../../src/hypergradient/finite-difference.ts";
import { reverse, storedPath } from "../../src/hypergradient/reverse.ts";
import * as nn from "../../src/nn/nn.ts";
import { hyper, type Hyper, type HyperOptions } from "../../src/problem/hyper.ts";
import type { Experiment } from "../../src/problem/experiment.ts";
import type { Rollout } from "../../src/rollout/rollout.ts";
import { defineExperiment } from "../../src/study/define.ts";
import * as ops from "../../src/tensor/ops.ts";
import { formula, numbersOf, relativeError, rolloutOf } from "./measure.ts";

const engine = nativeEngine({ precision: "float64", threads: 1 });
afterAll(() => engine.close());

/** The rollout at a point where no two coordinates are alike. */
const spread = (rollout: Rollout): Rollout =>
  rollout.at(
    Object.fromEntries(
      Object.entries(rollout.point).map(([name, u], k) => [
        name,
        u.map((v, i) => v + 0.4 * formula(50 + k, u.length)[i]!),
      ]),
    ),
  );

const split = (seed: number, n: number) => ({
  x: { data: formula(seed, 3 * n), shape: [n, 3] },
  y: { data: Int32Array.from({ length: n }, (_, i) => (i * seed + 1) % 2), shape: [n] },
});

describe("rates and decays of every shape: reverse and central differences in every coordinate", () => {
  const STEPS = 5;
  const SHARINGS: readonly (readonly [string, (value: number, options: HyperOptions) => Hyper])[] = [
    ["one number", hyper.scalar],
    ["one a step", (value, options) => hyper.scalar(value, { ...options, perStep: true })],
    ["per network", hyper.perNetwork],
    ["per layer", hyper.perLayer],
    ["per tensor", hyper.perTensor],
    ["per unit", hyper.perUnit],
    ["per input", hyper.perInput],
    ["per weight", hyper.perWeight],
    ["per layer and step", (value, options) => hyper.perLayer(value, { ...options, perStep: true })],
    ["per unit and step", (value, options) => hyper.perUnit(value, { ...options, perStep: true })],
    ["per weight and step", (value, options) => hyper.perWeight(value, { ...options, perStep: true })],
  ];
  const shared = {
    data: { train: split(1, 7), valid: split(2, 5) },
    params: nn.mlp([3, 2, 2], { deviation: 0.7 }),
    valid: {
      loss: (w: readonly nn.Layer<ops.Tensor>[], _: unknown, { x, y }: { x: ops.Tensor; y: ops.Tensor }) =>
        ops.crossEntropy(nn.forward(w, x), y),
    },
  };
  const training = { loss: shared.valid.loss, steps: STEPS, batch: 3 };
  const descent = (rate: Hyper): Experiment =>
    defineExperiment({ ...shared, hyper: { rate }, train: { ...training, dynamics: (h) => sgd({ rate: h.rate }) } });
  const withMomentum = (rate: Hyper, decay: Hyper): Experiment =>
    defineExperiment({
      ...shared,
      hyper: { rate, decay },
      train: { ...training, dynamics: (h) => momentum({ rate: h.rate, decay: h.decay }) },
    });

  test.each(SHARINGS)("sgd, rate %s", async (_, share) => {
    const rollout = spread(await rolloutOf(descent(share(0.5, { transform: "log" })), engine));
    const { gradient } = await numbersOf(rollout, reverse());
    const numeric = await numbersOf(rollout, finiteDifference());
    for (const name of Object.keys(rollout.point)) {
      expect(relativeError(gradient[name]!, numeric.gradient[name]!), name).toBeLessThan(1e-8);
    }
  });

  test.each(SHARINGS)("momentum, rate and decay %s", async (_, share) => {
    const experiment = withMomentum(share(0.5, { transform: "log" }), share(0.7, { transform: "logit" }));
    const rollout = spread(await rolloutOf(experiment, engine));
    expect((await rollout.sweep(storedPath(STEPS))).reads).toContain("velocity/0.W");
    const { gradient } = await numbersOf(rollout, reverse());
    const numeric = await numbersOf(rollout, finiteDifference());
    for (const name of Object.keys(rollout.point)) {
      expect(relativeError(gradient[name]!, numeric.gradient[name]!), name).toBeLessThan(1e-8);
    }
  });
});
