import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { NdArray } from "../../src/data/dataset.ts";
import { momentum } from "../../src/dynamics/momentum.ts";
import type { Method } from "../../src/hypergradient/method.ts";
import * as nn from "../../src/nn/nn.ts";
import type { Experiment } from "../../src/problem/experiment.ts";
import { hyper } from "../../src/problem/hyper.ts";
import { defineExperiment } from "../../src/study/define.ts";
import * as ops from "../../src/tensor/ops.ts";

interface Task {
  readonly sizes: readonly number[];
  readonly n_train: number;
  readonly n_valid: number;
  readonly batch: number;
  readonly alpha: number;
  readonly beta: number;
  readonly log_L2: number;
  readonly transform0: number;
}

/** The published DrMAD problem, and hypergradients of it that four PyTorch programs agree on, as raw files. */
export interface ReferenceProblem {
  readonly task: Task;
  experiment(steps: number, method?: Method): Experiment;
  /** A reference vector ("exact_200", "drmad_published_200") in the order of the hyperparameter tensors. */
  vector(name: string): Float64Array;
}

const typed = (folder: string, name: string): DataView => {
  const bytes = readFileSync(join(folder, name));
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
};
export const float64s = (folder: string, name: string): Float64Array => {
  const view = typed(folder, name);
  return Float64Array.from({ length: view.byteLength / 8 }, (_, i) => view.getFloat64(8 * i, true));
};
const int32s = (folder: string, name: string): Int32Array => {
  const view = typed(folder, name);
  return Int32Array.from({ length: view.byteLength / 4 }, (_, i) => view.getInt32(4 * i, true));
};

/** The weights of the network: w = z·eᵗ. */
const weights = (w: readonly nn.Layer<ops.Tensor>[], t: readonly nn.Layer<ops.Tensor>[]): nn.Layer<ops.Tensor>[] =>
  w.map(({ W, b }, i) => ({ W: ops.mul(W, ops.exp(t[i]!.W)), b: ops.mul(b, ops.exp(t[i]!.b)) }));

export function loadReference(root: string, precision: "float32" | "float64"): ReferenceProblem {
  const folder = join(root, "reference", "drmad-mnist");
  const task = JSON.parse(readFileSync(join(folder, "task.json"), "utf8")) as Task;
  const mean = float64s(folder, "mean.bin");
  const images = (name: string): NdArray => {
    const bytes = readFileSync(join(folder, name));
    const data = precision === "float64" ? new Float64Array(bytes.length) : new Float32Array(bytes.length);
    bytes.forEach((v, i) => (data[i] = v / 255 - mean[i % 784]!));
    return { data, shape: [bytes.length / 784, 784] };
  };
  const labels = (name: string): NdArray => {
    const bytes = readFileSync(join(folder, name));
    return { data: Int32Array.from(bytes), shape: [bytes.length] };
  };
  const data = {
    train: { x: images("train_x.bin"), y: labels("train_y.bin") },
    valid: { x: images("valid_x.bin"), y: labels("valid_y.bin") },
  };
  const z0 = float64s(folder, "z0.bin");
  const table = int32s(folder, "batches.bin");
  let at = 0;
  const take = (shape: readonly number[]): ReturnType<typeof nn.given> => {
    const size = shape.reduce((a, b) => a * b, 1);
    at += size;
    return nn.given(shape, z0.subarray(at - size, at));
  };
  const params = task.sizes.slice(1).map((units, i) => ({ W: take([task.sizes[i]!, units]), b: take([units]) }));

  return {
    task,
    vector: (name) => float64s(folder, `${name}.bin`),
    experiment: (steps, method) => {
      return defineExperiment({
        name: "drmad-mnist reference",
        data,
        params,
        hyper: { t: hyper.perWeight(task.transform0) },
        train: {
          loss: (z, h, { x, y }) =>
            ops.add(ops.crossEntropy(nn.forward(weights(z, h.t), x), y), nn.l2(z, ops.constant(Math.exp(task.log_L2)))),
          dynamics: momentum({ rate: task.alpha, decay: task.beta }),
          steps,
          batch: task.batch,
          rows: (t) => table.slice(t * task.batch, (t + 1) * task.batch),
        },
        valid: { loss: (z, h, { x, y }) => ops.crossEntropy(nn.forward(weights(z, h.t), x), y) },
        metrics: { error: (z, h, { x, y }) => nn.errorRate(nn.forward(weights(z, h.t), x), y) },
        ...(method === undefined ? {} : { method }),
      });
    },
  };
}
