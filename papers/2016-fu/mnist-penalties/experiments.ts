import { defineExperiment, hyper, momentum, nn, ops, outer, type Method } from "drmad";
import { images } from "../../data.ts";

export interface Size {
  readonly rows: { readonly train: number; readonly valid: number; readonly test: number };
  readonly steps: number;
  readonly outerSteps: number;
  readonly seeds: readonly number[];
}

const NETWORK = [784, 50, 50, 50, 10];
const DEVIATION = Math.exp(-3);
const PENALTY = Math.exp(-4);
const START = 0.2;
const DECAY = 0.95;
const RATE = 0.05;

type Layers = readonly nn.Layer<ops.Tensor>[];

/** Weights z are used as z·eᵗ. */
const scaled = (z: Layers, t: Layers): Layers =>
  z.map(({ W, b }, i) => ({ W: ops.mul(W, ops.exp(t[i]!.W)), b: ops.mul(b, ops.exp(t[i]!.b)) }));

const startOf = (sharing: "input" | "network") =>
  sharing === "input" ? hyper.perInput(START, { biases: START }) : hyper.perNetwork(START, { biases: START });

/** The published experiment: one t for each input of each layer, or one for all. */
export const published = (
  folder: string,
  { rows, steps, outerSteps }: Size,
  sharing: "input" | "network" = "input",
) => {
  return defineExperiment({
    name: "mnist-penalties",
    data: (seed) => images(folder, rows, seed),
    params: nn.mlp(NETWORK, { deviation: DEVIATION }),
    hyper: { t: startOf(sharing) },
    train: {
      loss: (z, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(scaled(z, h.t), x), y), nn.l2(z, PENALTY)),
      dynamics: momentum({ rate: RATE, decay: DECAY }),
      steps,
      batch: 50,
    },
    valid: { loss: (z, h, { x, y }) => ops.crossEntropy(nn.forward(scaled(z, h.t), x), y) },
    metrics: { error: (z, h, { x, y }) => nn.errorRate(nn.forward(scaled(z, h.t), x), y) },
    outer: { optimizer: outer.sign({ rate: 0.07 }), steps: outerSteps },
  });
};

/**
 * The same network from the same start, with more to tune: a t for each input, and beside it the penalty, the rate and the
 * decay, one of each. In the published experiment t has to stand for all of them.
 */
export const recipe = (folder: string, { rows, steps, outerSteps }: Size, sharing: "input" | "network" = "input") =>
  defineExperiment({
    name: "mnist-penalties-recipe",
    data: (seed) => images(folder, rows, seed),
    params: nn.mlp(NETWORK, { deviation: DEVIATION }),
    hyper: {
      t: startOf(sharing),
      penalty: hyper.scalar(PENALTY, { transform: "log" }),
      rate: hyper.scalar(RATE, { transform: "log" }),
      decay: hyper.scalar(DECAY, { transform: "logit" }),
    },
    train: {
      loss: (z, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(scaled(z, h.t), x), y), nn.l2(z, h.penalty)),
      dynamics: (h) => momentum({ rate: h.rate, decay: h.decay }),
      steps,
      batch: 50,
    },
    valid: { loss: (z, h, { x, y }) => ops.crossEntropy(nn.forward(scaled(z, h.t), x), y) },
    metrics: { error: (z, h, { x, y }) => nn.errorRate(nn.forward(scaled(z, h.t), x), y) },
    outer: { optimizer: outer.adam({ rate: 0.1 }), steps: outerSteps },
  });

/** A method that says "more" of every coordinate, whatever the loss: with the outer optimiser sign, the same step each time. */
export const always = (method: Method): Method => ({
  name: "always more",
  exact: false,
  async run(rollout) {
    const result = await method.run(rollout);
    return {
      ...result,
      gradient: Object.fromEntries(Object.entries(result.gradient).map(([k, v]) => [k, v.map(() => -1)])),
    };
  },
});
