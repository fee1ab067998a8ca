import { digits } from "../data/digits.ts";
import { momentum } from "../dynamics/momentum.ts";
import { reverse } from "../hypergradient/reverse.ts";
import * as nn from "../nn/nn.ts";
import { adam } from "../outer/adam.ts";
import { hyper } from "../problem/hyper.ts";
import { defineExperiment, type DefinedExperiment } from "../study/define.ts";
import * as ops from "../tensor/ops.ts";

export interface DigitsL2Options {
  /** Learning rate and penalty to start from: the best of a coarse grid of one number each, over five seeds. */
  readonly rate?: number;
  readonly penalty?: number;
  /** What shares a penalty: each input of every layer, or (a control) the whole network. */
  readonly sharing?: "input" | "network";
}

/** L2 penalties of a small network on 500 digits of 8×8 pixels, tuned on 800 others. Biases are not penalised. */
export function digitsL2(options: DigitsL2Options = {}): DefinedExperiment {
  const { rate = 0.5, penalty = 1e-4, sharing = "input" } = options;
  return defineExperiment({
    name: "digits-l2",
    data: (seed) => digits({ train: 500, valid: 800, test: 497, seed }),
    params: nn.mlp([64, 50, 50, 10]),
    hyper: {
      l2:
        sharing === "input"
          ? hyper.perInput(penalty, { transform: "log", biases: 0 })
          : hyper.perNetwork(penalty, { transform: "log", biases: 0 }),
    },
    train: {
      loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.l2)),
      dynamics: momentum({ rate, decay: 0.95 }),
      steps: 500,
      batch: 50,
    },
    valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
    metrics: { error: (w, _, { x, y }) => nn.errorRate(nn.forward(w, x), y) },
    outer: { optimizer: adam({ rate: 0.2 }), steps: 40 },
    method: reverse(),
  });
}

const experiment: DefinedExperiment = digitsL2();
export default experiment;
