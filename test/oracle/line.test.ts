import { afterAll, describe, expect, test } from "vitest";
import type { Dynamics, Setting } from "../../src/dynamics/dynamics.ts";
import { momentum } from "../../src/dynamics/momentum.ts";
import { sgd } from "../../src/dynamics/sgd.ts";
import { nativeEngine } from "../../src/engine/onnx/session.ts";
import { drmad } from "../../src/hypergradient/drmad.ts";
import type { Method } from "../../src/hypergradient/method.ts";
import { reverse } from "../../src/hypergradient/reverse.ts";
import * as nn from "../../src/nn/nn.ts";
import type { Experiment } from "../../src/problem/experiment.ts";
import { hyper } from "../../src/problem/hyper.ts";
import { defineExperiment } from "../../src/study/define.ts";
import * as ops from "../../src/tensor/ops.ts";
import { failure, flat, formula, numbersOf, relativeError, rolloutOf } from "./measure.ts";
import { plainLine, plainSweep, plainTrajectory, type PlainGradient, type PlainProblem } from "./plain.ts";
import { coordinatesOf, data, N, pointOf, range, row, START, statedForUs, statedInArrays, TARGET } from "./stated-twice.ts"; // prettier-ignore

const engine = nativeEngine({ precision: "float64", threads: 1 });
afterAll(() => engine.close());

const SETTINGS = [
  ["for each weight and step", true],
  ["for each weight", false],
] as const;
const everyStep = (steps: number): number[] => range(steps).map((t) => t / steps);

type Values = readonly number[];
const bumped = (values: Values, at: number, by: number): Values => values.map((v, j) => (j === at ? v + by : v));
const valueOf = (p: PlainProblem): number => plainSweep(p, plainTrajectory(p)).value;
const slope = (make: (by: number) => PlainProblem): number => (valueOf(make(1e-5)) - valueOf(make(-1e-5))) / 2e-5;

/** Value, every tensor of the gradient, and growth. */
async function expectEqual(
  steps: number,
  perStep: boolean,
  method: Method,
  plainOf: (p: PlainProblem) => PlainGradient,
): Promise<void> {
  const rollout = (await rolloutOf(statedForUs(steps, perStep), engine)).at(pointOf(steps, perStep));
  const p = statedInArrays(steps, perStep);
  const expected = plainOf(p);
  const gradient = coordinatesOf(p, expected, perStep);
  const got = await numbersOf(rollout, method);
  expect(relativeError([got.value], [expected.value])).toBeLessThan(1e-13);
  expect(Object.keys(got.gradient).sort()).toEqual(Object.keys(gradient).sort());
  for (const [name, values] of Object.entries(gradient)) {
    expect(relativeError(got.gradient[name]!, values), name).toBeLessThan(1e-12);
  }
  expect(relativeError([got.growth], [expected.growth])).toBeLessThan(1e-12);
}

describe("the adjoint sweep in plain arrays, by hand", () => {
  test.each(SETTINGS)("itself agrees with central differences: settings %s", (_, perStep) => {
    const steps = 6;
    const p = statedInArrays(steps, perStep);
    const found = plainSweep(p, plainTrajectory(p));
    for (const i of range(N)) {
      expect(slope((by) => ({ ...p, penalty: bumped(p.penalty, i, by) }))).toBeCloseTo(found.penalty[i]!, 8);
      for (const t of range(steps)) {
        const moved = (of: (s: number) => Values, by: number) => (s: number) =>
          s === t ? bumped(of(s), i, by) : of(s);
        expect(slope((by) => ({ ...p, rate: moved(p.rate, by) }))).toBeCloseTo(found.rate[t]![i]!, 8);
        expect(slope((by) => ({ ...p, decay: moved(p.decay, by) }))).toBeCloseTo(found.decay[t]![i]!, 8);
      }
    }
  });

  test.each(SETTINGS)("equals reverse on the true trajectory: settings %s", (_, perStep) =>
    expectEqual(30, perStep, reverse(), (p) => {
      const exact = plainSweep(p, plainTrajectory(p));
      expect(exact.growth).toBeGreaterThan(2);
      return exact;
    }),
  );

  test.each(SETTINGS)("equals drmad on the line, t/T of it at step t: settings %s", (_, perStep) =>
    expectEqual(30, perStep, drmad(), (p) => {
      const line = plainSweep(p, plainLine(p, everyStep(30)));
      const exact = coordinatesOf(p, plainSweep(p, plainTrajectory(p)), perStep);
      expect(relativeError(flat(coordinatesOf(p, line, perStep)), flat(exact))).toBeGreaterThan(0.1);
      expect(line.growth).toBeGreaterThan(2);
      return line;
    }),
  );

  test.each([
    [10, [0.001]],
    [19, [0.001]],
    [20, [0.001, 0.999]],
    [30, [0.001, 0.5, 0.999]],
  ])("equals drmad with T/10 samples, unscaled, minibatch i with sample i: T = %i", (steps, positions) =>
    expectEqual(steps, false, drmad({ samples: "T/10" }), (p) => plainSweep(p, plainLine(p, positions))),
  );

  test("T/10 samples are refused for settings by step, and for fewer than ten steps", async () => {
    const method = drmad({ samples: "T/10" });
    await expect(method.run(await rolloutOf(statedForUs(30, true), engine))).rejects.toMatchObject(
      failure("unsupported", "rate.w"),
    );
    await expect(method.run(await rolloutOf(statedForUs(9, false), engine))).rejects.toMatchObject(
      failure("unsupported", "not 9"),
    );
  });
});

