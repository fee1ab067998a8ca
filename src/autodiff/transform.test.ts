import { describe, expect, test } from "vitest";
import { floats } from "../../test/run.ts";
import { evaluate } from "../engine/reference/engine.ts";
import { toGraph } from "../tensor/graph.ts";
import { alias, input } from "../tensor/layout.ts";
import * as ops from "../tensor/ops.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { sumTo, type Derivative } from "./rules.ts";
import { dense, grad, jvp, secondProduct, vjp } from "./transform.ts";

const x = input("x", []);
const y = input("y", []);
const AT = { x: floats([], [2]), y: floats([], [5]), v: floats([2], [3, -4]) };

/** Values at x = 2, y = 5, v = (3, −4); a missing derivative is null. */
function values(derivatives: readonly Derivative[]): readonly (number | readonly number[] | null)[] {
  const present = Object.fromEntries(derivatives.flatMap((d, i) => (d === null ? [] : [[`d${i}`, d] as const])));
  const feeds = Object.fromEntries(Object.entries(AT).map(([n, a]) => [n, { data: Float64Array.from(a.data), shape: a.shape }])); // prettier-ignore
  const got = evaluate(toGraph(present), feeds);
  return derivatives.map((d, i) => {
    if (d === null) return null;
    const { data, shape } = got[`d${i}`]!;
    return shape.length === 0 ? data[0]! : [...data];
  });
}

describe("several inputs and outputs", () => {
  const f = [ops.mul(x, y), ops.square(x)];
  test("forward sums over inputs, for every output", () => {
    expect(values(jvp(f, [x, y], [ops.constant(1), ops.constant(10)]))).toEqual([5 + 20, 4]);
  });
  test("reverse sums over outputs, for every input", () => {
    expect(values(vjp(f, [x, y], [ops.constant(1), ops.constant(10)]))).toEqual([5 + 40, 2]);
  });
  test("an output used twice, an input given twice, an output that is an input", () => {
    expect(values(vjp([f[0]!, f[0]!], [x], [ops.constant(1), ops.constant(1)]))).toEqual([10]);
    expect(values(vjp([f[0]!], [x, x], [ops.constant(1)]))).toEqual([5, 5]);
    expect(values(vjp([x], [x], [ops.constant(7)]))).toEqual([7]);
    expect(values(jvp([x], [x], [ops.constant(7)]))).toEqual([7]);
  });
});

describe("zeros are null", () => {
  const z = input("z", [2]);
  test.each([
    ["of what does not vary, forward", jvp([ops.sin(y)], [x], [ops.constant(1)])],
    ["of what does not vary, in reverse", vjp([ops.sin(y)], [x], [ops.constant(1)])],
    ["along nothing", jvp([ops.sin(x)], [x], [null])],
    ["of nothing", vjp([ops.sin(x)], [x], [null])],
    ["behind detach", vjp([ops.detach(ops.sin(x))], [x], [ops.constant(1)])],
    ["behind detach, forward", jvp([ops.detach(ops.sin(x))], [x], [ops.constant(1)])],
    ["of a sign", grad(ops.sum(ops.sign(z)), [z])],
    ["through truth values", grad(ops.sum(ops.less(z, 0)), [z])],
    ["through integers", grad(ops.sum(ops.cast(ops.cast(z, "int"), "float")), [z])],
    ["second, of what is linear", secondProduct(ops.mul(3, x), [x], [ops.constant(1)], [x])],
    ["mixed, of what is a sum", secondProduct(ops.add(ops.sin(x), ops.sin(y)), [x], [ops.constant(1)], [y])],
  ] as const)("%s", (_, derivatives) => expect(derivatives).toEqual([null]));

  test("and dense makes them zeros of the right shape", () => {
    const d = dense(null, z);
    expect([d.op, d.shape, d.attributes]).toEqual(["constant", [2], { value: 0 }]);
    expect(dense(z, z)).toBe(z);
  });
});

describe("inputs are independent, even where one is computed from another", () => {
  // m = x², f = m·x: with m held apart ∂f/∂x = m and ∂f/∂m = x.
  const m = ops.square(x);
  const f = ops.mul(m, x);
  test("reverse", () => expect(values(vjp([f], [x, m], [ops.constant(1)]))).toEqual([4, 2]));
  test("forward", () => expect(values(jvp([f], [x, m], [ops.constant(1), ops.constant(10)]))).toEqual([4 + 20]));
  test("forward, a null tangent cuts as well", () => {
    expect(values(jvp([f], [x, m], [ops.constant(1), null]))).toEqual([4]);
  });
  test("alone, x is followed through m", () => expect(values(grad(f, [x]))).toEqual([12]));
  test("an alias takes derivatives of its own place only", () => {
    const a = alias(x);
    const g = ops.mul(a, ops.square(x));
    expect(values(grad(g, [a]))).toEqual([4]);
    expect(values(grad(g, [x]))).toEqual([12]);
    expect(values(grad(g, [x, a]))).toEqual([8, 4]);
  });
});

