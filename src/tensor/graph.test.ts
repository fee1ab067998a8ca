import { describe, expect, test } from "vitest";
import { evaluate } from "../engine/reference/engine.ts";
import { dependents, inputsOf, toGraph, type Graph } from "./graph.ts";
import { alias, input } from "./layout.ts";
import * as ops from "./ops.ts";
import { substitute } from "./substitute.ts";
import { isTensor, topological, type Tensor } from "./tensor.ts";

const x = input("x", [3]);
const y = input("y", [3]);
const count = (graph: Graph, op: string): number => graph.nodes.filter((n) => n.op === op).length;
const same = (a: Tensor, b: Tensor): boolean => {
  const { outputs } = toGraph({ a, b });
  return outputs["a"] === outputs["b"];
};

describe("equal expressions share one node", () => {
  test("built twice", () => {
    const [a, b] = [0, 1].map(() => ops.sum(ops.exp(ops.mul(input("x", [3]), 2)))) as [Tensor, Tensor];
    expect(a).not.toBe(b);
    expect(same(a, b)).toBe(true);
    expect(toGraph({ a, b }).nodes.map((n) => n.op)).toEqual(["constant", "input", "mul", "exp", "sum", "reshape"]);
  });

  test.each([
    ["add", ops.add(x, y), ops.add(y, x)],
    ["mul", ops.mul(x, y), ops.mul(y, x)],
    ["minimum", ops.minimum(x, y), ops.minimum(y, x)],
    ["maximum", ops.maximum(x, y), ops.maximum(y, x)],
    ["equal", ops.equal(x, y), ops.equal(y, x)],
    ["and", ops.and(ops.less(x, y), ops.less(y, x)), ops.and(ops.less(y, x), ops.less(x, y))],
    ["matmul absorbing a transpose", ...matrixPair()],
    ["literals of equal content", ops.sin(ops.literal([1, 2])), ops.sin(ops.literal([1, 2]))],
    ["a detached value and the value", ops.exp(ops.detach(x)), ops.exp(x)],
    ["an alias and the original", ops.exp(alias(x)), ops.exp(x)],
  ] as const)("%s", (_, a, b) => expect(same(a, b)).toBe(true));

  test.each([
    ["sub turned round", ops.sub(x, y), ops.sub(y, x)],
    ["div turned round", ops.div(x, y), ops.div(y, x)],
    ["less turned round", ops.less(x, y), ops.less(y, x)],
    ["where turned round", ops.where(ops.less(x, y), x, y), ops.where(ops.less(x, y), y, x)],
    ["other inputs", x, y],
    ["inputs of other shapes", input("z", [3]), input("z", [1, 3])],
    ["inputs of other types", input("z", [3]), input("z", [3], "int")],
    ["tables and arrays", input("z", [3]), input("z", [3], "float", { rows: true })],
    ["0 and −0", ops.constant(0), ops.constant(-0)],
    ["NaN and 0", ops.constant(Number.NaN), ops.constant(0)],
    ["∞ and −∞", ops.constant(Infinity), ops.constant(-Infinity)],
    ["NaN and ∞", ops.constant(Number.NaN), ops.constant(Infinity)],
    ["constants of other shapes", ops.constant(1), ops.constant(1, [1])],
    ["constants of other types", ops.constant(1), ops.constant(1, [], "int")],
    ["literals of other content", ops.literal([1, 2]), ops.literal([1, 3])],
    ["literals that differ in a sign of zero", ops.literal([1, 0]), ops.literal([1, -0])],
    ["literals with NaN", ops.literal([1, Number.NaN]), ops.literal([1, 0])],
    ["literals of other types", ops.literal([1, 2]), ops.literal([1, 2], [2], "int")],
    ["other axes", ops.sum(input("m", [3, 3]), { axes: 0 }), ops.sum(input("m", [3, 3]), { axes: 1 })],
    ["other starts", ops.slice(x, [0], [2]), ops.slice(x, [1], [3])],
  ] as const)("not so: %s", (_, a, b) => expect(same(a, b)).toBe(false));

  test("two NaN constants are one", () => {
    expect(same(ops.constant(Number.NaN), ops.constant(Number.NaN))).toBe(true);
  });

  test("a large literal is told apart by identity, which is quick", () => {
    const values = Float64Array.from({ length: 65 }, (_, i) => i);
    const large = ops.literal(values);
    expect(same(ops.sin(large), ops.sin(large))).toBe(true);
    expect(same(large, ops.literal(values))).toBe(false);
  });
});

