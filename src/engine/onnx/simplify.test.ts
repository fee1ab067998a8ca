import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { numbers } from "../../../test/contract/sample.ts";
import { toGraph, type Graph } from "../../tensor/graph.ts";
import { input } from "../../tensor/layout.ts";
import * as ops from "../../tensor/ops.ts";
import { sizeOf } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { evaluate } from "../reference/engine.ts";
import { sinkConstants } from "./simplify.ts";

const x = input("x", [2, 3]);
const y = input("y", [2, 3]);
const row = input("row", [3]);
const column = input("column", [2, 1]);
const tall = input("tall", [40, 3]);
const square = input("square", [3, 3]);
const INPUTS = [x, y, row, column, tall, square];
const FEEDS = Object.fromEntries(
  INPUTS.map((t, i) => [
    (t.attributes as { readonly name: string }).name,
    { data: numbers(sizeOf(t.shape), 100 * i), shape: t.shape },
  ]),
);

const everything = (graph: Graph): readonly boolean[] => graph.nodes.map((n) => n.op !== "constant");
const opsOf = (graph: Graph): readonly string[] => graph.nodes.map((n) => n.op).filter((op) => op !== "input");

function expectSame(before: Graph, after: Graph): void {
  const [want, got] = [evaluate(before, FEEDS), evaluate(after, FEEDS)];
  for (const [name, { data, shape }] of Object.entries(want)) {
    expect(got[name]!.shape).toEqual(shape);
    data.forEach((w, i) =>
      expect(Math.abs(got[name]!.data[i]! - w)).toBeLessThanOrEqual(1e-11 * Math.max(1, Math.abs(w))),
    );
  }
}

const sunk = (outputs: Readonly<Record<string, Tensor>>): Graph => {
  const graph = toGraph(outputs);
  const result = sinkConstants(graph, everything(graph));
  expectSame(graph, result);
  return result;
};

describe("constant factors", () => {
  test("go into other constants", () => {
    const after = sunk({ z: ops.mul(0.5, ops.mul(ops.add(1, ops.constant(3, [3])), x)) });
    expect(opsOf(after)).toEqual(["constant", "mul"]);
  });
  test("go into the small operand of a large product", () => {
    const after = sunk({ z: ops.mul(0.5, ops.matmul(tall, ops.transpose(tall))) });
    expect(after.nodes.filter((n) => n.op === "mul").map((n) => n.shape)).toEqual([[40, 3]]);
  });
  test("stay where nothing takes them", () => {
    expect(opsOf(sunk({ z: ops.mul(0.5, ops.sin(x)) }))).toEqual(["constant", "sin", "mul"]);
  });
  test("stay off values that something else uses too", () => {
    const shared = ops.matmul(tall, ops.transpose(tall));
    const after = sunk({ z: ops.mul(0.5, shared), shared });
    expect(after.nodes[after.outputs["z"]!]!.inputs).toContain(after.outputs["shared"]);
  });
  test("go into what is computed once outside the loop", () => {
    const graph = toGraph({ z: ops.mul(0.5, ops.mul(ops.sin(x), ops.exp(y))) });
    const after = sinkConstants(
      graph,
      graph.nodes.map((_, i) => reaches(graph, i, "x")),
    );
    expectSame(graph, after);
    const outside = after.nodes.filter((n, i) => n.op === "mul" && !reaches(after, i, "x"));
    expect(outside).toHaveLength(1);
  });
});

/** Whether a node is computed from an input of that name. */
function reaches(graph: Graph, at: number, name: string): boolean {
  const n = graph.nodes[at]!;
  return (n.op === "input" && n.attributes.name === name) || n.inputs.some((i) => reaches(graph, i, name));
}

// Random programs: shapes stretch, values are shared, some inputs are invariant.
const factor = fc.constantFrom(0.5, -1, 2, -0.25, 3);
const expression = fc.letrec<{ e: Tensor }>((tie) => ({
  e: fc.oneof(
    { maxDepth: 7, depthSize: "large" },
    fc.constantFrom(x, y, row, column, ops.literal([1, -2, 0.5]), ops.constant(0.5, [2, 3]), ops.constant(-2)),
    fc.tuple(factor, tie("e")).map(([c, a]) => ops.mul(c, a)),
    fc.tuple(tie("e"), tie("e")).map(([a, b]) => ops.mul(a, b)),
    fc.tuple(tie("e"), tie("e")).map(([a, b]) => ops.add(a, b)),
    fc.tuple(tie("e"), tie("e")).map(([a, b]) => ops.sub(a, b)),
    tie("e").map((a) => ops.neg(a)),
    tie("e").map((a) => ops.mul(3, ops.add(a, a))),
    tie("e").map((a) => ops.div(a, ops.add(2, ops.square(row)))),
    tie("e").map((a) => ops.tanh(a)),
    tie("e").map((a) => ops.matmul(ops.broadcastTo(a, [2, 3]), square)),
    tie("e").map((a) => ops.reshape(ops.broadcastTo(ops.mul(0.5, a), [2, 3]), [3, 2])).map((a) => ops.transpose(a)),
    tie("e").map((a) => ops.sum(ops.broadcastTo(a, [2, 3]), { axes: 0 })),
  ),
})).e; // prettier-ignore

test("any program keeps its values and shapes, whatever varies", () => {
  fc.assert(
    fc.property(expression, expression, fc.subarray(["x", "y", "row", "column", "square"]), (a, b, moving) => {
      const graph = toGraph({ a, b, both: ops.mul(0.5, ops.add(a, ops.mul(4, b))) });
      const varying: boolean[] = [];
      for (const n of graph.nodes) {
        varying.push((n.op === "input" && moving.includes(n.attributes.name)) || n.inputs.some((i) => varying[i]));
      }
      expectSame(graph, sinkConstants(graph, varying));
      expectSame(graph, sinkConstants(graph, everything(graph)));
    }),
    { numRuns: 400, seed: 20260102 },
  );
});

test("a sum of very many scaled terms does not overflow the stack", () => {
  let total: Tensor = ops.constant(0, [3]);
  for (let i = 0; i < 10_000; i++)
    total = ops.mul(0.5, ops.add(total, ops.mul(ops.constant(1 + i / 3, [3]), ops.sin(row))));
  const graph = toGraph({ total });
  expectSame(graph, sinkConstants(graph, everything(graph)));
});
