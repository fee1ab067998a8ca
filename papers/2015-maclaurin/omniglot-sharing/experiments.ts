import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { defineExperiment, files, hyper, momentum, nn, ops, outer, type Dataset, type NdArray } from "drmad";
import { halved } from "../../pixels.ts";
import { shuffled, uniform } from "../../random.ts";

export interface Size {
  /** Images of every character; there are 20. */
  readonly images: { readonly train: number; readonly valid: number; readonly test: number };
  readonly hidden: readonly [number, number];
  readonly steps: number;
  readonly outerSteps: number;
  readonly seeds: readonly number[];
}

/** Of those in the data, the five with the fewest characters. */
export const ALPHABETS = ["Balinese", "Early Aramaic", "Greek", "Latin", "Tagalog"] as const;
const IN_FILE = [0, 1, 2, 4, 7];
const IMAGES = 20;
/** Each alphabet, and each turned by 90°. */
export const TASKS = 2 * ALPHABETS.length;
/** The label of a row that a task does not have: no output is its own. */
const ABSENT = 99;
const SIDE = 14;
const PIXELS = SIDE * SIDE;

const DEVIATION = Math.exp(-1.5);

/** Images of side 14, from 0 to 1, by alphabet, character and image. */
type Glyphs = readonly (readonly (readonly Float32Array[])[])[];

const read = (folder: string, name: string): NdArray =>
  files.parseIdx(gunzipSync(readFileSync(`${folder}/${name}`)), name);

function glyphs(folder: string): Glyphs {
  const images = read(folder, "images-idx3-ubyte.gz").data;
  const labels = read(folder, "labels-idx2-ubyte.gz").data;
  return IN_FILE.map((alphabet) => {
    const characters: Float32Array[][] = [];
    for (let i = 0; i < labels.length / 2; i++) {
      if (labels[2 * i] !== alphabet) continue;
      const bytes = images.subarray(4 * PIXELS * i, 4 * PIXELS * (i + 1));
      (characters[labels[2 * i + 1]!] ??= []).push(halved(bytes, 2 * SIDE).map((ink) => ink / 255));
    }
    return characters;
  });
}

const quarterTurned = (x: Float32Array): Float32Array =>
  x.map((_, p) => x[(p % SIDE) * SIDE + (SIDE - 1 - Math.floor(p / SIDE))]!);

interface Rows {
  /** [rows, tasks, pixels]; a row has one image of each alphabet, and the same turned. */
  readonly x: NdArray;
  /** [rows, tasks]; ABSENT where an alphabet has fewer characters than the largest. */
  readonly y: NdArray;
}

/** Characters of every task. */
const sizesOf = (all: Glyphs): number[] => [...all, ...all].map((characters) => characters.length);

function rowsOf(all: Glyphs, chosen: Int32Array): Rows {
  const most = Math.max(...sizesOf(all));
  const rows = chosen.length * most;
  const x = new Float32Array(rows * TASKS * PIXELS);
  const y = new Int32Array(rows * TASKS).fill(ABSENT);
  for (let row = 0; row < rows; row++) {
    const [image, character] = [chosen[Math.floor(row / most)]!, row % most];
    all.forEach((characters, alphabet) => {
      const found = characters[character]?.[image];
      if (found === undefined) return;
      [found, quarterTurned(found)].forEach((picture, turned) => {
        const task = row * TASKS + alphabet + turned * ALPHABETS.length;
        x.set(picture, task * PIXELS);
        y[task] = character;
      });
    });
  }
  return { x: { data: x, shape: [rows, TASKS, PIXELS] }, y: { data: y, shape: [rows, TASKS] } };
}

function data(all: Glyphs, { images }: Size, seed: number): Dataset<Rows> {
  const order = shuffled(IMAGES, uniform(seed));
  const { train, valid, test } = images;
  return {
    train: rowsOf(all, order.subarray(0, train)),
    valid: rowsOf(all, order.subarray(train, train + valid)),
    test: rowsOf(all, order.subarray(train + valid, train + valid + test)),
  };
}

type Net = readonly { readonly W: ops.Tensor; readonly b: ops.Tensor }[];
type Batch = { readonly x: ops.Tensor; readonly y: ops.Tensor };

/** Logarithms of probabilities, [tasks, rows, characters]. */
function outputs(w: Net, x: ops.Tensor): ops.Tensor {
  const last = w.length - 1;
  return w.reduce(
    (input, { W, b }, i) => {
      const sum = ops.add(ops.matmul(input, W), b);
      return i === last ? ops.logSoftmax(sum) : ops.tanh(sum);
    },
    ops.transpose(x, [1, 0, 2]),
  );
}

/** w of every task from z of all of them: a matrix [tasks, tasks] for each layer. */
const mixed = (z: Net, sharing: readonly ops.Tensor[]): Net =>
  z.map(({ W, b }, i) => ({
    W: ops.einsum("st,tio->sio", sharing[i]!, W),
    b: ops.einsum("st,tio->sio", sharing[i]!, b),
  }));

const one = (same: number, other: number): Float64Array =>
  Float64Array.from({ length: TASKS * TASKS }, (_, i) => (i % (TASKS + 1) === 0 ? same + other : other));
const matrix = (same: number, other: number) => hyper.array({ data: one(same, other), shape: [TASKS, TASKS] });
const still = (values: Float64Array): ops.Tensor => ops.literal(values, [TASKS, TASKS]);

