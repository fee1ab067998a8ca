import type { Graph, GraphInput } from "../../tensor/graph.ts";
import type { Precision } from "../engine.ts";
import { elementOf, type Scope } from "./lower.ts";
import type { OnnxGraph, OnnxValue } from "./write.ts";

/** Inputs that only a loop's model has: the numbers of its steps, their places in the run, and its blocks' places. */
export const COUNTERS = { t: "loop:t", k: "loop:k", b: "loop:b" } as const;
export type Counter = keyof typeof COUNTERS;

export const resultName = (name: string): string => `result:${name}`;

export interface Model {
  readonly bytes: Uint8Array;
  /** Inputs to feed by name. */
  readonly inputs: readonly GraphInput[];
  /** Those of them that the loop takes apart, a row for each step. */
  readonly tables: readonly string[];
  /** Which of the loop's own inputs it has. */
  readonly counters: readonly Counter[];
}

export const declare = (input: GraphInput, precision: Precision): OnnxValue => ({
  name: input.name,
  element: elementOf(input.dtype, precision),
  shape: input.rows ? [`rows of ${input.name}`, ...input.shape.slice(1)] : input.shape,
});

export const typeOf = (graph: Graph, output: string): GraphInput => {
  const n = graph.nodes[graph.outputs[output]!]!;
  return { name: output, shape: n.shape, dtype: n.dtype, rows: false };
};

export const contents = (scope: Scope): Pick<OnnxGraph, "nodes" | "constants"> => ({
  nodes: scope.nodes,
  constants: scope.constants,
});
