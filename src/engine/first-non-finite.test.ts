import { expect, test } from "vitest";
import { floats } from "../../test/run.ts";
import { toGraph } from "../tensor/graph.ts";
import { input } from "../tensor/layout.ts";
import * as ops from "../tensor/ops.ts";
import type { Precision } from "./engine.ts";
import { firstNonFinite } from "./first-non-finite.ts";

// No native engine in this thread: it makes the thread's own arithmetic flush subnormal numbers too.
const x = input("x", [2]);
const blamed = (y: ops.Tensor, values: readonly [number, number], precision: Precision): string | undefined => {
  const graph = toGraph({ y });
  const found = firstNonFinite(graph, { x: floats([2], [...values]) }, precision);
  return found && `${graph.nodes[found.node]!.op} gave ${found.gave} for ${found.operands.map((o) => `${o.least}…${o.greatest}`).join()}`; // prettier-ignore
};

test.each([
  ["float32", [80, 86], undefined],
  ["float32", [80, 100], `log gave -Infinity for 0…${Math.fround(Math.exp(-80))}`],
  ["float64", [80, 100], undefined],
  ["float64", [80, 745], `log gave -Infinity for 0…${Math.exp(-80)}`],
] as const)("%s: subnormal numbers are 0, so log(exp(−x)) at %j is %s", (precision, values, expected) =>
  expect(blamed(ops.log(ops.exp(ops.neg(x))), values, precision)).toBe(expected),
);

test("sums overflow only as they are stored", () => {
  expect(blamed(ops.sum(x), [3e38, 3e38], "float32")).toMatch(/^sum gave Infinity for 3\.0*\d*e\+38…3/);
  expect(blamed(ops.sum(x), [3e38, 3e38], "float64")).toBeUndefined();
});

test("NaN from two infinities is put down to the first of them", () => {
  const large = ops.exp(x);
  expect(blamed(ops.sub(large, ops.mul(2, large)), [1, 1000], "float64")).toBe("exp gave Infinity for 1…1000");
});
