import { DrmadError } from "../../errors.ts";
import { sizeOf, type Shape } from "../../tensor/shape.ts";
import type { Graph, GraphNode } from "../../tensor/graph.ts";
import type { Op } from "../../tensor/tensor.ts";
import { roundToEven, roundToHalf } from "./float16.ts";

/** A dense row-major array of numbers; integers and truth values (0 or 1) are held as doubles too. */
export interface Values {
  readonly data: Float64Array;
  readonly shape: Shape;
}

type Kernel<O extends Op> = (
  node: Extract<GraphNode, { op: O }>,
  inputs: readonly Values[],
  feeds: Readonly<Record<string, Values>>,
) => Float64Array;

/** A kernel that needs nothing of its node but the shape of the result. */
type Plain = (node: { readonly shape: Shape }, inputs: readonly Values[]) => Float64Array;

export const strides = (shape: Shape): number[] => {
  const result: number[] = Array.from({ length: shape.length }, () => 1);
  for (let i = shape.length - 2; i >= 0; i--) result[i] = result[i + 1]! * shape[i + 1]!;
  return result;
};

/** For each element of `shape` in order, where it lies in a source whose axes move by `steps` (0 where it stretches). */
function positions(shape: Shape, steps: readonly number[], start = 0): Int32Array {
  const result = new Int32Array(sizeOf(shape));
  if (result.length === 0) return result;
  const index = shape.map(() => 0);
  let at = start;
  for (let k = 0; k < result.length; k++) {
    result[k] = at;
    for (let i = shape.length - 1; i >= 0; i--) {
      at += steps[i]!;
      if (++index[i]! < shape[i]!) break;
      at -= steps[i]! * shape[i]!;
      index[i] = 0;
    }
  }
  return result;
}

const stretched = (from: Shape, to: Shape): number[] => {
  const own = strides(from);
  const offset = to.length - from.length;
  return to.map((d, i) => (i < offset || (from[i - offset] === 1 && d !== 1) ? 0 : own[i - offset]!));
};

/** The source's elements in the order of a stretched shape. */
function spread(x: Values, shape: Shape): Float64Array {
  if (x.data.length === sizeOf(shape)) return x.data;
  const at = positions(shape, stretched(x.shape, shape));
  return Float64Array.from(at, (k) => x.data[k]!);
}

const map1 =
  (f: (a: number) => number): Plain =>
  (_, [a]) =>
    a!.data.map(f);

const map2 =
  (f: (a: number, b: number) => number): Plain =>
  (n, [a, b]) => {
    const x = spread(a!, n.shape);
    const y = spread(b!, n.shape);
    return Float64Array.from(x, (v, i) => f(v, y[i]!));
  };

function reduce(n: GraphNode, x: Values, start: number, f: (total: number, v: number) => number): Float64Array {
  const out = new Float64Array(sizeOf(n.shape)).fill(start);
  const at = positions(x.shape, stretched(n.shape, x.shape));
  x.data.forEach((v, k) => (out[at[k]!] = f(out[at[k]!]!, v)));
  return out;
}

function matmul(n: Extract<GraphNode, { op: "matmul" }>, [a, b]: readonly [Values, Values]): Float64Array {
  const { transposeA, transposeB } = n.attributes;
  const [rows, columns] = n.shape.slice(-2) as [number, number];
  const inner = a.shape[a.shape.length - (transposeA ? 2 : 1)]!;
  const batch = n.shape.slice(0, -2);
  const starts = (x: Values): Int32Array => {
    const lead = x.shape.slice(0, -2);
    const each = sizeOf(x.shape.slice(-2));
    return positions(batch, stretched(lead, batch)).map((k) => k * each);
  };
  const aStarts = starts(a);
  const bStarts = starts(b);
  const out = new Float64Array(sizeOf(n.shape));
  const [ai, ak] = transposeA ? [1, rows] : [inner, 1];
  const [bk, bj] = transposeB ? [1, inner] : [columns, 1];
  for (let s = 0; s < aStarts.length; s++) {
    for (let i = 0; i < rows; i++) {
      const row = (s * rows + i) * columns;
      for (let k = 0; k < inner; k++) {
        const v = a.data[aStarts[s]! + i * ai + k * ak]!;
        const from = bStarts[s]! + k * bk;
        for (let j = 0; j < columns; j++) out[row + j]! += v * b.data[from + j * bj]!;
      }
    }
  }
  return out;
}

const block = (shape: Shape): number => sizeOf(shape.slice(1));

/** A row of a table of `rows`; as in ONNX a negative one counts from the end, and one outside is an error. */
function rowOf(index: number, rows: number): number {
  if (!(index >= -rows && index < rows)) {
    throw new DrmadError("invalid-experiment", `a loss reads row ${index} of a table of ${rows} rows`, {
      hint: "Indices count rows from 0: look at the integers that ops.gather is given.",
    });
  }
  return index < 0 ? index + rows : index;
}

