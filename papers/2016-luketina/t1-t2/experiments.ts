import { defineExperiment, hyper, momentum, nn, ops, outer, type Dataset, type NdArray } from "drmad";
import { images, type Images } from "../../data.ts";
import { normals, uniform } from "../../random.ts";

export interface Size {
  readonly rows: { readonly train: number; readonly valid: number; readonly test: number };
  readonly steps: number;
  readonly outerSteps: number;
  readonly seeds: readonly number[];
}

const NETWORK = [784, 50, 50, 10];
/** What noise is added to: the image and the hidden units. */
const NOISY = NETWORK.slice(0, -1);
const WIDTH = NOISY.reduce((a, b) => a + b);
const RATE = 0.3;
const DECAY = 0.9;
export const NOISE = 0.1;
export const PENALTY = 1e-4;

type Rows = Images["train"] & { readonly noise: NdArray };

const bank = (split: Images["train"], fill: (n: number) => Float32Array): Rows => {
  const rows = split.y.data.length;
  return { ...split, noise: { data: fill(rows * WIDTH), shape: [rows, WIDTH] } };
};
const none = (n: number): Float32Array => new Float32Array(n);

function data(folder: string, sizes: Size["rows"], seed: number): Dataset<Rows> {
  const { train, valid, test } = images(folder, sizes, seed);
  const next = uniform(seed);
  return { train: bank(train, (n) => normals(n, next)), valid: bank(valid, none), test: bank(test!, none) };
}

/** One row further on: in every epoch a row has other neighbours, and with them other noise. */
const nextRow = (x: ops.Tensor): ops.Tensor => ops.concat([ops.slice(x, [1], []), ops.slice(x, [0], [1])]);

type Layers = readonly nn.Layer<ops.Tensor>[];

/**
 * Outputs of a network with noise on its input and its hidden units, of one standard deviation for each or for all.
 *
 * Its units are tanh. The gradient of a ReLU network jumps where a unit switches, and a hypergradient does not see jumps: with
 * ReLU, that in the noise had another sign than central differences over a few hundredths.
 */
function disturbed(w: Layers, x: ops.Tensor, noise: ops.Tensor, levels: ops.Tensor): ops.Tensor {
  const drawn = nextRow(noise);
  const rows = x.shape[0]!;
  let from = 0;
  return w.reduce((input, { W, b }, i) => {
    const own = ops.slice(drawn, [0, from], [rows, from + NOISY[i]!]);
    from += NOISY[i]!;
    const level = levels.shape.length === 0 ? levels : ops.gather(levels, i);
    const shown = i === 0 ? input : ops.tanh(input);
    return ops.add(ops.matmul(ops.add(shown, ops.mul(level, own)), W), b);
  }, x);
}

/**
 * Noise and penalties of every layer, or one of each for all layers.
 */
export const regularised =
  (sharing: "layers" | "network") =>
  (folder: string, { rows, steps, outerSteps }: Size) =>
    defineExperiment({
      name: `t1-t2-${sharing}`,
      data: (seed) => data(folder, rows, seed),
      params: nn.mlp(NETWORK),
      hyper: {
        noise:
          sharing === "layers"
            ? hyper.array(
                { data: new Float64Array(NOISY.length).fill(NOISE), shape: [NOISY.length] },
                { transform: "log" },
              )
            : hyper.scalar(NOISE, { transform: "log" }),
        penalty: (sharing === "layers" ? hyper.perLayer : hyper.perNetwork)(PENALTY, { transform: "log", biases: 0 }),
      },
      train: {
        loss: (w, h, { x, y, noise }) =>
          ops.add(ops.crossEntropy(disturbed(w, x, noise, h.noise), y), nn.l2(w, h.penalty)),
        dynamics: momentum({ rate: RATE, decay: DECAY }),
        steps,
        batch: 50,
      },
      valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
      metrics: { error: (w, _, { x, y }) => nn.errorRate(nn.forward(w, x), y) },
      outer: { optimizer: outer.adam({ rate: 0.4 }), steps: outerSteps },
    });

/** One penalty for the network, and no noise. */
export const penalised = (folder: string, { rows, steps, outerSteps }: Size) =>
  defineExperiment({
    name: "t1-t2-penalty",
    data: (seed) => data(folder, rows, seed),
    params: nn.mlp(NETWORK),
    hyper: { penalty: hyper.perNetwork(PENALTY, { transform: "log", biases: 0 }) },
    train: {
      loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.penalty)),
      dynamics: momentum({ rate: RATE, decay: DECAY }),
      steps,
      batch: 50,
    },
    valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
    metrics: { error: (w, _, { x, y }) => nn.errorRate(nn.forward(w, x), y) },
    outer: { optimizer: outer.adam({ rate: 0.4 }), steps: outerSteps },
  });
