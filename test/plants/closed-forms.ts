import { normal, substream } from "../../src/data/random.ts";
import { sgd } from "../../src/dynamics/sgd.ts";
import { nativeEngine } from "../../src/engine/onnx/session.ts";
import { createFixedPoint } from "../../src/engine/reversal/fixed-point.ts";
import { drmad } from "../../src/hypergradient/drmad.ts";
import { evograd } from "../../src/hypergradient/evograd.ts";
import { implicit } from "../../src/hypergradient/implicit.ts";
import type { Method } from "../../src/hypergradient/method.ts";
import { oneStep } from "../../src/hypergradient/one-step.ts";
import { persistentEvolution } from "../../src/hypergradient/persistent-evolution.ts";
import { reverse } from "../../src/hypergradient/reverse.ts";
import { truncated } from "../../src/hypergradient/truncated.ts";
import * as nn from "../../src/nn/nn.ts";
import type { Experiment } from "../../src/problem/experiment.ts";
import { hyper } from "../../src/problem/hyper.ts";
import type { Rollout } from "../../src/rollout/rollout.ts";
import { defineExperiment } from "../../src/study/define.ts";
import * as ops from "../../src/tensor/ops.ts";
import { flat, numbersOf, relativeError, rolloutOf } from "../oracle/measure.ts";
import { nothing } from "../oracle/rows.ts";
import { plainLastStep, plainSweep, plainTraining, plainTrajectory, type PlainGradient, type PlainPath, type PlainProblem } from "../oracle/plain.ts"; // prettier-ignore
import * as ridge from "../oracle/ridge.ts";
import { coordinatesOf, pointOf, range, statedForUs, statedInArrays } from "../oracle/stated-twice.ts";
import type { Leg } from "./legs.ts";

async function onEngine<T>(experiment: Experiment, use: (rollout: Rollout) => Promise<T>): Promise<T> {
  const engine = nativeEngine({ precision: "float64", threads: 1 });
  try {
    return await use(await rolloutOf(experiment, engine));
  } finally {
    await engine.close();
  }
}

const STEPS = 30;
/** The problem of plain.ts, whose every derivative is taken by hand, with rates and decays for each weight and step. */
const byHand = (method: Method, expected: (p: PlainProblem) => PlainGradient): Leg => ({
  tolerance: 1e-9,
  async error() {
    const got = await onEngine(statedForUs(STEPS, true), (rollout) =>
      numbersOf(rollout.at(pointOf(STEPS, true)), method),
    );
    const p = statedInArrays(STEPS, true);
    const gradient = coordinatesOf(p, expected(p), true);
    const names = Object.keys(gradient);
    return relativeError(flat(Object.fromEntries(names.map((name) => [name, got.gradient[name]!]))), flat(gradient));
  },
});

/** Straight from state to state, `every` steps apart. */
function pieces(p: PlainProblem, every: number): PlainPath {
  const { w } = plainTraining(p);
  const slope = (t: number): readonly number[] => {
    const from = t - (t % every);
    const to = Math.min(from + every, p.steps);
    return w[from]!.map((x, i) => (w[to]![i]! - x) / (to - from));
  };
  const velocity = (t: number): readonly number[] => slope(t).map((x, i) => x / p.rate(t)[i]!);
  return {
    length: p.steps,
    weights: (t) => w[t - (t % every)]!.map((x, i) => x + (t % every) * slope(t)[i]!),
    velocityBefore: (t) => (t === 0 ? p.start.map(() => 0) : velocity(t - 1)),
    velocityAfter: velocity,
  };
}

/** The last K steps; what came before them gives nothing. */
function lastSteps(p: PlainProblem, K: number): PlainGradient {
  const whole = plainTrajectory(p);
  const from = p.steps - K;
  const shifted: PlainProblem = { ...p, rate: (t) => p.rate(t + from), decay: (t) => p.decay(t + from), centre: (t) => p.centre(t + from) }; // prettier-ignore
  const path: PlainPath = {
    length: K,
    weights: (t) => whole.weights(t + from),
    velocityBefore: (t) => whole.velocityBefore(t + from),
    velocityAfter: (t) => whole.velocityAfter(t + from),
  };
  const found = plainSweep(shifted, path, plainTraining(p).w[p.steps]);
  const none = range(from).map(() => p.start.map(() => 0));
  return { ...found, rate: [...none, ...found.rate], decay: [...none, ...found.decay] };
}

const onRidge = (method: Method): Leg => ({
  tolerance: 1e-5,
  async error() {
    const { gradient } = await onEngine(ridge.ridge(300), (rollout) => numbersOf(rollout.at(ridge.POINT), method));
    return relativeError(gradient["penalty"]!, ridge.hypergradientAt(ridge.MINIMUM));
  },
});

const [LAMBDA, COPIES, PULLS] = [0.3, 3, 60];
const demo = defineExperiment({
  data: { train: nothing, valid: nothing },
  params: { x: nn.given([1], [2]) },
  hyper: { lambda: hyper.scalar(LAMBDA) },
  train: {
    loss: ({ x }, h) => ops.sum(ops.add(ops.square(ops.sub(x, 1)), ops.mul(h.lambda, ops.square(x)))),
    dynamics: sgd({ rate: 0.2 }),
    steps: PULLS,
  },
  valid: { loss: ({ x }) => ops.sum(ops.square(ops.sub(x, 0.5))) },
});
/** EvoGrad's formula on the demonstration of its paper, in plain numbers. */
function merged(temperature: number): number {
  let x = 2;
  for (let t = 0; t < PULLS; t++) x -= 0.2 * (2 * (x - 1) + 2 * LAMBDA * x);
  const theta = range(COPIES).map((k) => x + normal(substream(0, "evograd", 0, PULLS, k)));
  const raised = theta.map((v) => Math.exp(-((v - 1) ** 2 + LAMBDA * v ** 2) / temperature));
  const total = raised.reduce((a, b) => a + b, 0);
  const p = raised.map((e) => e / total);
  const at = p.reduce((sum, v, k) => sum + v * theta[k]!, 0);
  const mean = p.reduce((sum, v, k) => sum + v * theta[k]! ** 2, 0);
  return 2 * (at - 0.5) * p.reduce((sum, v, k) => sum + (-v / temperature) * (theta[k]! ** 2 - mean) * theta[k]!, 0);
}

