import { vi } from "vitest";
import { dot, mapPoint, type Point } from "../../src/data/point.ts";
import { nativeEngine } from "../../src/engine/onnx/session.ts";
import { checkpointed } from "../../src/hypergradient/checkpointed.ts";
import { drmad } from "../../src/hypergradient/drmad.ts";
import { centralDifference } from "../../src/hypergradient/finite-difference.ts";
import { forward } from "../../src/hypergradient/forward.ts";
import type { Method } from "../../src/hypergradient/method.ts";
import { reverse } from "../../src/hypergradient/reverse.ts";
import { reversible } from "../../src/hypergradient/reversible.ts";
import type { Experiment } from "../../src/problem/experiment.ts";
import type { Rollout } from "../../src/rollout/rollout.ts";
import { formula, numbersOf, relativeError, rolloutOf } from "../oracle/measure.ts";
import { TORCH_CASES, type TorchCase } from "../oracle/torch-cases/cases.ts";
import { CLOSED_FORMS } from "./closed-forms.ts";
import { betweenDecays, onDecay } from "./near-one.ts";

/**
 * What checks a hypergradient from outside our own derivatives, and how large a relative error it lets pass. Everything
 * here is imported afresh for each bug, so that the library is the one with the bug in it.
 */
export interface Leg {
  readonly tolerance: number;
  /** Relative error, ‖ours − expected‖ / ‖expected‖ unless the leg says otherwise. */
  readonly error: () => Promise<number>;
}

/** A rollout on an engine of its own, whose every chunk seems to take for ever, so that a run of few steps has many. */
async function onRollout<T>(experiment: Experiment, use: (rollout: Rollout) => Promise<T>): Promise<T> {
  const engine = nativeEngine({ precision: "float64", threads: 1 });
  let clock = 0;
  const now = vi.spyOn(performance, "now").mockImplementation(() => (clock += 1e9));
  try {
    return await use(await rolloutOf(experiment, engine));
  } finally {
    now.mockRestore();
    await engine.close();
  }
}

const caseOf = (part: string): TorchCase => TORCH_CASES.find(({ found }) => found.name.includes(part))!;

/** PyTorch's float64 hypergradient of the same problem, committed as numbers. */
const torch = (part: string, method: Method, tolerance = 1e-9): Leg => ({
  tolerance,
  async error() {
    const { experiment, point, found } = caseOf(part);
    const { gradient } = await onRollout(experiment, (rollout) => numbersOf(rollout.at(point), method));
    const samples = method.name === "drmad T/10" ? found.drmadTenth : found.drmad;
    const expected = method.name.startsWith("drmad") ? samples! : found.gradient;
    const names = Object.keys(expected);
    return relativeError(
      names.flatMap((name) => [...gradient[name]!]),
      names.flatMap((name) => expected[name]!),
    );
  },
});

/** The largest relative error of the slope in three directions, against central differences of `truth` with step 1e-5. */
async function slopeError(gradient: Point, truth: Rollout): Promise<number> {
  let largest = 0;
  const count = Object.values(gradient).reduce((n, v) => n + v.length, 0);
  for (const seed of [91, 92, 93]) {
    const numbers = formula(seed, count);
    let next = 0;
    const direction: Point = mapPoint(gradient, () => numbers[next++]!);
    const numeric = await centralDifference(truth, direction, 1e-5);
    largest = Math.max(largest, Math.abs(dot(gradient, direction) / numeric - 1));
  }
  return largest;
}

const differences = (part: string, method: Method): Leg => ({
  tolerance: 1e-6,
  async error() {
    const { experiment, point } = caseOf(part);
    return onRollout(experiment, async (rollout) => {
      const there = rollout.at(point);
      return slopeError((await numbersOf(there, method)).gradient, there);
    });
  },
});

export const LEGS = {
  "PyTorch: reverse, L2 per input": torch("L2 per input", reverse()),
  "PyTorch: reverse, rate per step": torch("rate per step", reverse()),
  "PyTorch: reverse, initial scale": torch("initial scale", reverse()),
  "PyTorch: reverse, reparametrised": torch("reparametrised", reverse()),
  "PyTorch: reverse int8, reparametrised": torch("reparametrised", reverse({ storage: "int8" }), 1e-2),
  "PyTorch: checkpointed, reparametrised": torch("reparametrised", checkpointed({ checkpoints: 3 })),
  "PyTorch: reversible, reparametrised": torch("reparametrised", reversible(), 1e-4),
  "PyTorch: forward, initial scale": torch("initial scale", forward()),
  "PyTorch: forward, reparametrised": torch("reparametrised", forward()),
  "PyTorch: drmad, rate per step": torch("rate per step", drmad()),
  "PyTorch: drmad, reparametrised": torch("reparametrised", drmad()),
  "PyTorch: drmad T/10, reparametrised": torch("reparametrised", drmad({ samples: "T/10" })),
  "differences: reverse, L2 per input": differences("L2 per input", reverse()),
  "differences: reverse, rate per step": differences("rate per step", reverse()),
  "differences: reverse, initial scale": differences("initial scale", reverse()),
  "differences: reverse, reparametrised": differences("reparametrised", reverse()),
  "differences: checkpointed, reparametrised": differences("reparametrised", checkpointed({ checkpoints: 3 })),
  "differences: forward, initial scale": differences("initial scale", forward()),
  // A decay between two multiples of 2⁻¹⁶, against float training with the nearest.
  "differences: reversible, decay between n/d": {
    tolerance: 1e-6,
    error: () =>
      onRollout(betweenDecays, async (between) => {
        const { gradient } = await numbersOf(between, reversible());
        return onRollout(onDecay, (on) => slopeError(gradient, on));
      }),
  },
  ...CLOSED_FORMS,
} as const satisfies Record<string, Leg>;
export type LegName = keyof typeof LEGS;
