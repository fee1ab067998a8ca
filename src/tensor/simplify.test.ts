import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { evaluate } from "../engine/reference/engine.ts";
import { toGraph } from "./graph.ts";
import { alias, input, scatterAdd } from "./layout.ts";
import * as ops from "./ops.ts";
import { sumKeeping } from "./reduce.ts";
import { topological, type Tensor } from "./tensor.ts";

const x = input("x", [2, 3]);
const y = input("y", [2, 3]);
const row = input("row", [3]);
const zeros = (...shape: readonly number[]): Tensor => ops.constant(0, shape);
const ones = (...shape: readonly number[]): Tensor => ops.constant(1, shape);

describe("what changes nothing vanishes", () => {
  test.each([
    ["x + 0", ops.add(x, 0), x],
    ["0 + x", ops.add(0, x), x],
    ["x − 0", ops.sub(x, 0), x],
    ["x · 1", ops.mul(x, 1), x],
    ["1 · x", ops.mul(1, x), x],
    ["x / 1", ops.div(x, 1), x],
    ["−(−x)", ops.neg(ops.neg(x)), x],
    ["−1 · −x", ops.mul(-1, ops.neg(x)), x],
    ["x¹", ops.pow(x, 1), x],
    ["¼ · (4 · x)", ops.mul(0.25, ops.mul(4, x)), x],
    ["not not", ops.not(ops.not(ops.less(x, y))).inputs[0], x],
    ["a sum over no axis", ops.sum(x, { axes: [] }), x],
    ["a maximum over no axis", ops.max(x, { axes: [] }), x],
    ["a reshape to the same shape", ops.reshape(x, [2, -1]), x],
    ["a reshape there and back", ops.reshape(ops.reshape(x, [6]), [2, 3]), x],
    ["an order that is the same", ops.transpose(x, [0, 1]), x],
    ["two transposes", ops.transpose(ops.transpose(x)), x],
    ["a slice of everything", ops.slice(x, [0, 0], [2, 3]), x],
    ["padding with nothing", ops.pad(x, [0, 0], [0, 0]), x],
    ["stretching to the same shape", ops.broadcastTo(x, [2, 3]), x],
    ["one part joined", ops.concat([x]), x],
    ["a cast to the same type", ops.cast(x, "float"), x],
    ["a choice between the same", ops.where(ops.less(x, 0), y, y), y],
    ["0 + a smaller tensor, of its own shape", ops.add(row, zeros(1)), row],
  ] as const)("%s", (_, got, want) => expect(got).toBe(want));
});

describe("an operand of another shape keeps its effect on the shape", () => {
  test.each([
    ["x + 0", ops.add(row, zeros(2, 3))],
    ["0 + x", ops.add(zeros(2, 1), row)],
    ["x − 0", ops.sub(row, zeros(2, 3))],
    ["0 − x", ops.sub(zeros(2, 3), row)],
    ["x · 1", ops.mul(row, ones(2, 3))],
    ["x · 0", ops.mul(row, zeros(2, 3))],
    ["x / 1", ops.div(row, ones(2, 3))],
    ["0 / x", ops.div(zeros(2, 3), row)],
    ["x⁰", ops.pow(row, zeros(2, 3))],
    ["x¹", ops.pow(row, ones(2, 3))],
    ["x²", ops.pow(row, ops.constant(2, [2, 3]))],
    ["√x", ops.pow(row, ops.constant(0.5, [2, 1]))],
    ["1/x", ops.pow(row, ops.constant(-1, [2, 1]))],
    ["a choice between the same", ops.where(ops.less(x, 0), row, row)],
  ] as const)("%s", (_, got) => expect(got.shape).toEqual([2, 3]));
});

const opsOf = (t: Tensor): readonly string[] => topological([t]).map((n) => n.op);

