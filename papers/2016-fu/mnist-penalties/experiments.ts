import { defineExperiment, hyper, momentum, nn, ops, outer, type Method } from "drmad";
import { images } from "../../data.ts";
import { errorOf, lossOf } from "../../scaled.ts";

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

/** One for each input of each layer, or one for all. */
type Sharing = "input" | "network";

const startOf = (sharing: Sharing) =>
  sharing === "input" ? hyper.perInput(START, { biases: START }) : hyper.perNetwork(START, { biases: START });

/** The published experiment. */
export const published =
  (sharing: Sharing) =>
  (folder: string, { rows, steps, outerSteps }: Size) =>
    defineExperiment({
      name: "mnist-penalties",
      data: (seed) => images(folder, rows, seed),
      params: nn.mlp(NETWORK, { deviation: DEVIATION }),
      hyper: { t: startOf(sharing) },
      train: {
        loss: (z, h, batch) => ops.add(lossOf(z, h.t, batch), nn.l2(z, PENALTY)),
        dynamics: momentum({ rate: RATE, decay: DECAY }),
        steps,
        batch: 50,
      },
      valid: { loss: (z, h, batch) => lossOf(z, h.t, batch) },
      metrics: { error: (z, h, batch) => errorOf(z, h.t, batch) },
      outer: { optimizer: outer.sign({ rate: 0.07 }), steps: outerSteps },
    });

/**
 * The same network from the same start, with more to tune: a t for each input, and beside it the penalty, the rate and the
 * decay, one of each. In the published experiment t has to stand for all of them.
 */
export const recipe =
  (sharing: Sharing) =>
  (folder: string, { rows, steps, outerSteps }: Size) =>
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
        loss: (z, h, batch) => ops.add(lossOf(z, h.t, batch), nn.l2(z, h.penalty)),
        dynamics: (h) => momentum({ rate: h.rate, decay: h.decay }),
        steps,
        batch: 50,
      },
      valid: { loss: (z, h, batch) => lossOf(z, h.t, batch) },
      metrics: { error: (z, h, batch) => errorOf(z, h.t, batch) },
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
