import type { Shape } from "./shape.ts";

/** Precision is the engine's affair: a traced `float` runs as float32 or float64. */
export type DType = "float" | "int" | "bool" | Packed;

/** Real numbers packed for storage: nothing but `unpack` reads them. */
export type Packed = "float16" | "int8";

/** The closed set of primitive operations, each with its static attributes. Everything else is composed of them. */
export interface OpAttributes {
  /** A value fed at run time. With `rows`, the length of the first axis is free and only `gather` may read it. */
  input: { readonly name: string; readonly rows: boolean };
  /** One number in every element. */
  constant: { readonly value: number };
  /** A dense array known when tracing. */
  literal: { readonly data: Float64Array };
  neg: None;
  exp: None;
  log: None;
  sqrt: None;
  tanh: None;
  sigmoid: None;
  softplus: None;
  relu: None;
  abs: None;
  sign: None;
  sin: None;
  cos: None;
  not: None;
  add: None;
  sub: None;
  mul: None;
  div: None;
  pow: None;
  minimum: None;
  maximum: None;
  less: None;
  equal: None;
  and: None;
  /** where(condition, a, b) */
  where: None;
  cast: None;
  /** pack(x) as float16, or pack(x, scale) as int8: round(x / scale), ties to even, within ±127. */
  pack: None;
  /** unpack(packed) or unpack(packed, scale): the real numbers that were packed, as far as they were kept. */
  unpack: None;
  /** Sum over `axes`, which stay with size 1. */
  sum: { readonly axes: readonly number[] };
  /** Maximum over `axes`, which stay with size 1. */
  reduceMax: { readonly axes: readonly number[] };
  /** Index of the first maximum along `axis`, which stays with size 1. */
  argMax: { readonly axis: number };
  /** op(a) · op(b) over the last two axes, leading axes broadcast; op transposes the last two axes where asked. */
  matmul: { readonly transposeA: boolean; readonly transposeB: boolean };
  reshape: None;
  transpose: { readonly permutation: readonly number[] };
  broadcast: None;
  concat: { readonly axis: number };
  slice: { readonly starts: readonly number[] };
  /** Zeros around; the amounts before and after each axis follow from `before` and the shapes. */
  pad: { readonly before: readonly number[] };
  /** gather(table, indices): rows of the first axis; shape is indices.shape + table.shape without its first axis. */
  gather: None;
  /** scatterAdd(indices, rows): zeros of the node's shape with rows added at indices; the transpose of gather. */
  scatterAdd: None;
  /** The value, held constant by differentiation. */
  detach: None;
  /** The value under another identity, so that derivatives can be taken with respect to it alone. */
  alias: None;
}
type None = Readonly<Record<never, never>>;

export type Op = keyof OpAttributes;

/** A node of an immutable expression graph: what a loss is written in. It holds no data and needs no disposal. */
export interface TensorOf<O extends Op> {
  readonly op: O;
  readonly inputs: readonly Tensor[];
  readonly attributes: OpAttributes[O];
  readonly shape: Shape;
  readonly dtype: DType;
}
export type Tensor = { readonly [O in Op]: TensorOf<O> }[Op];

const brand: WeakSet<object> = new WeakSet();

export function node<O extends Op>(
  op: O,
  inputs: readonly Tensor[],
  attributes: OpAttributes[O],
  shape: Shape,
  dtype: DType,
): Tensor {
  const tensor = { op, inputs, attributes, shape, dtype };
  brand.add(tensor);
  return tensor as unknown as Tensor;
}

export const isTensor = (value: unknown): value is Tensor =>
  typeof value === "object" && value !== null && brand.has(value);

/** Nodes that `roots` depend on, each after its inputs. Iterative: graphs may be deeper than the call stack. */
export function topological(roots: readonly Tensor[]): readonly Tensor[] {
  const order: Tensor[] = [];
  const state = new Map<Tensor, "open" | "done">();
  const stack: Tensor[] = [...roots].reverse();
  while (stack.length > 0) {
    const top = stack[stack.length - 1]!;
    const seen = state.get(top);
    if (seen === "done") {
      stack.pop();
    } else if (seen === "open") {
      stack.pop();
      state.set(top, "done");
      order.push(top);
    } else {
      state.set(top, "open");
      for (let i = top.inputs.length - 1; i >= 0; i--) {
        const input = top.inputs[i]!;
        if (!state.has(input)) stack.push(input);
      }
    }
  }
  return order;
}
