import { floats } from "./run.ts";
import { DrmadError } from "../src/errors.ts";
import { compareWithReference, type Runner } from "../src/engine/compare.ts";
import type { HeldArray, Precision, Program } from "../src/engine/engine.ts";
import { evaluateAll, type Values } from "../src/engine/reference/evaluate.ts";
import { toGraph } from "../src/tensor/graph.ts";
import { input } from "../src/tensor/layout.ts";
import * as ops from "../src/tensor/ops.ts";
import type { Op, Tensor } from "../src/tensor/tensor.ts";

export const x = input("x", [2, 3]);
export const w = input("w", [3, 2]);
export const FEEDS = {
  x: floats([2, 3], [0.5, -1.25, 2, 0.75, 1.5, -0.3]),
  w: floats([3, 2], [1.1, -0.4, 0.2, 0.9, -1.7, 0.6]),
};
export const LOSS = ops.sum(ops.tanh(ops.matmul(ops.exp(x), w)));

export const program = (outputs: Readonly<Record<string, Tensor>>): Program => ({
  name: "step",
  graph: toGraph(outputs),
});

/** An engine whose one operation is wrong: the interpreter, with what `spoil` says put in the place of its result. */
export function wrongIn(op: Op | undefined, spoil: (data: Float64Array) => void): Runner {
  return (probe, feeds) => {
    const nodes = probe.graph.nodes;
    const values: Values[] = [];
    nodes.forEach((n, i) => {
      const known = n.inputs.map((k) => ({ op: "input" as const, inputs: [], attributes: { name: `n${k}`, rows: false }, shape: nodes[k]!.shape, dtype: nodes[k]!.dtype })); // prettier-ignore
      const graph = { nodes: [...known, { ...n, inputs: n.inputs.map((_, k) => k) }], outputs: {} };
      const inner = Object.fromEntries(n.inputs.map((k) => [`n${k}`, values[k]!]));
      const outer = Object.fromEntries(Object.entries(feeds).map(([name, a]) => [name, asValues(a)]));
      const result = evaluateAll(graph, { ...outer, ...inner }).at(-1)!;
      const data = result.data.slice();
      if (n.op === op) spoil(data);
      values[i] = { data, shape: result.shape };
    });
    return Promise.resolve(
      Object.fromEntries(Object.entries(probe.graph.outputs).map(([name, at]) => [name, values[at]!])),
    );
  };
}
export const asValues = (a: HeldArray): Values => ({ data: Float64Array.from(a.data), shape: a.shape });

export const sound = wrongIn(undefined, () => undefined);

export const fused: Runner = async (probe, feeds) => {
  const results = await sound(probe, feeds);
  if (!("loss" in results)) return results;
  return { loss: floats([], [Number(results["loss"]!.data[0]) * 1.01]) };
};

/** Breaks ties the other way: a maximum's derivative goes to the last of equal elements. */
export const lastWins: Runner = async (probe, feeds) => {
  const results = await sound(probe, feeds);
  const { data } = feeds["x"]!;
  const tie = data[0] === data[1];
  return tie
    ? Object.fromEntries(
        Object.entries(results).map(([n, a]) => [n, n === "hit" ? floats([2, 3], [0, 1, 0, 0, 0, 0]) : a]),
      )
    : results;
};

export async function verdict(
  p: Program,
  feeds: Readonly<Record<string, HeldArray>>,
  run: Runner,
  precision: Precision = "float64",
): Promise<DrmadError | undefined> {
  try {
    await compareWithReference(p, feeds, precision, run);
    return undefined;
  } catch (error) {
    if (error instanceof DrmadError && error.code === "engine-disagrees") return error;
    throw error;
  }
}
