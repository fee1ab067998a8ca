import type { Graph, GraphNode } from "../../tensor/graph.ts";
import { broadcastShapes, sameShape, sizeOf, type Shape } from "../../tensor/shape.ts";
import type { DType, Op } from "../../tensor/tensor.ts";
import type { Precision } from "../engine.ts";
import { ELEMENT, type Element, type OnnxAttribute, type OnnxNode, type OnnxTensor } from "./write.ts";

export const elementOf = (dtype: DType, precision: Precision): Element =>
  dtype === "float" ? precision : dtype === "int" ? "int32" : "bool";

/** A list of ONNX nodes under construction: the whole model, or the body of its loop. */
export class Scope {
  readonly nodes: OnnxNode[] = [];
  readonly constants: OnnxTensor[] = [];
  readonly #prefix: string;
  readonly #known = new Map<string, string>();
  #count = 0;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  emit(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
    output?: string,
  ): string {
    const name = output ?? `${this.#prefix}${this.#count++}`;
    this.nodes.push({ op, inputs, outputs: [name], attributes });
    return name;
  }

  constant(element: Element, shape: readonly number[], values: ArrayLike<number>): string {
    const key =
      values.length > 64
        ? undefined
        : `${element}|${shape.join()}|${Array.from(values, (v) => (Object.is(v, -0) ? "-0" : v)).join()}`;
    const known = key === undefined ? undefined : this.#known.get(key);
    if (known !== undefined) return known;
    const name = `${this.#prefix}c${this.constants.length}`;
    this.constants.push({ name, element, shape, bytes: toBytes(element, values) });
    if (key !== undefined) this.#known.set(key, name);
    return name;
  }

  /** Integers in the form ONNX wants its shapes and axes in. */
  ints(values: readonly number[]): string {
    return this.constant("int64", [values.length], values);
  }
}

function toBytes(element: Element, values: ArrayLike<number>): Uint8Array {
  const array =
    element === "float32"
      ? Float32Array.from(values)
      : element === "float64"
        ? Float64Array.from(values)
        : element === "int32"
          ? Int32Array.from(values)
          : element === "int64"
            ? BigInt64Array.from(Array.from(values, BigInt))
            : Uint8Array.from(values);
  return new Uint8Array(array.buffer);
}

/** A value that ONNX nodes can refer to; constants keep shape [] and stretch where they are used. */
interface Lowered {
  readonly name: string;
  readonly shape: Shape;
}

interface Context {
  readonly scope: Scope;
  readonly precision: Precision;
  /** Operand i as it is: it broadcasts to what the operation needs. */
  operand(i: number): string;
  /** Operand i with every element in place. */
  exact(i: number): string;
  shapeOf(i: number): Shape;
}
type Lower<O extends Op> = (n: Extract<GraphNode, { op: O }>, c: Context) => string;

const direct =
  (op: string) =>
  (n: GraphNode, c: Context): string =>
    c.scope.emit(
      op,
      n.inputs.map((_, i) => c.operand(i)),
    );

const reduction =
  (op: string) =>
  (n: GraphNode & { readonly attributes: { readonly axes: readonly number[] } }, c: Context): string =>
    c.scope.emit(op, [c.exact(0), c.scope.ints(n.attributes.axes)], { keepdims: 1 });

const unreachable = (n: GraphNode): never => {
  throw new Error(`${n.op} is not lowered on its own`);
};

