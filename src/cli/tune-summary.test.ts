import { expect, test } from "vitest";
import type { TuneResult } from "../study/events.ts";
import { tuneSummary } from "./tune-summary.ts";

const step = (index: number, loss: number): TuneResult["steps"][number] => ({
  step: index,
  train: { loss },
  valid: { loss },
  seconds: 1,
});
const result: TuneResult = {
  experiment: "mine",
  seed: 0,
  method: "reverse",
  optimizer: "sgd(1)",
  engine: "native",
  precision: "float32",
  threads: 1,
  weights: 1,
  hyperparameters: 1,
  groups: { u: 1 },
  innerSteps: 2,
  outerSteps: 2,
  seconds: 2,
  rows: { train: 3, valid: 3, test: 3 },
  steps: [step(0, 2), step(1, 1)],
  best: 1,
  stop: "invalid-experiment",
  stopDetail: "metrics.v is NaN on train at outer step 2",
  values: {},
};

test("says what figures are means of, and how often hypergradients were clipped", () => {
  const steps = [
    { ...step(0, 2), clipped: true, validStandardError: 0.3 },
    { ...step(1, 1), clipped: false, validStandardError: 0.25 },
  ];
  const text = tuneSummary({ ...result, seeds: [0, 1, 2], steps }, [], 200).join("\n");
  expect(text).toContain("means over 3 seeds; the standard error of the validation loss 1.000 is 0.2500.");
  expect(text).toContain("1 of 2 hypergradients were clipped.");
  const plain = tuneSummary(result, [], 200).join("\n");
  expect(plain).not.toMatch(/seeds|clipped/);
});

test("test metrics left out are said to be not finite, and a metric is blamed for its own stop", () => {
  const text = tuneSummary(result, [], 200).join("\n");
  expect(text).toContain("The test metrics are not finite");
  expect(text).not.toContain("overfit");
  expect(text).toContain("metrics.v is NaN on train");
  expect(text).not.toContain("--outer-rate");
  expect(tuneSummary({ ...result, rows: { train: 3, valid: 3 } }, [], 200).join("\n")).toContain("no test split");
});
