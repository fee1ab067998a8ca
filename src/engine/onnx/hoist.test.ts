import { expect, test } from "vitest";
import * as ops from "../../tensor/ops.ts";
import { inputsOf, toGraph } from "../../tensor/graph.ts";
import { input } from "../../tensor/layout.ts";
import { evaluate } from "../reference/engine.ts";
import { hoist } from "./hoist.ts";

const w = input("w", [3]);
const h = input("h", [3]);
const k = input("k", [], "int");
const table = input("table", [1, 3], "float", { rows: true });
const scale = ops.exp(h);
const graph = toGraph({
  changing: ops.add(ops.mul(w, scale), ops.mul(ops.gather(table, k), ops.square(scale))),
  fixed: ops.add(scale, 1),
  given: h,
  constant: ops.constant(2, [3]),
});
const feeds = {
  w: { data: Float64Array.of(1, 2, 3), shape: [3] },
  h: { data: Float64Array.of(-1, 0, 0.5), shape: [3] },
  k: { data: Float64Array.of(1), shape: [] },
  table: { data: Float64Array.of(9, 9, 9, 4, 5, 6), shape: [2, 3] },
};

test("what only fixed inputs reach is computed once, and the results are the same", () => {
  const { once, step } = hoist({ name: "p", graph }, new Set(["w", "k"]));
  expect(inputsOf(once!.graph).map(({ name }) => name)).toEqual(["h"]);
  expect(step.graph.nodes.some(({ op }) => op === "exp")).toBe(false);
  const handed = evaluate(once!.graph, feeds);
  expect(evaluate(step.graph, { ...feeds, ...handed })).toEqual(evaluate(graph, feeds));
});

test("where every input changes there is nothing to compute once", () => {
  const { once, step } = hoist({ name: "p", graph }, new Set(["w", "k", "h", "table"]));
  expect(once).toBeUndefined();
  expect(evaluate(step.graph, feeds)).toEqual(evaluate(graph, feeds));
});
