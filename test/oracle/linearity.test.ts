import { afterAll, describe, expect, test } from "vitest";
import { momentum } from "../../src/dynamics/momentum.ts";
import { nativeEngine } from "../../src/engine/onnx/session.ts";
import { drmad } from "../../src/hypergradient/drmad.ts";
import { reverse } from "../../src/hypergradient/reverse.ts";
import * as nn from "../../src/nn/nn.ts";
import type { Experiment } from "../../src/problem/experiment.ts";
import { hyper } from "../../src/problem/hyper.ts";
import { defineExperiment } from "../../src/study/define.ts";
import * as ops from "../../src/tensor/ops.ts";
import { flat, formula, numbersOf, relativeError, rolloutOf, type Numbers } from "./measure.ts";

/** How a hypergradient must change when the problem is stated otherwise. */
const ENGINES = [
  ["float64", nativeEngine({ precision: "float64", threads: 1 }), 1e-13],
  ["float32", nativeEngine({ precision: "float32", threads: 1 }), 1e-5],
] as const;
afterAll(() => Promise.all(ENGINES.map(([, engine]) => engine.close())));
const METHODS = [reverse(), drmad()] as const;

type Layers = readonly nn.Layer<ops.Tensor>[];
const ROWS = 12;
const identity = Array.from({ length: ROWS }, (_, i) => i);
/** Training rows in another order. */
function reordered(order: readonly number[]) {
  const x = formula(1, 3 * ROWS);
  return {
    x: { data: Float64Array.from(order.flatMap((r) => [...x.subarray(3 * r, 3 * r + 3)])), shape: [ROWS, 3] },
    y: { data: Int32Array.from(order, (r) => (r * r + 1) % 2), shape: [ROWS] },
  };
}
interface Variation {
  readonly order?: readonly number[];
  /** f = first · (cross entropy) + second · (mean square of the weights, times a hyperparameter) */
  readonly first?: number;
  readonly second?: number;
  readonly swapped?: boolean;
  readonly log?: boolean;
}
function vary({ order = identity, first = 1, second = 1, swapped = false, log = false }: Variation = {}): Experiment {
  const penalty = hyper.scalar(0.05, log ? { transform: "log" } : {});
  return defineExperiment({
    data: { train: reordered(order), valid: reordered(identity) },
    params: nn.mlp([3, 4, 2], { deviation: 0.6 }),
    hyper: {
      examples: hyper.array({ data: Float64Array.from(order, (r) => 1 + 0.05 * r), shape: [ROWS] }),
      ...(swapped ? { b: hyper.scalar(0.02), a: penalty } : { a: penalty, b: hyper.scalar(0.02) }),
      outside: hyper.scalar(0.3),
    },
    train: {
      loss: (w: Layers, h, { x, y }) =>
        ops.add(
          ops.crossEntropy(nn.forward(w, x), y, { weights: h.examples }),
          ops.add(nn.l2(w.slice(0, 1), h.a), nn.l2(w.slice(1), h.b)),
        ),
      dynamics: momentum({ rate: 0.6, decay: 0.7 }),
      steps: 20,
    },
    valid: {
      loss: (w: Layers, h, { x, y }) =>
        ops.add(
          ops.mul(first, ops.crossEntropy(nn.forward(w, x), y)),
          ops.mul(ops.mul(second, h.outside), nn.l2(w, ops.constant(0.1))),
        ),
    },
  });
}

describe.each(ENGINES)("%s", (_, engine, tolerance) => {
  describe.each(METHODS)("$name", (method) => {
    const run = async (variation?: Variation): Promise<Numbers> =>
      numbersOf(await rolloutOf(vary(variation), engine), method);

    test("doubling the outer loss doubles all bits", async () => {
      const once = await run();
      const twice = await run({ first: 2, second: 2 });
      expect(twice.value).toBe(2 * once.value);
      expect(flat(twice.gradient)).toEqual(flat(once.gradient).map((v) => 2 * v));
      expect(flat(twice.direct)).toEqual(flat(once.direct).map((v) => 2 * v));
      expect(twice.growth).toBe(once.growth);
    });

    test("linear in the outer loss", async () => {
      const [a, b, both] = [await run(), await run({ second: 3 }), await run({ first: 2, second: 4 })];
      const combined = flat(a.gradient).map((v, i) => v + flat(b.gradient)[i]!);
      expect(relativeError(flat(both.gradient), combined)).toBeLessThan(tolerance);
    });

    test("a hyperparameter of the outer loss alone has the direct part for its gradient, all others none of it", async () => {
      const { gradient, direct } = await run();
      expect(gradient["outside"]![0]).toBe(direct["outside"]![0]);
      expect(direct["outside"]![0]).not.toBe(0);
      for (const name of ["examples", "a", "b"]) expect(direct[name]!.every((v) => v === 0)).toBe(true);
    });

    test("permuting examples and their weights permutes the gradient", async () => {
      const order = identity.map((i) => (5 * i + 3) % ROWS);
      const [plain, permuted] = [await run(), await run({ order })];
      const expected = order.map((r) => plain.gradient["examples"]![r]!);
      expect(relativeError(permuted.gradient["examples"]!, expected)).toBeLessThan(tolerance);
      expect(relativeError(permuted.gradient["a"]!, plain.gradient["a"]!)).toBeLessThan(tolerance);
    });

    test("the order in which hyperparameters are stated is no matter", async () => {
      const [plain, swapped] = [await run(), await run({ swapped: true })];
      for (const name of ["examples", "a", "b", "outside"]) {
        expect(relativeError(swapped.gradient[name]!, plain.gradient[name]!)).toBeLessThan(tolerance);
      }
    });

    test("the chain rule through a transform: d/du = λ d/dλ", async () => {
      const [plain, log] = [await run(), await run({ log: true })];
      expect(relativeError(log.gradient["a"]!, plain.gradient["a"]!.map((v) => 0.05 * v))).toBeLessThan(tolerance); // prettier-ignore
    });
  });
});
