import { expect, test } from "vitest";
import { momentum } from "../dynamics/momentum.ts";
import type { Dataset } from "../data/dataset.ts";
import * as nn from "../nn/nn.ts";
import { hyper, type Hyper } from "../problem/hyper.ts";
import { resolveProblem, type Problem } from "../problem/problem.ts";
import * as ops from "../tensor/ops.ts";
import { defineExperiment } from "./define.ts";
import { isPerExample, keptExamples } from "./examples.ts";

const split = (rows: number) => ({
  x: { data: Float64Array.from({ length: 6 * rows }, (_, i) => i - 2), shape: [rows, 6] },
  y: { data: Int32Array.from({ length: rows }, (_, i) => i % 2), shape: [rows] },
});
const data: Dataset<ReturnType<typeof split>> = { train: split(4), valid: split(3), image: { height: 2, width: 3 } };

const problemOf = (of: Dataset<ReturnType<typeof split>>, w: Hyper<"tensor">): Promise<Problem> =>
  resolveProblem(
    defineExperiment({
      data: of,
      params: nn.mlp([6, 2]),
      hyper: { w },
      train: {
        loss: (p, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(p, x), y), ops.sum(h.w)),
        dynamics: momentum({ rate: 0.1, decay: 0.5 }),
        steps: 4,
      },
      valid: { loss: (p, _, { x, y }) => ops.crossEntropy(nn.forward(p, x), y) },
    }),
  );
const weights = (shape: readonly number[], perStep = false): Hyper<"tensor"> =>
  hyper.array({ data: new Float64Array(shape.reduce((a, b) => a * b, 1)).fill(1), shape }, { perStep });

test("training rows are kept as pictures from black to white, with their labels", async () => {
  const kept = keptExamples(await problemOf(data, weights([4, 1])))!;
  expect(kept.pixels.shape).toEqual([4, 6]);
  expect([...kept.pixels.data]).toEqual(Array.from({ length: 24 }, (_, i) => Math.round((255 * i) / 23)));
  expect(kept.labels).toEqual({ data: Int32Array.of(0, 1, 0, 1), shape: [4] });
});

test("they are kept only where they have something to show", async () => {
  expect(keptExamples(await problemOf(data, weights([4])))).toBeDefined();
  expect(keptExamples(await problemOf(data, weights([3])))).toBeUndefined();
  const { image: _, ...plain } = data;
  expect(keptExamples(await problemOf(plain, weights([4])))).toBeUndefined();
  expect(keptExamples(await problemOf({ ...data, image: { height: 6, width: 2 } }, weights([4])))).toBeUndefined();
  const problem = await problemOf(data, weights([4]));
  const many = { data: new Float64Array(0), shape: [2 ** 22, 6] };
  const large = { ...problem, data: { ...problem.data, train: { x: many } } };
  const tensors = problem.hypers.tensors.map((tensor) => ({ ...tensor, shape: [2 ** 22] }));
  expect(keptExamples({ ...large, hypers: { ...problem.hypers, tensors } })).toBeUndefined();
});

test("a value for each step is none for each row", () => {
  expect(isPerExample({ shape: [4], perStep: true }, 4)).toBe(false);
  expect(isPerExample({ shape: [4, 2], perStep: false }, 4)).toBe(false);
  expect(isPerExample({ shape: [], perStep: false }, 0)).toBe(false);
});