const KERNELS: { readonly [O in Op]: Kernel<O> } = {
  input(n, _, feeds) {
    const value = feeds[n.attributes.name];
    if (value === undefined) throw new Error(`no value fed for input ${n.attributes.name}`);
    return value.data;
  },
  constant: (n) => new Float64Array(sizeOf(n.shape)).fill(n.attributes.value),
  literal: (n) => n.attributes.data,
  neg: map1((a) => -a),
  exp: map1(Math.exp),
  log: map1(Math.log),
  sqrt: map1(Math.sqrt),
  tanh: map1(Math.tanh),
  sigmoid: map1((a) => 1 / (1 + Math.exp(-a))),
  softplus: map1((a) => Math.max(a, 0) + Math.log1p(Math.exp(-Math.abs(a)))),
  relu: map1((a) => Math.max(a, 0)),
  abs: map1(Math.abs),
  sign: map1(Math.sign),
  sin: map1(Math.sin),
  cos: map1(Math.cos),
  not: map1((a) => 1 - a),
  cast: (n, [a]) =>
    n.dtype === "int" ? a!.data.map(Math.trunc) : n.dtype === "bool" ? a!.data.map((v) => Number(v !== 0)) : a!.data,
  pack: (n, [x, scale]) =>
    n.dtype === "float16"
      ? x!.data.map(roundToHalf)
      : // An integer has no −0.
        x!.data.map((v) => Math.min(127, Math.max(-128, roundToEven(v / scale!.data[0]!))) + 0),
  unpack: (_, [x, scale]) => (scale === undefined ? x!.data : x!.data.map((v) => v * scale.data[0]!)),
  detach: (_, [a]) => a!.data,
  alias: (_, [a]) => a!.data,
  add: map2((a, b) => a + b),
  sub: map2((a, b) => a - b),
  mul: map2((a, b) => a * b),
  div: map2((a, b) => a / b),
  pow: map2((a, b) => a ** b),
  minimum: map2(Math.min),
  maximum: map2(Math.max),
  less: map2((a, b) => Number(a < b)),
  equal: map2((a, b) => Number(a === b)),
  and: map2((a, b) => a * b),
  where(n, [c, a, b]) {
    const condition = spread(c!, n.shape);
    const x = spread(a!, n.shape);
    const y = spread(b!, n.shape);
    return Float64Array.from(condition, (v, i) => (v !== 0 ? x[i]! : y[i]!));
  },
  sum: (n, [x]) => reduce(n, x!, 0, (total, v) => total + v),
  reduceMax: (n, [x]) => reduce(n, x!, -Infinity, Math.max),
  argMax(n, [x]) {
    const best = new Float64Array(sizeOf(n.shape)).fill(-Infinity);
    const out = new Float64Array(best.length);
    const at = positions(x!.shape, stretched(n.shape, x!.shape));
    const step = strides(x!.shape)[n.attributes.axis]!;
    const size = x!.shape[n.attributes.axis]!;
    x!.data.forEach((v, k) => {
      if (v > best[at[k]!]!) {
        best[at[k]!] = v;
        out[at[k]!] = Math.floor(k / step) % size;
      }
    });
    return out;
  },
  matmul: (n, inputs) => matmul(n, inputs as readonly [Values, Values]),
  reshape: (_, [x]) => x!.data,
  broadcast: (n, [x]) => spread(x!, n.shape),
  transpose(n, [x]) {
    const own = strides(x!.shape);
    const at = positions(
      n.shape,
      n.attributes.permutation.map((p) => own[p]!),
    );
    return Float64Array.from(at, (k) => x!.data[k]!);
  },
  concat(n, inputs) {
    const out = new Float64Array(sizeOf(n.shape));
    const to = strides(n.shape);
    let offset = 0;
    for (const x of inputs) {
      const at = positions(x.shape, to, offset * to[n.attributes.axis]!);
      x.data.forEach((v, k) => (out[at[k]!] = v));
      offset += x.shape[n.attributes.axis]!;
    }
    return out;
  },
  slice(n, [x]) {
    const own = strides(x!.shape);
    const at = positions(
      n.shape,
      own,
      n.attributes.starts.reduce((s, start, i) => s + start * own[i]!, 0),
    );
    return Float64Array.from(at, (k) => x!.data[k]!);
  },
  pad(n, [x]) {
    const out = new Float64Array(sizeOf(n.shape));
    const to = strides(n.shape);
    const at = positions(
      x!.shape,
      to,
      n.attributes.before.reduce((s, b, i) => s + b * to[i]!, 0),
    );
    x!.data.forEach((v, k) => (out[at[k]!] = v));
    return out;
  },
  gather(n, [table, indices]) {
    const each = block(table!.shape);
    const out = new Float64Array(sizeOf(n.shape));
    indices!.data.forEach((index, k) => {
      const row = rowOf(index, table!.shape[0]!);
      out.set(table!.data.subarray(row * each, (row + 1) * each), k * each);
    });
    return out;
  },
  scatterAdd(n, [indices, rows]) {
    const each = block(n.shape);
    const out = new Float64Array(sizeOf(n.shape));
    indices!.data.forEach((index, k) => {
      const row = rowOf(index, n.shape[0]!);
      for (let j = 0; j < each; j++) out[row * each + j]! += rows!.data[k * each + j]!;
    });
    return out;
  },
};

type AnyKernel = (n: GraphNode, inputs: readonly Values[], feeds: Readonly<Record<string, Values>>) => Float64Array;

/**
 * The value of every node, in float64, by plain loops: slow, and right.
 * @param disturb changes what a node of real numbers gives, to see what becomes of small errors
 */
export function evaluateAll(
  graph: Graph,
  feeds: Readonly<Record<string, Values>>,
  disturb?: (data: Float64Array, node: number) => Float64Array,
): readonly Values[] {
  const values: Values[] = [];
  for (const n of graph.nodes) {
    const inputs = n.inputs.map((i) => values[i]!);
    const exact = (KERNELS[n.op] as AnyKernel)(n, inputs, feeds);
    const data = disturb !== undefined && n.dtype === "float" ? disturb(exact, values.length) : exact;
    values.push({ data, shape: n.op === "input" ? feeds[n.attributes.name]!.shape : n.shape });
  }
  return values;
}
