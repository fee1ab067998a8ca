import type { Graph, GraphInput, GraphNode } from "../../tensor/graph.ts";

/** A graph whose rows of tables, one for each step, are inputs of their own: the runtime hands them over without a copy. */
export interface Sliced {
  readonly graph: Graph;
  readonly slices: readonly GraphInput[];
}

export const sliceName = (table: string): string => `loop:row of ${table}`;

export function sliceTables(graph: Graph): Sliced {
  const slices: GraphInput[] = [];
  const isPlace = (i: number): boolean => {
    const n = graph.nodes[i]!;
    return n.op === "input" && n.attributes.name === "k";
  };
  const nodes = graph.nodes.map((n): GraphNode => {
    const table = n.op === "gather" ? graph.nodes[n.inputs[0]!]! : undefined;
    if (n.op !== "gather" || table?.op !== "input" || !table.attributes.rows || !isPlace(n.inputs[1]!)) return n;
    const { name } = table.attributes;
    if (!slices.some((slice) => slice.name === name))
      slices.push({ name, shape: [1, ...n.shape], dtype: n.dtype, rows: true });
    return {
      op: "input",
      inputs: [],
      attributes: { name: sliceName(name), rows: false },
      shape: n.shape,
      dtype: n.dtype,
    };
  });
  return { graph: { nodes, outputs: graph.outputs }, slices };
}

/** Names of the inputs that some result needs. */
export function readInputs(graph: Graph): ReadonlySet<string> {
  const reached = graph.nodes.map(() => false);
  for (const at of Object.values(graph.outputs)) reached[at] = true;
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    if (reached[i]) for (const input of graph.nodes[i]!.inputs) reached[input] = true;
  }
  return new Set(graph.nodes.flatMap((n, i) => (n.op === "input" && reached[i] ? [n.attributes.name] : [])));
}
