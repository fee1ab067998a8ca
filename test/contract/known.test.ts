import { afterAll, describe, expect, test } from "vitest";
import { grad, jvp, secondProduct } from "../../src/autodiff/transform.ts";
import type { HeldArray } from "../../src/engine/engine.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/onnx/session.ts";
import { referenceEngine } from "../../src/engine/reference/engine.ts";
import * as ops from "../../src/tensor/ops.ts";
import { toGraph } from "../../src/tensor/graph.ts";
import { input, scatterAdd } from "../../src/tensor/layout.ts";
import type { Shape } from "../../src/tensor/shape.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { floats, runProgram } from "../run.ts";

// Numbers from mathematics, not from this program: each expectation is a closed form worked out by hand.

const engines: readonly Engine[] = [referenceEngine(), nativeEngine({ precision: "float64", threads: 1 })];
afterAll(() => Promise.all(engines.map((engine) => engine.close())));

type Nested = number | readonly Nested[];
const shapeOf = (x: Nested): Shape => (typeof x === "number" ? [] : [x.length, ...shapeOf(x[0]!)]);
const flat = (x: Nested): readonly number[] => (typeof x === "number" ? [x] : x.flatMap(flat));

interface Known {
  readonly name: string;
  readonly at: readonly Nested[];
  readonly of: (...xs: readonly Tensor[]) => Tensor | null | undefined;
  readonly is: Nested;
}
const known = (name: string, at: readonly Nested[], of: Known["of"], is: Nested): Known => ({ name, at, of, is });

/** Derivative of a scalar function in its first argument. */
const d =
  (f: (...xs: readonly Tensor[]) => Tensor): Known["of"] =>
  (...xs) =>
    grad(f(...xs), xs)[0];
/** Second derivative along a direction in the first argument; `at` holds the point and then the direction. */
const dd =
  (f: (x: Tensor) => Tensor): Known["of"] =>
  (x, v) =>
    secondProduct(f(x!), [x!], [v!], [x!])[0];

const { E, LN2, PI, SQRT1_2 } = Math;
const LN3 = Math.log(3);
const labels = (...values: readonly number[]): Tensor => ops.literal(values, [values.length], "int");

