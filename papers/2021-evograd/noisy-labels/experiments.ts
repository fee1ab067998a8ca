import { defineExperiment, hyper, momentum, nn, ops, outer } from "drmad";
import { data, DECAY, error, losses, meanLoss, NETWORK, RATE, type Noise, type Size } from "../../wrong-labels.ts";

/** A digit can be called one of two others, drawn for it. */
export const NOISE: Noise = { share: 0.4, others: 2 };
const UNITS = 100;

/**
 * A Meta-Weight-Net: from an example's training loss to its weight, by one hidden layer of ReLU and a logistic output. Its
 * own weights are the hyperparameters; a batch's loss is the weighted mean, so equal weights are none.
 *
 * The loss that it reads is held constant, as its authors do: weights of examples pass no gradient to the weights of the
 * network that is trained. Hypergradients hold it constant too, so that none of them is that of the whole run: at the start of
 * seed 100, the slope along reverse's is 0.614, where central differences in float64 find 0.504.
 */
export const weighted = (folder: string, { rows, steps, outerSteps }: Size) =>
  defineExperiment({
    name: "evograd-noisy-labels",
    data: (seed) => data(folder, rows, NOISE, seed),
    params: nn.mlp(NETWORK),
    // One over the root of the inputs, biases too: as PyTorch begins.
    hyper: {
      hidden: hyper.array(nn.uniform([1, UNITS], -1, 1)),
      shift: hyper.array(nn.uniform([UNITS], -1, 1)),
      output: hyper.array(nn.uniform([UNITS, 1], -0.1, 0.1)),
      base: hyper.array(nn.uniform([1], -0.1, 0.1)),
    },
    train: {
      loss: (w, h, batch) => {
        const each = losses(w, batch);
        const read = ops.reshape(ops.detach(each), [-1, 1]);
        const net = [
          { W: h.hidden, b: h.shift },
          { W: h.output, b: h.base },
        ];
        const own = ops.reshape(ops.sigmoid(nn.forward(net, read, "relu")), each.shape);
        return ops.div(ops.sum(ops.mul(own, each)), ops.sum(own));
      },
      dynamics: momentum({ rate: RATE, decay: DECAY }),
      steps,
      batch: 100,
    },
    valid: { loss: (w, _, batch) => meanLoss(w, batch) },
    metrics: { error: (w, _, batch) => error(w, batch) },
    outer: { optimizer: outer.adam({ rate: 0.01 }), steps: outerSteps },
  });

/** The same network, of a loss, from its kept values. */
export function weightOf(values: Readonly<Record<string, readonly number[]>>, loss: number): number {
  const [hidden, shift, output, base] = [values["hidden"]!, values["shift"]!, values["output"]!, values["base"]!];
  const sum = output.reduce((total, o, i) => total + o * Math.max(0, hidden[i]! * loss + shift[i]!), base[0]!);
  return 1 / (1 + Math.exp(-sum));
}
