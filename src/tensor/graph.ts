import { topological, type DType, type Op, type OpAttributes, type Tensor } from "./tensor.ts";
import type { Shape } from "./shape.ts";

/** A node of a flat graph; inputs are positions of earlier nodes. */
export type GraphNode = {
  readonly [O in Op]: {
    readonly op: O;
    readonly inputs: readonly number[];
    readonly attributes: OpAttributes[O];
    readonly shape: Shape;
    readonly dtype: DType;
  };
}[Op];

/** What engines run: nodes in dependency order, each computed once, none unused. Plain data that can cross threads. */
export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly outputs: Readonly<Record<string, number>>;
}

const COMMUTATIVE: ReadonlySet<Op> = new Set<Op>(["add", "mul", "minimum", "maximum", "equal", "and"]);
// Identities that matter to differentiation only.
const TRANSPARENT: ReadonlySet<Op> = new Set<Op>(["detach", "alias"]);

/** Flattens expressions, giving equal expressions one node (hash-consing). */
export function toGraph(outputs: Readonly<Record<string, Tensor>>): Graph {
  const nodes: GraphNode[] = [];
  const position = new Map<Tensor, number>();
  const known = new Map<string, number>();
  const literals = new Map<string | Float64Array, number>();
  for (const tensor of topological(Object.values(outputs))) {
    const inputs = tensor.inputs.map((x) => position.get(x)!);
    if (TRANSPARENT.has(tensor.op)) {
      position.set(tensor, inputs[0]!);
      continue;
    }
    const ordered = COMMUTATIVE.has(tensor.op) ? [...inputs].sort((a, b) => a - b) : inputs;
    const attributes =
      tensor.op === "literal" ? literalKey(tensor.attributes.data, literals) : showAttributes(tensor.attributes);
    const key = `${tensor.op}|${ordered.join()}|${attributes}|${tensor.shape.join()}|${tensor.dtype}`;
    let at = known.get(key);
    if (at === undefined) {
      at = nodes.length;
      known.set(key, at);
      nodes.push({
        op: tensor.op,
        inputs: ordered,
        attributes: tensor.attributes,
        shape: tensor.shape,
        dtype: tensor.dtype,
      } as GraphNode);
    }
    position.set(tensor, at);
  }
  return { nodes, outputs: Object.fromEntries(Object.entries(outputs).map(([name, t]) => [name, position.get(t)!])) };
}

/** Small literals are told apart by content, large ones by identity. */
function literalKey(data: Float64Array, seen: Map<string | Float64Array, number>): string {
  const key = data.length <= 64 ? Array.from(data, showNumber).join() : data;
  if (!seen.has(key)) seen.set(key, seen.size);
  return `#${seen.get(key)}`;
}

const showNumber = (v: number): string => (Object.is(v, -0) ? "-0" : String(v));

// JSON has no NaN, infinities or −0; constants need them kept apart.
const showAttributes = (attributes: object): string =>
  JSON.stringify(attributes, (_, v: unknown) =>
    typeof v === "number" && (!Number.isFinite(v) || Object.is(v, -0)) ? `<${showNumber(v)}>` : v,
  );

export interface GraphInput {
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly rows: boolean;
}

export const inputsOf = (graph: Graph): readonly GraphInput[] =>
  graph.nodes.flatMap((n) => (n.op === "input" ? [{ ...n.attributes, shape: n.shape, dtype: n.dtype }] : []));

/** Which nodes depend on an input of one of the given names. */
export function dependents(graph: Graph, names: ReadonlySet<string>): readonly boolean[] {
  const result: boolean[] = [];
  for (const n of graph.nodes) {
    result.push((n.op === "input" && names.has(n.attributes.name)) || n.inputs.some((i) => result[i]));
  }
  return result;
}