// prettier-ignore
const VALUES: readonly Known[] = [
  known("softmax(0, ln 3) = (1/4, 3/4)", [[0, LN3]], (x) => ops.softmax(x!), [0.25, 0.75]),
  known("softmax of three equal numbers", [[7, 7, 7]], (x) => ops.softmax(x!), [1 / 3, 1 / 3, 1 / 3]),
  known("softmax far out", [[1e5, 1e5, 0]], (x) => ops.softmax(x!), [0.5, 0.5, 0]),
  known("log softmax(0, ln 3)", [[0, LN3]], (x) => ops.logSoftmax(x!), [-2 * LN2, LN3 - 2 * LN2]),
  known("log Σ exp of two thousands", [[1000, 1000]], (x) => ops.logSumExp(x!), 1000 + LN2),
  known("log Σ exp of nothing but −∞", [[-Infinity, -Infinity]], (x) => ops.logSumExp(x!), -Infinity),
  known("log Σ exp of logarithms adds", [[Math.log(2), LN3, Math.log(5)]], (x) => ops.logSumExp(x!), Math.log(10)),
  known("cross entropy of even odds is ln 2", [[[0, 0], [5, 5]]], (x) => ops.crossEntropy(x!, labels(0, 1)), LN2),
  known("cross entropy by label", [[[0, LN3], [0, LN3]]], (x) => ops.crossEntropy(x!, labels(0, 1)), 2 * LN2 - LN3 / 2),
  known("cross entropy of probabilities", [[[0, LN3]], [[0.5, 0.5]]], (x, p) => ops.crossEntropy(x!, p!), 2 * LN2 - LN3 / 2),
  known(
    "cross entropy with weights is divided by n",
    [[[0, LN3], [0, LN3]], [3, 0]],
    (x, w) => ops.crossEntropy(x!, labels(0, 1), { weights: w! }),
    3 * LN2,
  ),
  known("mean squared error", [[1, 2, 4], [0, 4, 4]], (a, b) => ops.mse(a!, b!), 5 / 3),
  known("layer norm of −1, 1", [[-3, 3]], (x) => ops.layerNorm(x!, 2, 0.5, 0), [-1.5, 2.5]),
  known("softplus(0) = ln 2", [0], (x) => ops.softplus(x!), LN2),
  known("softplus(1000) = 1000", [1000], (x) => ops.softplus(x!), 1000),
  known("sigmoid(ln 3) = 3/4", [LN3], (x) => ops.sigmoid(x!), 0.75),
  known("tanh(ln 2) = 3/5", [LN2], (x) => ops.tanh(x!), 0.6),
  known("gelu in its tanh form", [[0, 1]], (x) => ops.gelu(x!), [0, 0.8411919906082768]),
  known("sin(π/4)", [PI / 4], (x) => ops.sin(x!), SQRT1_2),
  known("an integral power of a negative number", [[-2, 3]], (x) => ops.pow(x!, 3), [-8, 27]),
  known("matrix product", [[[1, 2], [3, 4]], [[5, 6], [7, 8]]], (a, b) => ops.matmul(a!, b!), [[19, 22], [43, 50]]),
  known(
    "aᵀ bᵀ",
    [[[1, 2], [3, 4]], [[5, 6], [7, 8]]],
    (a, b) => ops.matmul(a!, b!, { transposeA: true, transposeB: true }),
    [[23, 31], [34, 46]],
  ),
  known("einsum trace of a product", [[[1, 2], [3, 4]], [[5, 6], [7, 8]]], (a, b) => ops.einsum("ij,ji->", a!, b!), 69),
  known("gather", [[[1, 2], [3, 4], [5, 6]]], (x) => ops.gather(x!, labels(2, 0, 2)), [[5, 6], [1, 2], [5, 6]]),
  known("scatter adds where indices repeat", [[1, 2, 4]], (x) => scatterAdd(labels(1, 1, 0), x!, [3]), [4, 3, 0]),
  known("transpose", [[[1, 2, 3], [4, 5, 6]]], (x) => ops.transpose(x!), [[1, 4], [2, 5], [3, 6]]),
  known("pad", [[1, 2]], (x) => ops.pad(x!, [1], [2]), [0, 1, 2, 0, 0]),
  known("stack on a new last axis", [[1, 2], [3, 4]], (a, b) => ops.stack([a!, b!], -1), [[1, 3], [2, 4]]),
  known("first of equal maxima", [[3, 7, 7]], (x) => ops.cast(ops.argMax(x!), "float"), 1),
  known("one-hot", [0], (x) => ops.mul(ops.add(x!, 1), ops.oneHot(labels(1, 3, 0), 3)), [[0, 1, 0], [0, 0, 0], [1, 0, 0]]),
];

