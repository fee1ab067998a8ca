import type { Graph, GraphNode } from "../../tensor/graph.ts";
import { broadcastShapes, sameShape, type Shape } from "../../tensor/shape.ts";

/** Neighbouring nodes that the runtime has one operation for. */
export type Fused =
  /** Σ x or Σ x² over axes, which stay with size 1 or go. */
  | {
      readonly kind: "sum";
      readonly operand: number;
      readonly squared: boolean;
      readonly axes: readonly number[];
      readonly keepDims: boolean;
    }
  /** op(a)·op(b) + c of matrices. */
  | { readonly kind: "affine"; readonly product: number; readonly addend: number };

function fusedSum(graph: Graph, n: GraphNode): Fused | undefined {
  const inner = n.op === "reshape" ? graph.nodes[n.inputs[0]!]! : n;
  if (inner.op !== "sum" || inner.dtype !== "float") return undefined;
  const { axes } = inner.attributes;
  const dropped = inner.shape.filter((_, i) => !axes.includes(i));
  if (inner !== n && !sameShape(n.shape, dropped)) return undefined;
  const square = graph.nodes[inner.inputs[0]!]!;
  const squared =
    square.op === "mul" &&
    square.inputs[0] === square.inputs[1] &&
    graph.nodes[square.inputs[0]!]!.op !== "constant" &&
    sameShape(graph.nodes[square.inputs[0]!]!.shape, square.shape);
  return { kind: "sum", operand: squared ? square.inputs[0]! : inner.inputs[0]!, squared, axes, keepDims: inner === n };
}

const isMatrix = (shape: Shape): boolean => shape.length === 2;

function fusedAffine(graph: Graph, n: GraphNode, uses: readonly number[]): Fused | undefined {
  if (n.op !== "add" || !isMatrix(n.shape)) return undefined;
  for (const [k, at] of n.inputs.entries()) {
    const product = graph.nodes[at]!;
    const addend = graph.nodes[n.inputs[1 - k]!]!;
    const isProduct = product.op === "matmul" && product.inputs.every((i) => isMatrix(graph.nodes[i]!.shape));
    if (!isProduct || uses[at] !== 1 || !sameShape(product.shape, n.shape) || addend.op === "constant") continue;
    if (sameShape(broadcastShapes("add", [addend.shape, n.shape]), n.shape)) {
      return { kind: "affine", product: at, addend: n.inputs[1 - k]! };
    }
  }
  return undefined;
}

/** For each node, whether it is emitted together with what it reads. */
export function fusions(graph: Graph): readonly (Fused | undefined)[] {
  const uses = graph.nodes.map(() => 0);
  for (const n of graph.nodes) for (const i of n.inputs) uses[i]!++;
  for (const at of Object.values(graph.outputs)) uses[at]!++;
  return graph.nodes.map((n) => fusedSum(graph, n) ?? fusedAffine(graph, n, uses));
}

/** What a node reads, once neighbours are emitted as one. */
export function readsOf(graph: Graph, n: GraphNode, fused: Fused | undefined): readonly number[] {
  if (fused === undefined) return n.inputs;
  return fused.kind === "sum" ? [fused.operand] : [...graph.nodes[fused.product]!.inputs, fused.addend];
}
