import { defineExperiment, hyper, momentum, nn, ops } from "drmad";
import { images, type Images } from "../../data.ts";
import { normals } from "../draws.ts";

export interface Size {
  /** Rows to learn the images on, and to judge them on. */
  readonly rows: { readonly valid: number; readonly test: number };
  readonly steps: number;
  readonly outerSteps: number;
  readonly seeds: readonly number[];
}

export const CLASSES = 10;
export const PIXELS = 784;
const PENALTY = 0.01;
/** One image for each class, in order. */
const LABELS = ops.literal(
  Array.from({ length: CLASSES }, (_, i) => i),
  [CLASSES],
  "int",
);
/** Enough rows to hold an image of each class. */
const POOL = 500;

const drawn = (folder: string, { rows }: Size, seed: number): Images => images(folder, { train: POOL, ...rows }, seed);

/** Ten images with their classes, of which a training set is made. */
export type Ten = Float64Array;

/** Numbers near 0, from which the paper's images are learned. */
export const noise = (seed: number): Ten => normals(seed, CLASSES * PIXELS, 0.01);

/** The first image of each class in a random draw. */
export function real(folder: string, size: Size, seed: number): Ten {
  const { x, y } = drawn(folder, size, seed).train;
  const ten = new Float64Array(CLASSES * PIXELS);
  for (let digit = 0; digit < CLASSES; digit++) {
    const row = y.data.indexOf(digit);
    ten.set(x.data.subarray(row * PIXELS, (row + 1) * PIXELS), digit * PIXELS);
  }
  return ten;
}

/** The mean of all validation images of each class. */
export function means(folder: string, size: Size, seed: number): Ten {
  const { x, y } = drawn(folder, size, seed).valid;
  const ten = new Float64Array(CLASSES * PIXELS);
  const count = new Float64Array(CLASSES);
  y.data.forEach((digit, row) => {
    count[digit]! += 1;
    for (let i = 0; i < PIXELS; i++) ten[digit * PIXELS + i]! += x.data[row * PIXELS + i]!;
  });
  return ten.map((sum, i) => sum / count[Math.floor(i / PIXELS)]!);
}

/** What both experiments below have in common: the ten images take the place of the data's own training rows. */
const common = (folder: string, size: Size, seed: number) => ({
  data: () => {
    const { train, valid, test } = drawn(folder, size, seed);
    const first = {
      x: { data: train.x.data.slice(0, CLASSES * PIXELS), shape: [CLASSES, PIXELS] },
      y: { data: train.y.data.slice(0, CLASSES), shape: [CLASSES] },
    };
    return { train: first, valid, test: test! };
  },
  params: nn.mlp([PIXELS, CLASSES], { deviation: Math.exp(-4) }),
});

const trained = (w: readonly nn.Layer<ops.Tensor>[], x: ops.Tensor, l2: ops.Tensor): ops.Tensor =>
  ops.add(ops.crossEntropy(nn.forward(w, x), LABELS), nn.l2(w, l2));
const dynamics = momentum({ rate: 1, decay: 0.9 });

/** Ten images and one penalty, learned. */
export const learnedImages = (folder: string, size: Size, seed: number, start: Ten) =>
  defineExperiment({
    name: "training-set",
    ...common(folder, size, seed),
    hyper: {
      images: hyper.array({ data: start, shape: [CLASSES, PIXELS] }),
      l2: hyper.scalar(PENALTY, { transform: "log" }),
    },
    train: { loss: (w, h) => trained(w, h.images, h.l2), dynamics, steps: size.steps },
    valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
    metrics: { error: (w, _, { x, y }) => nn.errorRate(nn.forward(w, x), y) },
  });

/** Ten images as they are; only the penalty is learned. */
export const givenImages = (folder: string, size: Size, seed: number, given: Ten) => {
  const x = ops.literal(given, [CLASSES, PIXELS]);
  return defineExperiment({
    name: "training-set-given",
    ...common(folder, size, seed),
    hyper: { l2: hyper.scalar(PENALTY, { transform: "log" }) },
    train: { loss: (w, h) => trained(w, x, h.l2), dynamics, steps: size.steps },
    valid: { loss: (w, _, batch) => ops.crossEntropy(nn.forward(w, batch.x), batch.y) },
    metrics: { error: (w, _, batch) => nn.errorRate(nn.forward(w, batch.x), batch.y) },
  });
};