describe("constants merge", () => {
  test.each([
    ["2 + 3", ops.add(2, 3), 5],
    ["2 − 3", ops.sub(2, 3), -1],
    ["2 · 3", ops.mul(2, 3), 6],
    ["2 / 4", ops.div(2, 4), 0.5],
    ["2³", ops.pow(2, 3), 8],
    ["max", ops.maximum(2, 3), 3],
    ["min", ops.minimum(2, 3), 2],
    ["exp", ops.exp(0), 1],
    ["relu", ops.relu(-2), 0],
    ["0 · x", ops.mul(0, x), 0],
    ["0 / x", ops.div(0, x), 0],
    ["x⁰", ops.pow(x, 0), 1],
    ["a sum of equal numbers", ops.sum(ops.constant(2, [2, 3])), 12],
    ["a mean of equal numbers", ops.mean(ops.constant(2, [2, 3])), 2],
    ["a maximum of equal numbers", ops.max(ops.constant(2, [2, 3])), 2],
    ["a transpose", ops.transpose(ops.constant(2, [2, 3])), 2],
    ["a slice", ops.slice(ops.constant(2, [2, 3]), [1, 0], [2, 2]), 2],
    ["zeros around zeros", ops.pad(zeros(2), [1], [1]), 0],
    ["a product with a zero matrix", ops.matmul(zeros(4, 2), x), 0],
    ["scattered zeros", scatterAdd(ops.literal([0, 1], [2], "int"), zeros(2), [3]), 0],
    ["a literal of equal numbers", ops.literal([7, 7]), 7],
    ["truth as a number", ops.cast(ops.constant(3), "bool"), 1],
    ["a number cut to an integer", ops.cast(ops.constant(-2.7), "int"), -2],
    ["detach", ops.detach(ops.constant(4)), 4],
  ] as const)("%s", (_, got, value) => {
    expect(got.op).toBe("constant");
    expect(got.attributes).toEqual({ value });
  });

  test("factors and signs are drawn out of products into one number", () => {
    const p = ops.mul(ops.mul(2, x), ops.neg(ops.mul(3, y)));
    expect(p.inputs[0]!.attributes).toEqual({ value: -6 });
    expect(opsOf(p)).toEqual(["constant", "input", "input", "mul", "mul"]);
    expect(opsOf(ops.neg(ops.mul(2, x)))).toEqual(["constant", "input", "mul"]);
    expect(opsOf(ops.sum(ops.mul(2, x)))).toEqual(["constant", "input", "sum", "mul", "reshape"]);
  });

  test("signs move into additions and subtractions", () => {
    expect(ops.add(x, ops.neg(y)).op).toBe("sub");
    expect(ops.add(ops.neg(x), y).inputs).toEqual([y, x]);
    expect(ops.sub(x, ops.neg(y)).op).toBe("add");
    expect(ops.neg(ops.sub(x, y)).inputs).toEqual([y, x]);
    expect(ops.sub(0, x).op).toBe("neg");
  });

  test("minus zero and NaN literals stay what they are", () => {
    expect(ops.literal([0, -0]).op).toBe("literal");
    expect(Object.is((ops.literal([-0, -0]).attributes as { value: number }).value, -0)).toBe(true);
    expect(ops.literal([Number.NaN, Number.NaN]).op).toBe("constant");
  });

  test("a factor that is NaN is drawn out of a sum like any other", () => {
    const sum = ops.sum(ops.mul(ops.constant(Number.NaN), input("a", [3])));
    expect(evaluate(toGraph({ sum }), { a: { data: Float64Array.of(1, 2, 3), shape: [3] } })["sum"]!.data[0]).toBeNaN();
  });
});

describe("layout is absorbed", () => {
  const a = input("a", [3, 2]);
  const batch = input("batch", [4, 2, 3]);
  test("a transpose of the last two axes becomes a flag of the product", () => {
    const p = ops.matmul(ops.transpose(a), ops.transpose(x));
    expect(p.inputs).toEqual([a, x]);
    expect(p.attributes).toEqual({ transposeA: true, transposeB: true });
    const q = ops.matmul(ops.transpose(a), x, { transposeA: true });
    expect(q.attributes).toEqual({ transposeA: false, transposeB: false });
    expect(ops.matmul(ops.transpose(batch, [0, 2, 1]), x).inputs[0]).toBe(batch);
  });
  test("a transpose that moves a batch axis is not", () => {
    expect(ops.matmul(ops.transpose(batch, [1, 0, 2]), ops.transpose(x)).inputs[0]!.op).toBe("transpose");
    expect(ops.matmul(ops.transpose(batch, [2, 1, 0]), input("b", [4, 1])).inputs[0]!.op).toBe("transpose");
  });
  test("nor is one that moves a batch axis beside the last two", () => {
    const four = input("four", [2, 5, 3, 4]);
    const p = ops.matmul(ops.transpose(four, [1, 0, 3, 2]), input("b", [3, 1]));
    expect([p.inputs[0]!.op, p.shape]).toEqual(["transpose", [5, 2, 4, 1]]);
  });
  test("two transposes become one, in the right order", () => {
    const three = input("three", [2, 3, 4]);
    const turned = ops.transpose(ops.transpose(three, [1, 0, 2]), [0, 2, 1]);
    expect(turned.inputs[0]).toBe(three);
    expect([turned.attributes, turned.shape]).toEqual([{ permutation: [1, 2, 0] }, [3, 4, 2]]);
  });
  test("stretching before an elementwise operation is dropped, unless the shape needs it", () => {
    expect(ops.add(ops.broadcastTo(row, [2, 3]), x).inputs).toEqual([row, x]);
    expect(ops.add(ops.broadcastTo(row, [2, 3]), row).inputs[0]!.op).toBe("broadcast");
    const once = ops.add(ops.broadcastTo(row, [2, 3]), ops.broadcastTo(ops.sin(row), [2, 3]));
    expect(once.inputs.map((n) => n.op).sort()).toEqual(["broadcast", "input"].sort());
    expect(once.shape).toEqual([2, 3]);
  });
  test("a sum over a stretched axis is a product", () => {
    const s = sumKeeping(ops.broadcastTo(input("r", [1, 3]), [5, 3]), [0]);
    expect(s.op).toBe("mul");
    expect(s.shape).toEqual([1, 3]);
  });
  test("an alias keeps its identity, and detach is not nested", () => {
    expect(alias(x)).not.toBe(x);
    const d = ops.detach(x);
    expect(ops.detach(d)).toBe(d);
  });
});

