import type { Graph } from "../tensor/graph.ts";
import type { HeldArray, Precision } from "./engine.ts";
import { toValues } from "./reference/engine.ts";
import { evaluateAll, type Values } from "./reference/evaluate.ts";

/** The values of an operand: none of them is infinite or NaN. */
export interface OperandRange {
  /** Its place in the graph. */
  readonly node: number;
  readonly least: number;
  readonly greatest: number;
  readonly hasZero: boolean;
}

/** An operation that was given finite numbers only, and gave one that is not. */
export interface NonFiniteNode {
  readonly node: number;
  /** The first of its numbers that is not finite. */
  readonly gave: number;
  readonly operands: readonly OperandRange[];
}

/** Subnormal numbers are 0 in the native runtime, so they are here. */
const SMALLEST: Record<Precision, number> = { float32: 2 ** -126, float64: 2 ** -1022 };

/** A value as an engine of this precision holds it. */
export const rounding =
  (precision: Precision) =>
  (data: Float64Array): Float64Array =>
    data.map((v) => {
      const rounded = precision === "float32" ? Math.fround(v) : v;
      return Math.abs(rounded) < SMALLEST[precision] ? 0 : rounded;
    });

const notFinite = ({ data }: Values): number | undefined => data.find((v) => !Number.isFinite(v));

function rangeOf(node: number, { data }: Values): OperandRange {
  let least = Infinity;
  let greatest = -Infinity;
  for (const v of data) {
    least = Math.min(least, v);
    greatest = Math.max(greatest, v);
  }
  return { node, least, greatest, hasZero: data.includes(0) };
}

/**
 * Interprets a graph, every value rounded to a precision, and finds where its outputs stop being finite: the first
 * operation with finite operands whose result is not, among those that lead to such an output through nothing finite. So an
 * infinity that does no harm, as in a mask, is not blamed.
 */
export function firstNonFinite(
  graph: Graph,
  feeds: Readonly<Record<string, HeldArray>>,
  precision: Precision,
): NonFiniteNode | undefined {
  const fed = Object.fromEntries(Object.entries(feeds).map(([name, array]) => [name, toValues(array)]));
  const values = evaluateAll(graph, fed, rounding(precision));
  const broken = values.map((v) => notFinite(v) !== undefined);
  const leads = graph.nodes.map(() => false);
  for (const at of Object.values(graph.outputs)) leads[at] = broken[at]!;
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    if (leads[i]) for (const x of graph.nodes[i]!.inputs) leads[x] ||= broken[x]!;
  }
  const node = graph.nodes.findIndex((n, i) => leads[i] && !n.inputs.some((x) => broken[x]));
  if (node < 0) return undefined;
  return {
    node,
    gave: notFinite(values[node]!)!,
    operands: graph.nodes[node]!.inputs.map((x) => rangeOf(x, values[x]!)),
  };
}
