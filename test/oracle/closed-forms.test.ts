import { afterAll, describe, expect, test } from "vitest";
import { momentum } from "../../src/dynamics/momentum.ts";
import { sgd } from "../../src/dynamics/sgd.ts";
import { nativeEngine } from "../../src/engine/onnx/session.ts";
import { drmad } from "../../src/hypergradient/drmad.ts";
import type { Method } from "../../src/hypergradient/method.ts";
import { reverse } from "../../src/hypergradient/reverse.ts";
import * as nn from "../../src/nn/nn.ts";
import type { Experiment } from "../../src/problem/experiment.ts";
import { hyper } from "../../src/problem/hyper.ts";
import { defineExperiment } from "../../src/study/define.ts";
import * as ops from "../../src/tensor/ops.ts";
import { formula, numbersOf, relativeError, rolloutOf, type Numbers } from "./measure.ts";

const engine = nativeEngine({ precision: "float64", threads: 1 });
afterAll(() => engine.close());
const run = async (experiment: Experiment, method: Method = reverse()): Promise<Numbers> =>
  numbersOf(await rolloutOf(experiment, engine), method);

type Matrix = readonly (readonly number[])[];
type Vector = readonly number[];
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const matrix = (n: number, at: (i: number, j: number) => number): Matrix =>
  range(n).map((i) => range(n).map((j) => at(i, j)));
const dot = (a: Vector, b: Vector): number => a.reduce((sum, v, i) => sum + v * b[i]!, 0);
const apply = (m: Matrix, v: Vector): Vector => m.map((r) => dot(r, v));
const times = (a: Matrix, b: Matrix): Matrix =>
  matrix(a.length, (i, j) => dot(a[i]!, b.map((r) => r[j]!))); // prettier-ignore
const plus = (a: Vector, b: Vector, factor = 1): Vector => a.map((v, i) => v + factor * b[i]!);
const row = (values: Vector): ops.Tensor => ops.literal(values, [values.length]);
const unused = { x: { data: new Float64Array(2), shape: [2, 1] } };
const NO_DATA = { train: unused, valid: unused };
const expectClose = (got: ArrayLike<number>, expected: Vector, tolerance: number): void =>
  expect(relativeError(got, expected)).toBeLessThan(tolerance);

