import type { Graph, GraphNode } from "../../tensor/graph.ts";
import { broadcastShapes, sameShape, sizeOf, type Shape } from "../../tensor/shape.ts";
import type { DType, Op } from "../../tensor/tensor.ts";
import type { Precision } from "../engine.ts";
import { fusions, readsOf, type Fused } from "./fuse.ts";
import { ELEMENT, type Element, type OnnxAttribute, type OnnxNode, type OnnxTensor } from "./write.ts";

export const elementOf = (dtype: DType, precision: Precision): Element =>
  dtype === "float" ? precision : dtype === "int" ? "int32" : dtype;

/** A list of ONNX nodes under construction: the whole model, or the body of its loop. */
export class Scope {
  readonly nodes: OnnxNode[] = [];
  readonly constants: OnnxTensor[] = [];
  readonly #prefix: string;
  readonly #known = new Map<string, string>();
  readonly #renamed = new Map<string, string>();
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

  /** Gives a value another name: the node that makes it is renamed, so that nothing is copied, where it is the first time. */
  rename(value: string, name: string): void {
    const made = this.nodes.some((n) => n.outputs.includes(value));
    if (!made || this.#renamed.has(value)) {
      this.emit("Identity", [this.#renamed.get(value) ?? value], {}, name);
      return;
    }
    this.#renamed.set(value, name);
    const swap = (other: string): string => (other === value ? name : other);
    this.nodes.forEach((n, i) => {
      if (n.inputs.includes(value) || n.outputs.includes(value)) {
        this.nodes[i] = { ...n, inputs: n.inputs.map(swap), outputs: n.outputs.map(swap) };
      }
    });
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
            : element === "int8"
              ? Int8Array.from(values)
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
  softplus(_, c) {
    const x = c.operand(0);
    if (c.precision === "float32") return c.scope.emit("Softplus", [x]);
    // In float64 the runtime's kernel overflows above 709: log(1 + eˣ) = max(x, 0) + log(1 + e^−|x|).
    const tail = c.scope.emit("Softplus", [c.scope.emit("Neg", [c.scope.emit("Abs", [x])])]);
    return c.scope.emit("Add", [c.scope.emit("Relu", [x]), tail]);
  },
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
  pack(n, c) {
    if (n.dtype === "float16") return c.scope.emit("Cast", [c.exact(0)], { to: ELEMENT.float16 });
    const single = (i: number): string =>
      c.precision === "float32" ? c.exact(i) : c.scope.emit("Cast", [c.exact(i)], { to: ELEMENT.float32 });
    return c.scope.emit("QuantizeLinear", [single(0), single(1), c.scope.constant("int8", [], [0])]);
  },
  unpack(n, c) {
    const to = ELEMENT[c.precision];
    if (n.inputs.length === 1) return c.scope.emit("Cast", [c.exact(0)], { to });
    if (c.precision === "float32") return c.scope.emit("DequantizeLinear", [c.exact(0), c.exact(1)]);
    return c.scope.emit("Mul", [c.scope.emit("Cast", [c.exact(0)], { to }), c.exact(1)]);
  },
  // Of integers; sums of real numbers are fused with their neighbours.
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

/** Nodes that some output needs. */
function needed(graph: Graph, fused: readonly (Fused | undefined)[]): readonly boolean[] {
  const result = graph.nodes.map(() => false);
  for (const at of Object.values(graph.outputs)) result[at] = true;
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    if (result[i]) for (const input of readsOf(graph, graph.nodes[i]!, fused[i])) result[input] = true;
  }
  return result;
}

function emitFused(
  fused: Fused,
  graph: Graph,
  scope: Scope,
  exact: (at: number) => string,
  operand: (at: number) => string,
): string {
  if (fused.kind === "sum") {
    const op = fused.squared ? "ReduceSumSquare" : "ReduceSum";
    return scope.emit(op, [exact(fused.operand), scope.ints(fused.axes)], { keepdims: Number(fused.keepDims) });
  }
  const product = graph.nodes[fused.product]! as Extract<GraphNode, { op: "matmul" }>;
  const [a, b] = product.inputs as readonly [number, number];
  const { transposeA, transposeB } = product.attributes;
  const attributes = { transA: Number(transposeA), transB: Number(transposeB) };
  return scope.emit("Gemm", [exact(a), exact(b), operand(fused.addend)], attributes);
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
  const fused = fusions(graph);
  const need = needed(graph, fused);

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
    const together = fused[i];
    if (together !== undefined) {
      lowered[i] = {
        name: emitFused(
          together,
          graph,
          scope,
          (at) => exactly(at, scope),
          (at) => refer(at, scope).name,
        ),
        shape: n.shape,
      };
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