const [RATE, T, SIGMA] = [0.2, 10, 0.3];
/** w ← w − α(w − c): w_T is linear in the c of every step, and so is the loss. */
const pulled = defineExperiment({
  data: { train: nothing, valid: nothing },
  params: { w: nn.given([1], [0.4]) },
  hyper: { c: hyper.scalar(0.7) },
  train: {
    loss: ({ w }, h) => ops.mul(0.5, ops.sum(ops.square(ops.sub(w, h.c)))),
    dynamics: sgd({ rate: RATE }),
    steps: T,
  },
  valid: { loss: ({ w }) => ops.mul(3, ops.sum(w)) },
});

const floored = (a: bigint, b: bigint): bigint => a / b - (a % b < 0n ? 1n : 0n);
/** Velocities after some steps of momentum in whole numbers: v ← n ⌊v/d⌋ + a − (d − n) g, B d + r = p n + a. */
function wholeVelocities(size: number, steps: number, n: bigint): number[] {
  const d = 65536n;
  return range(size).map((i) => {
    let [v, kept] = [0n, 0n];
    for (let t = 0; t < steps; t++) {
      const q = floored(v, d);
      const all = kept * d + (v - q * d);
      kept = all / n;
      // 2⁴⁴ (1 − n/d) g, a whole number for a g in units of 2⁻¹⁰.
      v = q * n + (all - kept * n) - (d - n) * BigInt(gradientAt(i, t)) * 2n ** 18n;
    }
    return Number(v) / 2 ** 44;
  });
}
const gradientAt = (i: number, t: number): number => ((37 * i + 101 * t + 13 * i * t) % 2001) - 900;

export const CLOSED_FORMS = {
  "by hand: reverse": byHand(reverse(), (p) => plainSweep(p, plainTrajectory(p))),
  "by hand: drmad, 4 snapshots": byHand(drmad({ snapshots: 4 }), (p) => plainSweep(p, pieces(p, 8))),
  "by hand: truncated": byHand(truncated({ steps: 7 }), (p) => lastSteps(p, 7)),
  "by hand: oneStep": byHand(oneStep({ every: 8 }), (p) => plainLastStep(p, [6, 14, 22, 30])),
  "solved: implicit, cg": onRidge(implicit()),
  "solved: implicit, neumann": onRidge(implicit({ solver: "neumann" })),
  "solved: implicit, fixed-point": onRidge(implicit({ solver: "fixed-point" })),
  "formula: evograd at two temperatures": {
    tolerance: 1e-9,
    error: () =>
      onEngine(demo, async (rollout) => {
        const at = async (temperature: number): Promise<number> => {
          const method = evograd({ copies: COPIES, sigma: 1, temperature });
          return (await numbersOf(rollout, method)).gradient["lambda"]![0]!;
        };
        return relativeError([await at(0.5), await at(0.8)], [merged(0.5), merged(0.8)]);
      }),
  },
  "formula: persistentEvolution": {
    tolerance: 1e-9,
    async error() {
      const segments = [0, 3, 6, 10];
      const noise = range(3).map((s) => normal(substream(0, "persistent evolution", 0, 0, s)));
      const slope = (s: number): number => range(T).filter((t) => t >= segments[s]! && t < segments[s + 1]!).reduce((sum, t) => sum + RATE * (1 - RATE) ** (T - 1 - t), 0); // prettier-ignore
      const along = noise.reduce((sum, e, s) => sum + 3 * slope(s) * e, 0);
      const method = persistentEvolution({ pairs: 1, sigma: SIGMA, segments: 3 });
      const { gradient } = await onEngine(pulled, (rollout) => numbersOf(rollout, method));
      return relativeError(gradient["c"]!, [along * noise.reduce((a, b) => a + b, 0)]);
    },
  },
  "solved: implicit, one point after another": {
    tolerance: 1e-5,
    error: () =>
      onEngine(ridge.ridge(300), async (rollout) => {
        await numbersOf(rollout, implicit());
        const { gradient } = await numbersOf(rollout.at(ridge.POINT), implicit());
        return relativeError(gradient["penalty"]!, ridge.hypergradientAt(ridge.MINIMUM));
      }),
  },
  "whole numbers: fixed-point velocities": {
    tolerance: 0,
    error() {
      const [size, steps, n] = [6, 80, 58982];
      const tensor = createFixedPoint([{ size, ownRates: false, ownDecays: false }], "float64")[0]!;
      tensor.begin(new Float64Array(size));
      tensor.use([0.001], [n / 65536]);
      for (let t = 0; t < steps; t++) {
        for (let i = 0; i < size; i++) tensor.gradient[i] = gradientAt(i, t) / 1024;
        tensor.forward();
      }
      const velocity = new Float64Array(size);
      tensor.velocityInto(velocity);
      return Promise.resolve(relativeError(velocity, wholeVelocities(size, steps, BigInt(n))));
    },
  },
} as const satisfies Record<string, Leg>;