const LOWER: { readonly [O in Op]: Lower<O> } = {
  input: unreachable,
  constant: unreachable,
  detach: unreachable,
  alias: unreachable,
  literal: (n, c) => c.scope.constant(elementOf(n.dtype, c.precision), n.shape, n.attributes.data),
  neg: direct("Neg"),
  exp: direct("Exp"),
  log: direct("Log"),
  sqrt: direct("Sqrt"),
  tanh: direct("Tanh"),
  sigmoid: direct("Sigmoid"),
  softplus: direct("Softplus"),
  relu: direct("Relu"),
  abs: direct("Abs"),
  sign: direct("Sign"),
  sin: direct("Sin"),
  cos: direct("Cos"),
  not: direct("Not"),
  add: direct("Add"),
  sub: direct("Sub"),
  mul: direct("Mul"),
  div: direct("Div"),
  pow: direct("Pow"),
  minimum: direct("Min"),
  maximum: direct("Max"),
  less: direct("Less"),
  equal: direct("Equal"),
  and: direct("And"),
  where: direct("Where"),
  cast: (n, c) => c.scope.emit("Cast", [c.operand(0)], { to: ELEMENT[elementOf(n.dtype, c.precision)] }),
  sum: reduction("ReduceSum"),
  reduceMax: reduction("ReduceMax"),
  argMax: (n, c) =>
    c.scope.emit("Cast", [c.scope.emit("ArgMax", [c.exact(0)], { axis: n.attributes.axis, keepdims: 1 })], {
      to: ELEMENT.int32,
    }),
  matmul(n, c) {
    const { transposeA, transposeB } = n.attributes;
    const flat = n.shape.length === 2 && c.shapeOf(0).length === 2 && c.shapeOf(1).length === 2;
    if (flat)
      return c.scope.emit("Gemm", [c.exact(0), c.exact(1)], { transA: Number(transposeA), transB: Number(transposeB) });
    const turned = (i: number, turn: boolean): string => {
      const r = c.shapeOf(i).length;
      const perm = c.shapeOf(i).map((_, axis) => (axis === r - 1 ? r - 2 : axis === r - 2 ? r - 1 : axis));
      return turn ? c.scope.emit("Transpose", [c.exact(i)], { perm }) : c.exact(i);
    };
    return c.scope.emit("MatMul", [turned(0, transposeA), turned(1, transposeB)]);
  },
  reshape: (n, c) => c.scope.emit("Reshape", [c.exact(0), c.scope.ints(n.shape)], { allowzero: 1 }),
  broadcast: (n, c) => c.scope.emit("Expand", [c.operand(0), c.scope.ints(n.shape)]),
  transpose: (n, c) => c.scope.emit("Transpose", [c.exact(0)], { perm: n.attributes.permutation }),
  concat: (n, c) =>
    c.scope.emit(
      "Concat",
      n.inputs.map((_, i) => c.exact(i)),
      { axis: n.attributes.axis },
    ),
  slice: (n, c) =>
    c.scope.emit("Slice", [
      c.exact(0),
      c.scope.ints(n.attributes.starts),
      c.scope.ints(n.attributes.starts.map((s, i) => s + n.shape[i]!)),
    ]),
  pad(n, c) {
    const { before } = n.attributes;
    const after = before.map((b, i) => n.shape[i]! - b - c.shapeOf(0)[i]!);
    return c.scope.emit("Pad", [c.exact(0), c.scope.ints([...before, ...after])]);
  },
  gather: (_, c) => c.scope.emit("Gather", [c.exact(0), c.exact(1)], { axis: 0 }),
  scatterAdd(n, c) {
    const zero = c.scope.constant(elementOf(n.dtype, c.precision), [], [0]);
    const base = c.scope.emit("Expand", [zero, c.scope.ints(n.shape)]);
    const each = n.shape.slice(1);
    const count = sizeOf(c.shapeOf(0));
    const at = c.scope.emit("Reshape", [c.exact(0), c.scope.ints([count, ...each.map(() => 1)])]);
    const wide = c.scope.emit("Expand", [at, c.scope.ints([count, ...each])]);
    const rows = c.scope.emit("Reshape", [c.exact(1), c.scope.ints([count, ...each])]);
    // ScatterND would be quicker, but on several threads it loses additions where indices repeat (onnxruntime #18048).
    return c.scope.emit("ScatterElements", [base, wide, rows], { axis: 0, reduction: { text: "add" } });
  },
};

