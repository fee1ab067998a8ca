import { defineExperiment, hyper, momentum, nn, ops, outer, type Method } from "drmad";
import { images, type Images } from "../../data.ts";
import { descent, foundAt, plain, type Plain, typed } from "../../descent.ts";
import { type Entry, judged, type Judgement } from "../../held-out.ts";
import { onRollout } from "../../rollout.ts";
import { errorOf, lossOf } from "../../scaled.ts";
import { shuffled } from "../draws.ts";

export interface Size {
  /** Rows to fit and to tune on, half and half in another split at each outer step; in the end all of them are fitted on. */
  readonly rows: number;
  readonly test: number;
  readonly network: readonly number[];
  readonly steps: number;
  readonly batch: number;
}

/** Some rows of a split. */
const taken = ({ x, y }: Images["train"], rows: Int32Array): Images["train"] => {
  const pixels = x.shape[1]!;
  const data = new Float32Array(rows.length * pixels);
  rows.forEach((row, i) => data.set(x.data.subarray(row * pixels, (row + 1) * pixels), i * pixels));
  return {
    x: { data, shape: [rows.length, pixels] },
    y: { data: Int32Array.from(rows, (row) => y.data[row]!), shape: [rows.length] },
  };
};

/** @param fit how many of the rows weights are fitted on: half of them, or all with the test rows for validation */
const granular = (folder: string, size: Size, fit: "half" | "all") =>
  defineExperiment({
    name: "regularisation-granularity",
    data: (seed) => {
      const { train, test } = images(folder, { train: size.rows, valid: 1, test: size.test }, 0);
      if (fit === "all") return { train, valid: test! };
      const order = shuffled(seed, size.rows);
      const half = size.rows / 2;
      return { train: taken(train, order.subarray(0, half)), valid: taken(train, order.subarray(half)) };
    },
    params: nn.mlp(size.network, { deviation: Math.exp(-3) }),
    hyper: { t: hyper.perInput(0, { biases: 0 }) },
    train: {
      loss: (z, h, batch) => ops.add(lossOf(z, h.t, batch), nn.l2(z, Math.exp(-4))),
      dynamics: momentum({ rate: 0.3, decay: 0.9 }),
      steps: size.steps,
      batch: size.batch,
    },
    valid: { loss: (z, h, batch) => lossOf(z, h.t, batch) },
    metrics: { error: (z, h, batch) => errorOf(z, h.t, batch) },
  });

/** Which inputs share one t. */
export type Sharing = "network" | "layer" | "unit";

/** What one stage ended with; `losses` are of validation, each of another split and other initial weights. */
export interface Staged {
  readonly point: Plain;
  readonly losses: readonly number[];
  readonly growth: number;
}

export interface Stage {
  readonly sharing: Sharing;
  readonly outerSteps: number;
  readonly method: Method;
  readonly seed: number;
  readonly signal: AbortSignal;
}

const sign = outer.sign({ rate: 0.1 });
/** Steps of .1 by the sign of each shared derivative. */
const OPTIMIZERS = {
  network: outer.shared(sign, "hyperparameter"),
  layer: outer.shared(sign, "tensor"),
  unit: sign,
} as const;

/** One stage of what `outer.coarseToFine` does, and a part of its own so that an interrupted run goes on from its end. */
export async function staged(folder: string, size: Size, start: Plain | undefined, stage: Stage): Promise<Staged> {
  const { sharing, outerSteps, method, seed, signal } = stage;
  const { end, curve, growth } = await descent(OPTIMIZERS[sharing], outerSteps, start && typed(start), (step, point) =>
    onRollout(granular(folder, size, "half"), { seed: seed + step, signal }, (rollout) =>
      foundAt(rollout, point, method),
    ),
  );
  return { point: plain(end!), losses: curve, growth: Math.max(0, ...growth) };
}

/** Test loss and error of a training on all rows, at each point. */
export const judgedOn = (
  seed: number,
  points: readonly Entry["point"][],
  folder: string,
  size: Size,
  signal: AbortSignal,
): Promise<readonly Judgement[]> =>
  judged(granular(folder, size, "all"), { seed, signal }, points, { loss: "valid", error: "valid" });