describe("ridge regression by full-batch gradient descent", () => {
  test("one weight, two steps: written out", async () => {
    // L = ½(x w − y)² + ½λw² over two examples: g = (a + λ)w − b with a = mean x², b = mean xy.
    const [x, y, w0, rate, lambda, target] = [[1.5, -0.5], [2, 1], 0.7, 0.3, 0.2, 0.4] as const;
    const a = (x[0] ** 2 + x[1] ** 2) / 2;
    const b = (x[0] * y[0] + x[1] * y[1]) / 2;
    const shrink = 1 - rate * (a + lambda);
    const w1 = shrink * w0 + rate * b;
    const w2 = shrink * w1 + rate * b;
    const split = { x: { data: Float64Array.from(x), shape: [2] }, y: { data: Float64Array.from(y), shape: [2] } };
    const { value, gradient, direct } = await run(
      defineExperiment({
        data: { train: split, valid: split },
        params: { w: nn.given([1], [w0]) },
        hyper: { penalty: hyper.scalar(lambda), rate: hyper.scalar(rate) },
        train: {
          loss: ({ w }, h, batch) =>
            ops.mul(0.5, ops.add(ops.mse(ops.mul(batch.x, w), batch.y), ops.mul(h.penalty, ops.sum(ops.square(w))))),
          dynamics: (h) => sgd({ rate: h.rate }),
          steps: 2,
        },
        valid: { loss: ({ w }) => ops.mul(0.5, ops.sum(ops.square(ops.sub(w, target)))) },
      }),
    );
    expectClose([value], [0.5 * (w2 - target) ** 2], 1e-14);
    expectClose(gradient["penalty"]!, [(w2 - target) * (-rate * w1 + shrink * -rate * w0)], 1e-14);
    const slope = (w: number): number => (a + lambda) * w - b;
    expectClose(gradient["rate"]!, [(w2 - target) * (-slope(w1) - shrink * slope(w0))], 1e-14);
    expect([...direct["penalty"]!, ...direct["rate"]!]).toEqual([0, 0]);
  });

  test("five weights with a penalty each, three steps: dw/dλ carried forward by hand", async () => {
    const [n, d, steps, rate] = [12, 5, 3, 0.25];
    const [x, y] = [formula(1, n * d), formula(2, n)];
    const u = formula(3, d).map((v) => v - 1);
    const start = [...formula(4, d)];
    const target = [...formula(6, d)];
    const lambda = Array.from(u, Math.exp);
    const second = matrix(d, (i, j) => range(n).reduce((sum, k) => sum + x[k * d + i]! * x[k * d + j]!, 0) / n);
    const cross = range(d).map((i) => range(n).reduce((sum, k) => sum + x[k * d + i]! * y[k]!, 0) / n);
    let w: Vector = start;
    let tangents: Matrix = matrix(d, () => 0); // row k: dw/dλ_k
    const bend = (v: Vector): Vector => plus(apply(second, v), v.map((e, i) => e * lambda[i]!)); // prettier-ignore
    for (let t = 0; t < steps; t++) {
      const before = w;
      tangents = tangents.map((row, k) => plus(plus(row, bend(row), -rate), range(d).map((i) => (i === k ? before[k]! : 0)), -rate)); // prettier-ignore
      w = plus(w, plus(bend(w), cross, -1), -rate);
    }
    const expected = tangents.map((row, k) => dot(row, plus(w, target, -1)) * lambda[k]!);

    const split = { x: { data: x, shape: [n, d] }, y: { data: y, shape: [n, 1] } };
    const rollout = await rolloutOf(
      defineExperiment({
        data: { train: split, valid: split },
        params: { w: nn.given([d, 1], start) },
        hyper: { penalty: hyper.perWeight(1, { transform: "log" }) },
        train: {
          loss: ({ w }, h, batch) => ops.mul(0.5, ops.add(ops.mse(ops.matmul(batch.x, w), batch.y), nn.l2({ w }, h.penalty))), // prettier-ignore
          dynamics: sgd({ rate }),
          steps,
        },
        valid: { loss: ({ w }) => ops.mul(0.5, ops.sum(ops.square(ops.sub(ops.reshape(w, [d]), row(target))))) },
      }),
      engine,
    );
    const { gradient } = await numbersOf(rollout.at({ "penalty.w": u }), reverse());
    expectClose(gradient["penalty.w"]!, expected, 1e-13);
  });
});

