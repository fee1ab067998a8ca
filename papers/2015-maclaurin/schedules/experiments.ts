import { defineExperiment, hyper, momentum, nn, ops, outer, type Method } from "drmad";
import { images } from "../../data.ts";
import { descent, foundAt, plain, type Plain, typed } from "../../descent.ts";
import { type Entry, judged, type Judgement } from "../../held-out.ts";
import { onRollout, unlessDiverged } from "../../rollout.ts";

export interface Size {
  readonly rows: { readonly train: number; readonly valid: number; readonly test: number };
  readonly steps: number;
  readonly batch: number;
}

export const FULL_SIZE: Size = { rows: { train: 10_000, valid: 10_000, test: 10_000 }, steps: 100, batch: 200 };
export const SMALL_SIZE: Size = { rows: { train: 500, valid: 100, test: 200 }, steps: 12, batch: 50 };

const NETWORK = [784, 50, 50, 50, 10];
/** Weights and biases of each layer are groups of their own, in this order. */
export const GROUPS: readonly string[] = [1, 2, 3, 4].flatMap((i) => [`weights ${i}`, `biases ${i}`]);
/** Inputs of the layer that a group belongs to. */
export const FAN_IN: readonly number[] = NETWORK.slice(0, -1).flatMap((inputs) => [inputs, inputs]);
export const START_SCALE = Math.exp(-3);
export const START_RATE = Math.exp(-1);

const filled = (length: number, value: number) => ({ data: new Float64Array(length).fill(value), shape: [length] });

/** The value of a group, out of one for each. */
const of = (values: ops.Tensor, group: number): ops.Tensor => ops.reshape(ops.slice(values, [group], [group + 1]), []);
const byGroup = (values: ops.Tensor): readonly nn.Layer<ops.Tensor>[] =>
  NETWORK.slice(1).map((_, i) => ({ W: of(values, 2 * i), b: of(values, 2 * i + 1) }));

/**
 * A rate and a decay for every step of every group, and an initial scale for each group. What is tuned is the training loss
 * after the last step, on all training rows: nothing here is validated.
 */
export const schedules = (folder: string, { rows, steps, batch }: Size) =>
  defineExperiment({
    name: "schedules",
    data: () => {
      const { train, test } = images(folder, rows, 0);
      return { train, valid: train, test: test! };
    },
    params: nn.mlp(NETWORK, { deviation: 1 }),
    hyper: {
      rate: hyper.array(filled(GROUPS.length, START_RATE), { transform: "log", perStep: true }),
      decay: hyper.array(filled(GROUPS.length, 0.5), { transform: "logit", perStep: true }),
      scale: hyper.array(filled(GROUPS.length, START_SCALE), { transform: "log" }),
    },
    initial: (w, h) => {
      const scale = byGroup(h.scale);
      return w.map(({ W, b }, i) => ({ W: ops.mul(scale[i]!.W, W), b: ops.mul(scale[i]!.b, b) }));
    },
    train: {
      loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y),
      dynamics: (h) => momentum({ rate: byGroup(h.rate), decay: byGroup(h.decay) }),
      steps,
      batch,
    },
    valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
    metrics: { error: (w, _, { x, y }) => nn.errorRate(nn.forward(w, x), y) },
  });

export const logit = (p: number): number => Math.log(p) - Math.log1p(-p);

export const logistic = (u: number): number => 1 / (1 + Math.exp(-u));

export interface Constants {
  readonly rate: number;
  readonly decay: number;
  readonly scale: number;
}

/** The same rate, decay and scale everywhere. */
export const constant = ({ steps }: Size, { rate, decay, scale }: Constants): Plain => ({
  rate: Array.from({ length: steps * GROUPS.length }, () => Math.log(rate)),
  decay: Array.from({ length: steps * GROUPS.length }, () => logit(decay)),
  scale: GROUPS.map(() => Math.log(scale)),
});

/** A low-discrepancy sequence over the box that the paper's search had. */
export function drawn(i: number): Constants {
  const [a, b, c] = [0.8191725134, 0.6710436067, 0.5497004779].map((step) => (0.5 + step * (i + 1)) % 1) as [
    number,
    number,
    number,
  ];
  return { rate: Math.exp(-3 + 5 * a), decay: 0.1 + 0.899 * b, scale: Math.exp(-5 + 6 * c) };
}

export interface Learning {
  /** A seed of initial weights and minibatches for each outer step, one after the other from this one. */
  readonly seed: number;
  readonly outerSteps: number;
  readonly method: Method;
  readonly signal: AbortSignal;
  /** One rate, one decay and one scale. */
  readonly shared?: boolean;
}

export interface Learned {
  /** Where the training loss seen was lowest. */
  readonly point: Plain;
  readonly best: number;
  /** Training losses at each outer step, each of a seed of its own; fewer than asked for where a run diverged. */
  readonly curve: readonly number[];
  readonly growth: readonly number[];
}

/** Descends with Adam, with other initial weights and minibatches at every outer step. */
export async function learn(folder: string, size: Size, start: Plain, options: Learning): Promise<Learned> {
  const { seed, outerSteps, method, signal, shared = false } = options;
  const experiment = schedules(folder, size);
  const adam = outer.adam({ rate: 0.04 });
  const { end, points, curve, growth } = await descent(
    shared ? outer.shared(adam, "tensor") : adam,
    outerSteps,
    typed(start),
    (step, point) =>
      unlessDiverged(() =>
        onRollout(experiment, { seed: seed + step, signal }, (rollout) => foundAt(rollout, point, method)),
      ),
  );
  const best = curve.indexOf(Math.min(...curve));
  return { point: plain(points[best] ?? end!), best, curve, growth };
}

/** A training of each point on one seed: final training loss, and share of test images that are wrong. */
export const judgedOn = (
  seed: number,
  points: readonly Entry["point"][],
  folder: string,
  size: Size,
  signal: AbortSignal,
): Promise<readonly Judgement[]> =>
  judged(schedules(folder, size), { seed, signal }, points, { loss: "valid", error: "test" });