/**
 * L = Σ λᵢ cᵢ wᵢ + ½ Σ βᵢ wᵢ² at β = 0: a constant gradient, no curvature, and a mixed product in β that tells where on
 * the line a step is.
 */
/** Gradient descent has no decay to be given. */
const plain = ({ rate }: { readonly rate: Setting }): Dynamics => sgd({ rate });
function straight(
  dynamics: (h: { readonly rate: Setting; readonly decay: Setting }) => Dynamics,
  { perStep = false, tuneDecay = false } = {},
): Experiment {
  type W = { readonly w: ops.Tensor };
  const loss = ({ w }: W, { penalty, bend }: { readonly penalty: W; readonly bend: W }): ops.Tensor =>
    ops.add(
      ops.sum(ops.mul(ops.mul(penalty.w, w), row([...formula(21, N)]))),
      ops.mul(0.5, ops.sum(ops.mul(bend.w, ops.square(w)))),
    );
  const spec = {
    data,
    params: { w: nn.given([N], START) },
    valid: { loss: ({ w }: W) => ops.sum(ops.square(ops.square(ops.sub(w, row(TARGET))))) },
  };
  const train = { loss, steps: 12 };
  const common = {
    penalty: hyper.perWeight(0.4, { transform: "log" }),
    bend: hyper.perWeight(0),
    rate: hyper.perWeight(0.3, { transform: "log", perStep }),
  };
  return tuneDecay
    ? defineExperiment({
        ...spec,
        hyper: { ...common, decay: hyper.perWeight(0, { perStep }) },
        train: { ...train, dynamics: ({ rate, decay }) => dynamics({ rate, decay }) },
      })
    : defineExperiment({
        ...spec,
        hyper: common,
        train: { ...train, dynamics: (h) => dynamics({ rate: h.rate, decay: 0 }) },
      });
}

describe("where training itself runs straight with a constant velocity, drmad is exact", () => {
  test.each([
    ["sgd", straight(plain)],
    ["sgd, rates by step", straight(plain, { perStep: true })],
    ["momentum without decay", straight(momentum)],
    // dγ_t = dv ⊙ (v_t + g): 0 but for the first step, where v_0 = 0, unless the path's index wraps round.
    ["momentum, decay starting from 0", straight(momentum, { tuneDecay: true })],
    ["momentum, rates and decays by step, from 0", straight(momentum, { perStep: true, tuneDecay: true })],
  ])("%s", async (_, experiment) => {
    const rollout = await rolloutOf(experiment, engine);
    const exact = await numbersOf(rollout, reverse());
    const line = await numbersOf(rollout, drmad());
    for (const [name, gradient] of Object.entries(exact.gradient)) {
      expect(gradient.some((v) => v !== 0), name).toBe(true); // prettier-ignore
      expect(relativeError(line.gradient[name]!, gradient), name).toBeLessThan(1e-12);
    }
  });

  test("a rate of 0 at one step: drmad cannot recover the velocity and says so, reverse does not need to", async () => {
    const experiment = defineExperiment({
      data,
      params: { w: nn.given([N], START) },
      hyper: { rate: hyper.scalar(0.3, { perStep: true }) },
      train: {
        loss: ({ w }) => ops.sum(ops.square(w)),
        dynamics: (h) => momentum({ rate: h.rate, decay: 0.5 }),
        steps: 40,
      },
      valid: { loss: ({ w }) => ops.sum(ops.square(ops.sub(w, row(TARGET)))) },
    });
    const rollout = await rolloutOf(experiment, engine);
    for (const zero of [0, 17, 39]) {
      const there = rollout.at({ rate: rollout.point["rate"]!.map((v, t) => (t === zero ? 0 : v)) });
      await expect(drmad().run(there)).rejects.toMatchObject(failure("unsupported", "rate"));
      expect((await numbersOf(there, reverse())).gradient["rate"]!.every(Number.isFinite)).toBe(true);
    }
  });
});
