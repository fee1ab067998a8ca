import { afterAll, describe, expect, test } from "vitest";
import { momentum } from "../../src/dynamics/momentum.ts";
import { sgd } from "../../src/dynamics/sgd.ts";
import { nativeEngine } from "../../src/engine/onnx/session.ts";
import { storedPath } from "../../src/hypergradient/reverse.ts";
import { hyper, type Hyper, type HyperOptions } from "../../src/problem/hyper.ts";
import type { Experiment } from "../../src/problem/experiment.ts";
import { defineExperiment } from "../../src/study/define.ts";
import { rolloutOf } from "./measure.ts";
import { expectAgreement, small, spread, training } from "./small.ts";

const engine = nativeEngine({ precision: "float64", threads: 1 });
afterAll(() => engine.close());

describe("rates and decays of every shape: reverse and central differences in every coordinate", () => {
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
  const trained = { ...training, loss: small.valid.loss };
  const descent = (rate: Hyper): Experiment =>
    defineExperiment({ ...small, hyper: { rate }, train: { ...trained, dynamics: (h) => sgd({ rate: h.rate }) } });
  const withMomentum = (rate: Hyper, decay: Hyper): Experiment =>
    defineExperiment({
      ...small,
      hyper: { rate, decay },
      train: { ...trained, dynamics: (h) => momentum({ rate: h.rate, decay: h.decay }) },
    });

  test.each(SHARINGS)("sgd, rate %s", async (_, share) => {
    const rollout = spread(await rolloutOf(descent(share(0.5, { transform: "log" })), engine));
    await expectAgreement(rollout);
  });

  test.each(SHARINGS)("momentum, rate and decay %s", async (_, share) => {
    const experiment = withMomentum(share(0.5, { transform: "log" }), share(0.7, { transform: "logit" }));
    const rollout = spread(await rolloutOf(experiment, engine));
    expect((await rollout.sweep(storedPath(training.steps))).reads).toContain("velocity/0.W");
    await expectAgreement(rollout);
  });
});