// Random expressions, built with every simplification on one side and evaluated number by number on the other.
type Entry = (i: number, j: number) => number;
interface Twin {
  readonly tensor: Tensor;
  readonly entry: Entry;
}
const DATA: Readonly<Record<string, { readonly data: Float64Array; readonly shape: readonly number[] }>> = {
  x: { data: Float64Array.of(1.5, -2, 0.5, 3, -0.25, 1.25), shape: [2, 3] },
  row: { data: Float64Array.of(-1.5, 2, 0.75), shape: [3] },
  column: { data: Float64Array.of(0.5, -3), shape: [2, 1] },
  number: { data: Float64Array.of(-1.75), shape: [] },
};
const leaf = fc.oneof(
  fc.constantFrom(...Object.keys(DATA)).map((name): Twin => {
    const { data, shape } = DATA[name]!;
    const [rows, columns] = [shape.at(-2) ?? 1, shape.at(-1) ?? 1];
    return { tensor: input(name, shape), entry: (i, j) => data[(i % rows) * columns + (j % columns)]! };
  }),
  fc
    .tuple(fc.constantFrom(0, 1, -1, 2, 0.5, -4), fc.constantFrom([], [3], [1, 1], [2, 3]))
    .map(([value, shape]): Twin => ({ tensor: ops.constant(value, shape), entry: () => value })),
);
// prettier-ignore
const BINARY = [
  [ops.add, (a, b) => a + b], [ops.sub, (a, b) => a - b], [ops.mul, (a, b) => a * b],
  [ops.minimum, Math.min], [ops.maximum, Math.max],
] as const satisfies readonly (readonly [(a: Tensor, b: Tensor) => Tensor, (a: number, b: number) => number])[];
// prettier-ignore
const UNARY = [
  [ops.neg, (a) => -a], [ops.square, (a) => a * a], [ops.abs, Math.abs], [ops.relu, (a) => Math.max(a, 0)],
] as const satisfies readonly (readonly [(a: Tensor) => Tensor, (a: number) => number])[];
const expression = fc.letrec<{ e: Twin }>((tie) => ({
  e: fc.oneof(
    { maxDepth: 6, depthSize: "large" },
    leaf,
    fc.tuple(fc.constantFrom(...BINARY), tie("e"), tie("e")).map(([[op, f], a, b]): Twin => ({
      tensor: op(a.tensor, b.tensor),
      entry: (i, j) => f(a.entry(i, j), b.entry(i, j)),
    })),
    fc.tuple(fc.constantFrom(...UNARY), tie("e")).map(([[op, f], a]): Twin => ({
      tensor: op(a.tensor),
      entry: (i, j) => f(a.entry(i, j)),
    })),
    fc.tuple(fc.constantFrom(2, -0.5, 1), tie("e")).map(
      ([q, a]): Twin => ({ tensor: ops.div(a.tensor, q), entry: (i, j) => a.entry(i, j) / q }),
    ),
    tie("e").map((a): Twin => ({ tensor: ops.broadcastTo(a.tensor, [2, 3]), entry: a.entry })),
  ),
})).e; // prettier-ignore

test("simplified expressions keep their value and shape", () => {
  fc.assert(
    fc.property(expression, ({ tensor, entry }) => {
      const got = evaluate(toGraph({ y: ops.broadcastTo(tensor, [2, 3]) }), DATA)["y"]!;
      const want = Array.from({ length: 6 }, (_, k) => entry(Math.floor(k / 3), k % 3));
      want.forEach((w, k) => expect(Math.abs(got.data[k]! - w)).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(w))));
      const total = evaluate(toGraph({ s: ops.sum(ops.broadcastTo(tensor, [2, 3])) }), DATA)["s"]!.data[0]!;
      const sum = want.reduce((a, b) => a + b, 0);
      const size = want.reduce((a, b) => a + Math.abs(b), 1);
      expect(Math.abs(total - sum)).toBeLessThanOrEqual(1e-9 * size);
    }),
    { numRuns: 600, seed: 20260101 },
  );
});
