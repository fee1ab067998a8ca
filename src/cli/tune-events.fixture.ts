import type { TuneEvent } from "../study/events.ts";

/** The beginning of a study, for tests of what shows one. */
export const tuneEvents: readonly TuneEvent[] = [
  {
    type: "start",
    experiment: "study",
    seed: 3,
    method: "reverse",
    optimizer: "adam(0.2)",
    engine: "onnxruntime 1 (cpu)",
    precision: "float32",
    threads: 2,
    weights: 5678,
    hyperparameters: 1234,
    groups: { l2: 1234 },
    innerSteps: 100,
    outerSteps: 10,
    rows: { train: 1000, valid: 500 },
  },
  { type: "progress", outerStep: 0, phase: "compile", done: 0, total: 1 },
  { type: "progress", outerStep: 0, phase: "train", done: 100, total: 100 },
  {
    type: "step",
    best: true,
    step: 0,
    train: { loss: 0.3, error: 0.02 },
    valid: { loss: 0.4, error: 0.05 },
    gradientNorm: 0.5,
    directNorm: 0,
    growth: 12345,
    seconds: 3,
  },
  { type: "warning", message: "the adjoint grew 1.2e+4-fold" },
  {
    type: "step",
    best: true,
    step: 1,
    train: { loss: 0.1, error: 0.01 },
    valid: { loss: 0.2, error: 0.025 },
    seconds: 2,
  },
  { type: "progress", outerStep: 2, phase: "backward", done: 50, total: 100 },
];