describe("a quadratic inner loss ½wᵀHw − cᵀw: w_T by matrix powers, M = 1 − αH", () => {
  const [d, steps, rate] = [4, 25, 0.2] as const;
  const raw = formula(8, d * d);
  const hessian = matrix(d, (i, j) => 0.3 * (raw[i * d + j]! + raw[j * d + i]!) + (i === j ? 1.2 : 0));
  const start = [...formula(9, d)];
  const linear = [...formula(10, d)];
  const target = [...formula(11, d)];
  const step = matrix(d, (i, j) => (i === j ? 1 : 0) - rate * hessian[i]![j]!);
  const powers = range(steps).reduce<Matrix[]>((all, k) => [...all, times(all[k]!, step)], [matrix(d, (i, j) => (i === j ? 1 : 0))]); // prettier-ignore
  const summed = matrix(d, (i, j) => rate * range(steps).reduce((sum, k) => sum + powers[k]![i]![j]!, 0));
  const last = plus(apply(powers[steps]!, start), apply(summed, linear));
  const outward = plus(last, target, -1);
  const loss = (w: ops.Tensor, c: ops.Tensor): ops.Tensor => {
    const flat = ops.reshape(w, [1, d]);
    const bent = ops.matmul(flat, ops.literal(hessian.flat(), [d, d]));
    return ops.sub(ops.mul(0.5, ops.sum(ops.mul(flat, bent))), ops.sum(ops.mul(c, w)));
  };
  const valid = { loss: ({ w }: { w: ops.Tensor }) => ops.mul(0.5, ops.sum(ops.square(ops.sub(w, row(target))))) };

  test("in the linear term, the rate, and an unused element", async () => {
    const { value, gradient } = await run(
      defineExperiment({
        data: NO_DATA,
        params: { w: nn.given([d], start) },
        hyper: {
          linear: hyper.array({ data: Float64Array.of(...linear, 7), shape: [d + 1] }),
          rate: hyper.scalar(rate),
        },
        train: {
          loss: ({ w }, h) => loss(w, ops.slice(h.linear, [0], [d])),
          dynamics: (h) => sgd({ rate: h.rate }),
          steps,
        },
        valid,
      }),
    );
    expectClose([value], [0.5 * dot(outward, outward)], 1e-12);
    // dw_T/dc = α Σ Mᵏ,  dw_T/dα = T M^{T−1} (c − H w_0); all of it symmetric.
    expectClose(gradient["linear"]!, [...apply(summed, outward), 0], 1e-10);
    expect(gradient["linear"]![d]).toBe(0);
    const pull = plus(linear, apply(hessian, start), -1);
    expectClose(gradient["rate"]!, [steps * dot(outward, apply(powers[steps - 1]!, pull))], 1e-10);
  });

  test.each([reverse(), drmad()])("in the start alone: $name", async (method) => {
    const { gradient, direct } = await run(
      defineExperiment({
        data: NO_DATA,
        params: { w: nn.given([d], start) },
        hyper: { scale: hyper.perWeight(1, { transform: "log" }) },
        initial: ({ w }, { scale }) => ({ w: ops.mul(scale.w, w) }),
        train: { loss: ({ w }) => loss(w, row(linear)), dynamics: sgd({ rate }), steps },
        valid,
      }),
      method,
    );
    // The curvature is the same everywhere, so the line is as good as the truth.
    expectClose(gradient["scale.w"]!, apply(powers[steps]!, outward).map((v, i) => v * start[i]!), 1e-10); // prettier-ignore
    expect([...direct["scale.w"]!]).toEqual([0, 0, 0, 0]);
  });
});

test("T = 1 with momentum, by hand", async () => {
  const [w0, c, lambda, rate, decay, target] = [0.8, 0.5, 0.3, 0.4, 0.6, 0.1];
  const g = w0 - c + lambda * w0;
  const v1 = -(1 - decay) * g;
  const w1 = w0 + rate * v1;
  const outward = w1 - target;
  const { value, gradient, growth } = await run(
    defineExperiment({
      data: NO_DATA,
      params: { w: nn.given([1], [w0]) },
      hyper: { penalty: hyper.scalar(lambda), rate: hyper.scalar(rate), decay: hyper.scalar(decay) },
      train: {
        loss: ({ w }, h) =>
          ops.mul(0.5, ops.sum(ops.add(ops.square(ops.sub(w, c)), ops.mul(h.penalty, ops.square(w))))),
        dynamics: (h) => momentum({ rate: h.rate, decay: h.decay }),
        steps: 1,
      },
      valid: {
        loss: ({ w }, h) => ops.mul(0.5, ops.add(ops.sum(ops.square(ops.sub(w, target))), ops.square(h.penalty))),
      },
    }),
  );
  expectClose([value], [0.5 * (outward ** 2 + lambda ** 2)], 1e-15);
  expectClose(gradient["penalty"]!, [lambda - outward * rate * (1 - decay) * w0], 1e-14);
  expectClose(gradient["rate"]!, [outward * v1], 1e-14);
  expectClose(gradient["decay"]!, [outward * rate * g], 1e-14);
  expect(growth).toBe(1);
});
