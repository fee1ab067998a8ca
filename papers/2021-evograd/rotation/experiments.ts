import {
  defineExperiment,
  hyper,
  momentum,
  nn,
  ops,
  outer,
  type Dataset,
  type OuterOptimizer,
  type Split,
} from "drmad";
import { images } from "../../data.ts";
import { halved } from "../../pixels.ts";

export interface Size {
  readonly rows: { readonly train: number; readonly valid: number; readonly test: number };
  readonly steps: number;
  readonly outerSteps: number;
  readonly seeds: readonly number[];
}

/** By which validation and test digits are turned. */
export const TRUTH = 30;
/** Side of the images that are trained on: pixels of MNIST are averaged by fours. */
const SIDE = 14;
const PIXELS = SIDE * SIDE;
export const radians = (degrees: number): number => (degrees * Math.PI) / 180;

/** Column and row about which images turn. */
const centre = (side: number): number => (side - 1) / 2;

/** Square images, turned by so many degrees: the value of four neighbours, bilinearly; outside is 0. */
export function turned(x: Float32Array, side: number, degrees: number): Float32Array {
  const [c, s, m] = [Math.cos(radians(degrees)), Math.sin(radians(degrees)), centre(side)];
  const out = new Float32Array(x.length);
  const pixels = side * side;
  for (let p = 0; p < pixels; p++) {
    const [dx, dy] = [(p % side) - m, Math.floor(p / side) - m];
    const [u, v] = [c * dx - s * dy + m, s * dx + c * dy + m];
    const [left, top] = [Math.floor(u), Math.floor(v)];
    for (const [col, row] of [
      [left, top],
      [left + 1, top],
      [left, top + 1],
      [left + 1, top + 1],
    ] as const) {
      // prettier-ignore
      if (col < 0 || row < 0 || col >= side || row >= side) continue;
      const weight = (1 - Math.abs(u - col)) * (1 - Math.abs(v - row));
      for (let at = 0; at < x.length; at += pixels) out[at + p]! += weight * x[at + row * side + col]!;
    }
  }
  return out;
}

type Digits = { readonly x: Split["x"] & object; readonly y: Split["y"] & object };

const digits = (split: Digits, degrees: number): Digits => {
  const full = split.x.data as Float32Array;
  const x = halved(degrees === 0 ? full : turned(full, 2 * SIDE, degrees), 2 * SIDE);
  return { x: { data: x, shape: [x.length / PIXELS, PIXELS] }, y: split.y };
};

function data(folder: string, rows: Size["rows"], seed: number): Dataset<Digits> {
  const { train, valid, test } = images(folder, rows, seed);
  return { train: digits(train, 0), valid: digits(valid, TRUTH), test: digits(test!, TRUTH) };
}

const places = Array.from({ length: PIXELS }, (_, p) => p);
const line = ops.literal(
  Array.from({ length: SIDE }, (_, i) => i),
  [1, SIDE],
);
const offsets = (of: (p: number) => number): ops.Tensor => ops.literal(places.map((p) => of(p) - centre(SIDE)), [PIXELS, 1]); // prettier-ignore
const across = offsets((p) => p % SIDE);
const down = offsets((p) => Math.floor(p / SIDE));

/** The share of every pixel of a line in a point of it, bilinearly: [PIXELS, SIDE]. */
const shares = (at: ops.Tensor): ops.Tensor => ops.relu(ops.sub(1, ops.abs(ops.sub(ops.add(at, centre(SIDE)), line))));

/** The same map as `turned`, of an angle in radians: [PIXELS, PIXELS], to be applied to images as rows. */
export function rotation(angle: ops.Tensor): ops.Tensor {
  const [c, s] = [ops.cos(angle), ops.sin(angle)];
  const columns = shares(ops.sub(ops.mul(c, across), ops.mul(s, down)));
  const rows = shares(ops.add(ops.mul(s, across), ops.mul(c, down)));
  const both = ops.mul(ops.reshape(rows, [PIXELS, SIDE, 1]), ops.reshape(columns, [PIXELS, 1, SIDE]));
  return ops.transpose(ops.reshape(both, [PIXELS, PIXELS]));
}

/**
 * A network for digits turned by an unknown angle, trained on upright ones that are turned by a learned one.
 *
 * Its units are tanh. The gradient of a ReLU network jumps where a unit switches, and a hypergradient does not see jumps: with
 * ReLU, the exact one was half of what central differences over a hundredth of a radian gave.
 *
 * @param start degrees. At 0 every point falls on a pixel, where a bilinear map has no derivative.
 */
export const rotated = (folder: string, { rows, steps, outerSteps }: Size, start: number) =>
  defineExperiment({
    name: "evograd-rotation",
    data: (seed) => data(folder, rows, seed),
    params: nn.mlp([PIXELS, 100, 10]),
    hyper: { angle: hyper.scalar(radians(start)) },
    train: {
      loss: (w, h, { x, y }) => ops.crossEntropy(nn.forward(w, ops.matmul(x, rotation(h.angle))), y),
      dynamics: momentum({ rate: 0.5, decay: 0.9 }),
      steps,
      batch: 100,
    },
    valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
    metrics: {
      error: (w, _, { x, y }) => nn.errorRate(nn.forward(w, x), y),
      degrees: (_, h) => ops.mul(180 / Math.PI, h.angle),
    },
    outer: { optimizer: outer.adam({ rate: 0.08, first: 0.5 }), steps: outerSteps },
  });

/** No optimiser: so many degrees more at every step. */
export const scan = (degrees: number): OuterOptimizer => ({
  name: `scan(${degrees}°)`,
  init: () => null,
  update: (gradient, state) => ({
    change: Object.fromEntries(Object.entries(gradient).map(([name, g]) => [name, g.map(() => radians(degrees))])),
    state,
  }),
});
