import { defineExperiment, hyper, momentum, nn, ops, outer } from "drmad";
import { data, DECAY, error, losses, meanLoss, NETWORK, RATE, type Noise, type Size } from "../../wrong-labels.ts";

/** Any of the nine others, each as likely. */
export const NOISE: Noise = { share: 0.45, others: 9 };

/** A weight between 0 and 1 for every training image: a batch's loss is the weighted mean, so equal weights are none. */
export const weighted = (folder: string, { rows, steps, outerSteps }: Size) =>
  defineExperiment({
    name: "hyper-cleaning",
    data: (seed) => data(folder, rows, NOISE, seed),
    params: nn.mlp(NETWORK),
    hyper: {
      weights: hyper.array(
        { data: new Float64Array(rows.train).fill(0.5), shape: [rows.train] },
        { transform: "logit" },
      ),
    },
    train: {
      loss: (w, h, batch) => {
        const own = ops.gather(h.weights, batch.index);
        return ops.div(ops.sum(ops.mul(own, losses(w, batch))), ops.sum(own));
      },
      dynamics: momentum({ rate: RATE, decay: DECAY }),
      steps,
      batch: 100,
    },
    valid: { loss: (w, _, batch) => meanLoss(w, batch) },
    metrics: { error: (w, _, batch) => error(w, batch) },
    // As long as the gradient is: an optimiser that moves all weights alike moves most of them by noise.
    outer: { optimizer: outer.sgd({ rate: 5000 }), steps: outerSteps },
  });