const ELEMENTWISE: ReadonlySet<Op> = new Set<Op>([
  "neg", "exp", "log", "sqrt", "tanh", "sigmoid", "softplus", "relu", "abs", "sign", "sin", "cos", "not", "add", "sub",
  "mul", "div", "pow", "minimum", "maximum", "less", "equal", "and", "where", "cast",
]); // prettier-ignore

/** Σ a·b over everything is one dot product instead of a product and a sum over it. */
function dotProduct(graph: Graph, n: GraphNode): readonly [number, number] | undefined {
  if (n.op !== "sum" || n.dtype !== "float" || sizeOf(n.shape) !== 1) return undefined;
  const product = graph.nodes[n.inputs[0]!]!;
  if (product.op !== "mul") return undefined;
  const [a, b] = product.inputs as readonly [number, number];
  const whole = (i: number): boolean =>
    graph.nodes[i]!.op !== "constant" && sameShape(graph.nodes[i]!.shape, product.shape);
  return whole(a) && whole(b) ? [a, b] : undefined;
}

/** Nodes that some output needs, once dot products have swallowed their products. */
function needed(graph: Graph): readonly boolean[] {
  const result = graph.nodes.map(() => false);
  for (const at of Object.values(graph.outputs)) result[at] = true;
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const n = graph.nodes[i]!;
    if (result[i]) for (const input of dotProduct(graph, n) ?? n.inputs) result[input] = true;
  }
  return result;
}

/**
 * Emits a graph, every node into the scope that `scopeOf` names for it, and returns how to refer to an output.
 * `inputName` gives the ONNX name of an input node.
 */
export function lower(
  graph: Graph,
  precision: Precision,
  scopeOf: (node: number) => Scope,
  inputName: (name: string) => string,
): (output: string) => string {
  const lowered: Lowered[] = [];
  const need = needed(graph);

  const refer = (i: number, scope: Scope): Lowered => {
    const n = graph.nodes[i]!;
    if (n.op !== "constant") return lowered[i]!;
    return { name: scope.constant(elementOf(n.dtype, precision), [], [n.attributes.value]), shape: [] };
  };
  const exactly = (i: number, scope: Scope): string => {
    const value = refer(i, scope);
    const { shape } = graph.nodes[i]!;
    return sameShape(value.shape, shape) ? value.name : scope.emit("Expand", [value.name, scope.ints(shape)]);
  };

  graph.nodes.forEach((n, i) => {
    if (!need[i] || n.op === "constant") return;
    if (n.op === "input") {
      lowered[i] = { name: inputName(n.attributes.name), shape: n.shape };
      return;
    }
    const scope = scopeOf(i);
    const dot = dotProduct(graph, n);
    if (dot !== undefined) {
      const flat = (at: number, shape: readonly number[]): string =>
        scope.emit("Reshape", [exactly(at, scope), scope.ints(shape)]);
      const product = scope.emit("MatMul", [flat(dot[0], [1, -1]), flat(dot[1], [-1, 1])]);
      lowered[i] = { name: scope.emit("Reshape", [product, scope.ints(n.shape)]), shape: n.shape };
      return;
    }
    const context: Context = {
      scope,
      precision,
      operand: (k) => refer(n.inputs[k]!, scope).name,
      exact: (k) => exactly(n.inputs[k]!, scope),
      shapeOf: (k) => graph.nodes[n.inputs[k]!]!.shape,
    };
    const name = (LOWER[n.op] as (n: GraphNode, c: Context) => string)(n, context);
    // Only constants, which stay scalars, can leave an elementwise result smaller than it should be.
    const shape = ELEMENTWISE.has(n.op)
      ? broadcastShapes(
          n.op,
          n.inputs.map((k) => refer(k, scope).shape),
        )
      : n.shape;
    lowered[i] = { name, shape };
  });
  return (output) => {
    const at = graph.outputs[output]!;
    return exactly(at, scopeOf(at));
  };
}