const d = (t: Tensor, by: Tensor): Tensor => grad(t, [by])[0]!;
const along = (t: Tensor): Tensor => jvp([t], [x], [ops.constant(1)])[0]!;

describe("derivatives of derivatives", () => {
  const f = ops.mul(ops.pow(x, 4), ops.exp(y));
  const e5 = Math.exp(5);
  test("four times in reverse", () => {
    const [got] = values([d(d(d(d(f, x), x), x), x)]) as [number];
    expect(Math.abs(got / (24 * e5) - 1)).toBeLessThan(1e-14);
  });
  test("order does not matter", () => {
    const [a, b] = values([d(d(d(f, x), y), x), d(d(d(f, y), x), x)]) as [number, number];
    expect(Math.abs(a / (48 * e5) - 1)).toBeLessThan(1e-14);
    expect(Math.abs(b / a - 1)).toBeLessThan(1e-14);
  });
  test("forward over forward", () => {
    const [got] = values([along(along(f))]) as [number];
    expect(Math.abs(got / (48 * e5) - 1)).toBeLessThan(1e-14);
  });
  test("second products of several inputs at once: ∂(x, y)⟨∇ₓ x²y, 3⟩ = (2y·3, 2x·3)", () => {
    expect(values(secondProduct(ops.mul(ops.square(x), y), [x], [ops.constant(3)], [x, y]))).toEqual([30, 12]);
  });
  test("a direction that varies is held constant", () => {
    const v = input("v", [2]);
    // ∂v⟨∇v ½‖v‖², u⟩ = u although u is v itself.
    expect(values(secondProduct(ops.mul(0.5, ops.sum(ops.square(v))), [v], [ops.detach(v)], [v]))).toEqual([[3, -4]]);
  });
});

describe("wrong requests", () => {
  const v = input("v", [2]);
  test("a gradient of what is not a real scalar", () => {
    expect(() => grad(v, [v])).toThrow("a gradient needs a real scalar, not float of shape [2]");
    expect(() => grad(ops.argMax(v), [v])).toThrow("not int of shape []");
  });
  test("a tangent or cotangent of another shape", () => {
    expect(() => jvp([ops.sin(v)], [v], [ops.constant(1)])).toThrow("tangent 0 has shape [] for a tensor of [2]");
    expect(() => vjp([ops.sin(v)], [v], [ops.constant(1, [3])])).toThrow(
      "cotangent 0 has shape [3] for a tensor of [2]",
    );
  });
});

test("sumTo undoes stretching", () => {
  const m = input("m", [2, 3]);
  const feeds = { m: { data: Float64Array.of(1, 2, 3, 4, 5, 6), shape: [2, 3] } };
  const at = (shape: readonly number[]): readonly number[] => [
    ...evaluate(toGraph({ s: sumTo(m, shape) }), feeds)["s"]!.data,
  ];
  expect(at([3])).toEqual([5, 7, 9]);
  expect(at([2, 1])).toEqual([6, 15]);
  expect(at([1, 1])).toEqual([21]);
  expect(at([])).toEqual([21]);
  expect(sumTo(m, [2, 3])).toBe(m);
});

test("derivatives of graphs deeper than the call stack", () => {
  const v = input("v", [2]);
  const ones = ops.constant(1, [2]);
  const deep = (steps: number): Tensor => {
    let z: Tensor = v;
    for (let i = 0; i < steps; i++) z = ops.add(ops.sin(z), v);
    return ops.sum(z);
  };
  const shallower = deep(2_500);
  const graph = toGraph({
    deepest: grad(deep(10_000), [v])[0]!,
    gradient: grad(shallower, [v])[0]!,
    tangent: jvp([shallower], [v], [ones])[0]!,
    product: secondProduct(shallower, [v], [ones], [v])[0]!,
  });
  const got = evaluate(graph, { v: { data: Float64Array.of(0.3, -0.7), shape: [2] } });
  const total = got["gradient"]!.data.reduce((a, b) => a + b, 0);
  expect(Math.abs(got["tangent"]!.data[0]! - total)).toBeLessThan(1e-12 * Math.abs(total));
  for (const name of ["deepest", "product"]) expect(got[name]!.data.every(Number.isFinite)).toBe(true);
});
