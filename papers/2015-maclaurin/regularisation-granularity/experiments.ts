import { defineExperiment, hyper, momentum, nn, ops, outer, type Method } from "drmad";
import { images, type Images } from "../../data.ts";
import { shuffled } from "../draws.ts";
import { evaluated, onRollout, unlessDiverged, type Point } from "../../rollout.ts";

export interface Size {
  /** Rows to fit and to tune on, half and half in another split at each outer step; in the end all of them are fitted on. */
  readonly rows: number;
  readonly test: number;
  readonly network: readonly number[];
  readonly steps: number;
  readonly batch: number;
}

type Layers = readonly nn.Layer<ops.Tensor>[];

/** Weights z are used as z·eᵗ. */
const scaled = (z: Layers, t: Layers): Layers =>
  z.map(({ W, b }, i) => ({ W: ops.mul(W, ops.exp(t[i]!.W)), b: ops.mul(b, ops.exp(t[i]!.b)) }));

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
      loss: (z, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(scaled(z, h.t), x), y), nn.l2(z, Math.exp(-4))),
      dynamics: momentum({ rate: 0.3, decay: 0.9 }),
      steps: size.steps,
      batch: size.batch,
    },
    valid: { loss: (z, h, { x, y }) => ops.crossEntropy(nn.forward(scaled(z, h.t), x), y) },
    metrics: { error: (z, h, { x, y }) => nn.errorRate(nn.forward(scaled(z, h.t), x), y) },
  });

/** Which inputs share one t. */
export type Sharing = "network" | "layer" | "unit";

const total = (values: Float64Array): number => values.reduce((a, b) => a + b, 0);

/** The derivative in what is shared is the sum over those that share it; each of them gets it. */
function shared(gradient: Point, sharing: Sharing): Point {
  const all = Object.values(gradient).reduce((sum, values) => sum + total(values), 0);
  return Object.fromEntries(
    Object.entries(gradient).map(([name, values]) => [
      name,
      sharing === "unit" ? values : new Float64Array(values.length).fill(sharing === "layer" ? total(values) : all),
    ]),
  );
}

export type Plain = Readonly<Record<string, readonly number[]>>;

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

/** Steps of .1 by the sign of each shared derivative. */
export async function staged(folder: string, size: Size, start: Plain | undefined, stage: Stage): Promise<Staged> {
  const optimizer = outer.sign({ rate: 0.1 });
  let point: Point | undefined =
    start && Object.fromEntries(Object.entries(start).map(([k, v]) => [k, Float64Array.from(v)]));
  const losses: number[] = [];
  let growth = 0;
  for (let step = 0; step < stage.outerSteps; step++) {
    const found = await onRollout(
      granular(folder, size, "half"),
      { seed: stage.seed + step, signal: stage.signal },
      async (rollout) => {
        const at = rollout.at(point ?? rollout.point);
        const result = await stage.method.run(at);
        rollout.free(result.final);
        return { result, point: at.point };
      },
    );
    losses.push(found.result.value);
    growth = Math.max(growth, found.result.growth);
    const { change } = optimizer.update(shared(found.result.gradient, stage.sharing), optimizer.init(found.point));
    point = Object.fromEntries(Object.entries(found.point).map(([k, v]) => [k, v.map((u, i) => u + change[k]![i]!)]));
  }
  return { point: Object.fromEntries(Object.entries(point ?? {}).map(([k, v]) => [k, [...v]])), losses, growth };
}

/** Test loss and error of a training on all rows, at each point; Infinity where it diverged. The untuned start is undefined. */
export const judged = (
  folder: string,
  size: Size,
  seed: number,
  points: readonly (Plain | undefined)[],
  signal: AbortSignal,
): Promise<{ readonly loss: number; readonly error: number }[]> =>
  onRollout(granular(folder, size, "all"), { seed, signal }, async (rollout) => {
    const found = [];
    for (const plain of points) {
      const point = plain && Object.fromEntries(Object.entries(plain).map(([k, v]) => [k, Float64Array.from(v)]));
      const at = rollout.at(point ?? rollout.point);
      const metrics = await unlessDiverged(async () => (await evaluated(at, ["valid"])).valid);
      found.push({ loss: metrics?.["loss"] ?? Infinity, error: metrics?.["error"] ?? Infinity });
    }
    return found;
  });