// prettier-ignore
const DERIVATIVES: readonly Known[] = [
  known("of |x| at −2, 0, 3", [[-2, 0, 3]], d((x) => ops.sum(ops.abs(x!))), [-1, 0, 1]),
  known("of relu at −1, 0, 2", [[-1, 0, 2]], d((x) => ops.sum(ops.relu(x!))), [0, 0, 1]),
  known("of max: three equal maxima share", [[5, 5, 1, 5]], d((x) => ops.max(x!)), [1 / 3, 1 / 3, 0, 1 / 3]),
  known("of min: two equal minima share", [[1, 5, 1]], d((x) => ops.min(x!)), [0.5, 0, 0.5]),
  known("of maximum(x, 0): a tie shares", [[-1, 0, 2]], d((x) => ops.sum(ops.maximum(x!, 0))), [0, 0.5, 1]),
  known("of clip at its ends and inside", [[-3, -1, 0, 1, 3]], d((x) => ops.sum(ops.clip(x!, -1, 1))), [0, 0.5, 1, 0.5, 0]),
  known("of softplus at ln 3", [LN3], d((x) => ops.softplus(x!)), 0.75),
  known("of sigmoid at ln 3 is 3/4 · 1/4", [LN3], d((x) => ops.sigmoid(x!)), 3 / 16),
  known("of tanh at ln 2 is 1 − 9/25", [LN2], d((x) => ops.tanh(x!)), 16 / 25),
  known("of √x at 1/4", [0.25], d((x) => ops.sqrt(x!)), 1),
  known("of log x at 1/8", [0.125], d((x) => ops.log(x!)), 8),
  known("of x³ at −2", [-2], d((x) => ops.pow(x!, 3)), 12),
  known("of 2ˣ at 3", [3], d((x) => ops.pow(2, x!)), 8 * LN2),
  known("of xᵖ in p at x = e", [2, E], d((p, x) => ops.pow(x!, p!)), E * E),
  known("of 0ᵖ in p is 0", [2, 0], d((p, x) => ops.pow(x!, p!)), 0),
  known("of a / b in b", [4, 6], d((b, a) => ops.div(a!, b!)), -3 / 8),
  known(
    "of cross entropy: (softmax − target)/n",
    [[[0, LN3], [0, 0]]],
    d((x) => ops.crossEntropy(x!, labels(0, 1))),
    [[(0.25 - 1) / 2, 0.75 / 2], [0.25, -0.25]],
  ),
  known("of log Σ exp is softmax", [[0, LN3]], d((x) => ops.logSumExp(x!)), [0.25, 0.75]),
  known("of xᵀ A x in x is (A + Aᵀ) x", [[[1], [2]], [[1, 2], [4, 3]]], d((x, a) =>
    ops.sum(ops.matmul(ops.transpose(x!), ops.matmul(a!, x!)))), [[14], [18]]),
  known("of rows picked twice", [[1, 2, 3]], d((x) => ops.sum(ops.square(ops.gather(x!, labels(1, 1, 2))))), [0, 8, 6]),
  known("through a number that stretches", [2], d((x) => ops.sum(ops.mul(x!, ops.literal([1, 2, 4])))), 7),
  known("stops at detach", [3], d((x) => ops.mul(x!, ops.detach(ops.square(x!)))), 9),
  known("of a branch not taken", [[-4, 4]], d((x) => ops.sum(ops.where(ops.less(x!, 0), ops.mul(2, x!), ops.square(x!)))), [2, 8]),
  known("second, of x³ along 1", [[2], [1]], dd((x) => ops.sum(ops.pow(x, 3))), [12]),
  known("second, of tanh: −2 t (1 − t²)", [[LN2], [1]], dd((x) => ops.sum(ops.tanh(x))), [-2 * 0.6 * 0.64]),
  known("second, of sigmoid: s (1 − s)(1 − 2s)", [[LN3], [1]], dd((x) => ops.sum(ops.sigmoid(x))), [(3 / 16) * -0.5]),
  known("second, of exp", [[1], [2]], dd((x) => ops.sum(ops.exp(x))), [2 * E]),
  known("second, of log Σ exp: diag(p) − p pᵀ", [[0, LN3], [1, 0]], dd((x) => ops.logSumExp(x)), [3 / 16, -3 / 16]),
  known("second, of ½‖x‖² is the direction", [[4, -1], [2, 3]], dd((x) => ops.mul(0.5, ops.sum(ops.square(x)))), [2, 3]),
  known(
    "mixed: ∂λ⟨∇w(½ λ w²), v⟩ = w v",
    [3, 5, 2],
    (w, l, v) => secondProduct(ops.mul(ops.mul(0.5, l!), ops.square(w!)), [w!], [v!], [l!])[0],
    6,
  ),
  known("mixed: ∂h⟨∇w sin(w h), v⟩", [0, 2, 1], (w, h, v) => secondProduct(ops.sin(ops.mul(w!, h!)), [w!], [v!], [h!])[0], 1),
  known("forward, of x y along (1, 10)", [3, 4], (x, y) => jvp([ops.mul(x!, y!)], [x!, y!], [ops.constant(1), ops.constant(10)])[0], 34),
];

describe.each([
  ["value", VALUES],
  ["derivative", DERIVATIVES],
] as const)("%s", (_, table) => {
  test.each(table)("$name", async ({ at, of, is }) => {
    const xs = at.map((x, i) => input(`x${i}`, shapeOf(x)));
    const y = of(...xs);
    if (y === null || y === undefined) throw new Error("there is no derivative");
    expect(y.shape).toEqual(shapeOf(is));
    for (const engine of engines) {
      const feeds = Object.fromEntries(at.map((x, i) => [`x${i}`, toArray(x)]));
      const got = (await runProgram(engine, { name: "known", graph: toGraph({ y }) }, feeds))["y"]!;
      const want = flat(is);
      expect(got.shape).toEqual(y.shape);
      want.forEach((w, k) => {
        if (Number.isFinite(w))
          expect(Math.abs(got.data[k]! - w)).toBeLessThanOrEqual(4e-15 * Math.max(1, Math.abs(w)));
        else expect(got.data[k]).toBe(w);
      });
    }
  });
});

const toArray = (x: Nested): HeldArray => floats(shapeOf(x), flat(x));