const APART = still(one(1, 0));
const TOGETHER = ops.broadcastTo(ops.constant(1 / TASKS), [TASKS, TASKS]);

/** The ten networks, with everything but how they share. */
function parts(folder: string, size: Size) {
  const all = glyphs(folder);
  const classes = Math.max(...sizesOf(all));
  const layers = [PIXELS, ...size.hidden, classes];
  // Negative log-likelihood and share of errors of every task, over the rows that it has.
  const present = (y: ops.Tensor): ops.Tensor =>
    ops.literal(sizesOf(all).map((characters) => (characters * y.shape[0]!) / classes));
  const nll = (w: Net, { x, y }: Batch): ops.Tensor => {
    const hits = ops.mul(ops.oneHot(ops.transpose(y), classes), outputs(w, x));
    return ops.div(ops.neg(ops.sum(hits, { axes: [1, 2] })), present(y));
  };
  const errors = (w: Net, { x, y }: Batch): ops.Tensor => {
    const right = ops.cast(ops.equal(ops.argMax(outputs(w, x)), ops.transpose(y)), "float");
    return ops.sub(1, ops.div(ops.sum(right, { axes: 1 }), present(y)));
  };
  return {
    nll,
    errors,
    shared: {
      data: (seed: number) => data(all, size, seed),
      params: layers.slice(1).map((units, i) => ({
        W: nn.normal([TASKS, layers[i]!, units], DEVIATION),
        b: nn.normal([TASKS, 1, units], DEVIATION),
      })),
    },
  };
}

const PENALTY = Math.exp(-5);
const RATE = 2;
const DECAY = 0.9;

const halfway = (): ReturnType<typeof matrix> => matrix(0.5, 0.5 / TASKS);
const halves = (): ReturnType<typeof hyper.array> => hyper.array({ data: Float64Array.of(0.5, 0.5, 0.5), shape: [3] });

/** The published experiment: a matrix for each layer, from half apart and half together; 300 hyperparameters. */
export function learned(folder: string, size: Size) {
  const { nll, errors, shared } = parts(folder, size);
  return defineExperiment({
    ...shared,
    name: "omniglot-sharing",
    hyper: { bottom: halfway(), middle: halfway(), top: halfway() },
    train: {
      loss: (z, h, batch) => ops.add(ops.sum(nll(mixed(z, [h.bottom, h.middle, h.top]), batch)), nn.l2(z, PENALTY)),
      dynamics: momentum({ rate: RATE, decay: DECAY }),
      steps: size.steps,
    },
    valid: { loss: (z, h, batch) => ops.mean(nll(mixed(z, [h.bottom, h.middle, h.top]), batch)) },
    metrics: { error: (z, h, batch) => ops.mean(errors(mixed(z, [h.bottom, h.middle, h.top]), batch)) },
    outer: { optimizer: outer.adam({ rate: 0.04 }), steps: size.outerSteps },
  });
}

const blended = (z: Net, h: { readonly apart: ops.Tensor; readonly together: ops.Tensor }): Net =>
  mixed(
    z,
    z.map((_, i) => ops.add(ops.mul(ops.gather(h.apart, i), APART), ops.mul(ops.gather(h.together, i), TOGETHER))),
  );

/** How much each layer is apart and how much together: two numbers for each, from half and half. */
export function amounts(folder: string, size: Size) {
  const { nll, errors, shared } = parts(folder, size);
  return defineExperiment({
    ...shared,
    name: "omniglot-amounts",
    hyper: { apart: halves(), together: halves() },
    train: {
      loss: (z, h, batch) => ops.add(ops.sum(nll(blended(z, h), batch)), nn.l2(z, PENALTY)),
      dynamics: momentum({ rate: RATE, decay: DECAY }),
      steps: size.steps,
    },
    valid: { loss: (z, h, batch) => ops.mean(nll(blended(z, h), batch)) },
    metrics: { error: (z, h, batch) => ops.mean(errors(blended(z, h), batch)) },
    outer: { optimizer: outer.adam({ rate: 0.04 }), steps: size.outerSteps },
  });
}

/** Networks of which the lowest so many layers are one and the same; one penalty and the rate can be tuned. */
export const fixed = (tied: 0 | 2 | 3) => (folder: string, size: Size) => {
  const { nll, errors, shared } = parts(folder, size);
  const net = (z: Net): Net => (tied === 0 ? z : mixed(z, z.map((_, i) => (i < tied ? TOGETHER : APART)))); // prettier-ignore
  return defineExperiment({
    ...shared,
    name: `omniglot-tied-${tied}`,
    hyper: { penalty: hyper.scalar(PENALTY, { transform: "log" }), rate: hyper.scalar(RATE, { transform: "log" }) },
    train: {
      loss: (z, h, batch) => ops.add(ops.sum(nll(net(z), batch)), nn.l2(z, h.penalty)),
      dynamics: (h) => momentum({ rate: h.rate, decay: DECAY }),
      steps: size.steps,
    },
    valid: { loss: (z, _, batch) => ops.mean(nll(net(z), batch)) },
    metrics: { error: (z, _, batch) => ops.mean(errors(net(z), batch)) },
    outer: { optimizer: outer.adam({ rate: 0.15 }), steps: size.outerSteps },
  });
};
