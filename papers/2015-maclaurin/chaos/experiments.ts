import { defineExperiment, hyper, momentum, nn, ops, reverse } from "drmad";
import { images, type Images } from "../../data.ts";
import { onRollout, unlessDiverged } from "../../rollout.ts";

export interface Size {
  readonly train: number;
  readonly network: readonly number[];
  readonly steps: number;
  readonly batch: number;
  readonly precision: "float32" | "float64";
  /** Log rates: so many, evenly from one to the other. */
  readonly from: number;
  readonly to: number;
  readonly points: number;
}

/**
 * Pixels from 0 to 1, as the paper has them here: with the mean image taken off, as elsewhere, chaos begins at higher rates.
 * Every pixel is black in some image, so what was taken off is its lowest value.
 */
function raw({ x, y }: Images["train"]): Images["train"] {
  const [rows, pixels] = x.shape as [number, number];
  const lowest = new Float64Array(pixels).fill(Infinity);
  x.data.forEach((value, i) => (lowest[i % pixels] = Math.min(lowest[i % pixels]!, value)));
  return { x: { data: Float32Array.from(x.data, (v, i) => v - lowest[i % pixels]!), shape: [rows, pixels] }, y };
}

/** A single rate for a whole run; the training loss at its end is the outer loss. */
const oneRate = (folder: string, { train, network, steps, batch }: Size) =>
  defineExperiment({
    name: "chaos",
    data: () => {
      const fitted = raw(images(folder, { train, valid: 1, test: 1 }, 0).train);
      return { train: fitted, valid: fitted };
    },
    params: nn.mlp(network, { deviation: Math.exp(-2) }),
    hyper: { rate: hyper.scalar(1, { transform: "log" }) },
    train: {
      loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y),
      dynamics: (h) => momentum({ rate: h.rate, decay: 0.9 }),
      steps,
      batch,
    },
    valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
  });

/** At one log rate; null where training diverged. */
export interface At {
  readonly logRate: number;
  readonly loss: number | null;
  readonly gradient: number | null;
  readonly growth: number | null;
}

export const logRates = ({ from, to, points }: Size): readonly number[] =>
  Array.from({ length: points }, (_, i) => from + ((to - from) * i) / (points - 1));

/** The exact hypergradient at every log rate, from the same initial weights and with the same minibatches. */
export const swept = (folder: string, size: Size, rates: readonly number[], signal: AbortSignal): Promise<At[]> =>
  onRollout(oneRate(folder, size), { seed: 0, signal, precision: size.precision }, async (rollout) => {
    const found: At[] = [];
    for (const logRate of rates) {
      const result = await unlessDiverged(async () => {
        const { value, gradient, growth, final } = await reverse().run(rollout.at({ rate: Float64Array.of(logRate) }));
        rollout.free(final);
        return { loss: value, gradient: gradient["rate"]![0]!, growth };
      });
      found.push({ logRate, ...(result ?? { loss: null, gradient: null, growth: null }) });
    }
    return found;
  });