function matrixPair(): readonly [Tensor, Tensor] {
  const [a, b] = [input("a", [2, 3]), input("b", [2, 3])];
  return [ops.matmul(ops.transpose(a), b), ops.matmul(a, b, { transposeA: true })];
}

describe("a flat graph", () => {
  test("lists nodes after their inputs, and no unused ones", () => {
    const { nodes, outputs } = toGraph({ loss: ops.sum(ops.mul(ops.sin(x), ops.cos(y))), again: x });
    nodes.forEach((n, i) => n.inputs.forEach((j) => expect(j).toBeLessThan(i)));
    expect(nodes[outputs["again"]!]!.op).toBe("input");
    expect(nodes.every((_, i) => Object.values(outputs).includes(i) || nodes.some((m) => m.inputs.includes(i)))).toBe(
      true,
    );
    expect(count(toGraph({ a: ops.detach(alias(x)) }), "input")).toBe(1);
  });

  test("crosses threads as it is", () => {
    const graph = toGraph({ s: ops.sum(ops.mul(x, ops.literal([1, 2, 3]))) });
    expect(structuredClone(graph)).toEqual(graph);
  });

  test("knows its inputs and what depends on them", () => {
    const graph = toGraph({ a: ops.add(ops.sin(x), ops.exp(y)), b: ops.exp(y) });
    expect(inputsOf(graph).map((i) => i.name)).toEqual(["x", "y"]);
    const depends = dependents(graph, new Set(["x"]));
    expect(graph.nodes.filter((_, i) => depends[i]).map((n) => n.op)).toEqual(["input", "sin", "add"]);
  });
});

describe("graphs deeper than the call stack", () => {
  const DEPTH = 20_000;
  const deep = (from: Tensor): Tensor => {
    let z = from;
    for (let i = 0; i < DEPTH; i++) z = i % 2 === 0 ? ops.sin(z) : ops.add(z, x);
    return z;
  };

  test("are ordered, flattened, evaluated and rewritten", () => {
    const z = deep(x);
    expect(topological([z])).toHaveLength(DEPTH + 1);
    const graph = toGraph({ z });
    expect(graph.nodes).toHaveLength(DEPTH + 1);
    expect(evaluate(graph, { x: { data: new Float64Array(3), shape: [3] } })["z"]!.data).toEqual(new Float64Array(3));
    const [replaced] = substitute([z], new Map([[x, y]])) as [Tensor];
    expect(inputsOf(toGraph({ replaced })).map((i) => i.name)).toEqual(["y"]);
  });
});

describe("substitute", () => {
  test("replaces nodes and shares what does not depend on them", () => {
    const kept = ops.exp(y);
    const whole = ops.mul(ops.sin(x), kept);
    const [got, other] = substitute([whole, kept], new Map([[x, ops.add(y, 1)]])) as [Tensor, Tensor];
    expect(same(got, ops.mul(ops.sin(ops.add(y, 1)), ops.exp(y)))).toBe(true);
    expect(got.inputs[1]).toBe(kept);
    expect(other).toBe(kept);
    expect(whole.inputs[0]!.inputs[0]).toBe(x);
  });
  test("replaces inner expressions, and what is put in is not looked into", () => {
    const inner = ops.sin(x);
    const [got] = substitute([ops.exp(inner)], new Map([[inner, ops.sin(inner)]])) as [Tensor];
    expect(same(got, ops.exp(ops.sin(ops.sin(x))))).toBe(true);
  });
  test("a root itself may be replaced", () => {
    expect(substitute([x], new Map([[x, y]]))).toEqual([y]);
  });
});

test("tensors are told from other objects", () => {
  expect(isTensor(x)).toBe(true);
  for (const other of [{ ...x }, null, 1, "x", {}, undefined]) expect(isTensor(other)).toBe(false);
});
