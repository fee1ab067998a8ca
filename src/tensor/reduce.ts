import { requireOptions } from "../errors.ts";
import {
  add,
  cast,
  constant,
  constantValue,
  div,
  exp,
  log,
  maximum,
  mul,
  sub,
  toTensor,
  type TensorLike,
} from "./elementwise.ts";
import { detach, reshape } from "./layout.ts";
import { normalizeAxes, sameShape, sizeOf, type Shape } from "./shape.ts";
import { node, type Tensor } from "./tensor.ts";

/** Axes to reduce (all of them unless given; negative ones count from the end), and whether they stay with size 1. */
export interface ReduceOptions {
  readonly axes?: number | readonly number[];
  readonly keepDims?: boolean;
}

const requireReduction = (op: string, options: ReduceOptions): void =>
  requireOptions(op, options, { axes: "number or list?", keepDims: "boolean?" });

const collapsed = (shape: Shape, axes: readonly number[]): Shape => shape.map((d, i) => (axes.includes(i) ? 1 : d));

function drop(x: Tensor, axes: readonly number[], options: ReduceOptions): Tensor {
  return options.keepDims === true
    ? x
    : reshape(
        x,
        x.shape.filter((_, i) => !axes.includes(i)),
      );
}

/** The sum over the given axes, which stay with size 1. */
export function sumKeeping(x: Tensor, axes: readonly number[]): Tensor {
  const shape = collapsed(x.shape, axes);
  if (sameShape(shape, x.shape)) return x;
  const value = constantValue(x);
  const count = sizeOf(x.shape) / sizeOf(shape);
  if (value !== undefined) return constant(value * count, shape, x.dtype);
  if (x.op === "broadcast") {
    // Stretched axes are counted, not summed.
    const source = x.inputs[0]!;
    const offset = x.shape.length - source.shape.length;
    const stretched = (i: number): boolean => i < offset || (source.shape[i - offset] === 1 && x.shape[i] !== 1);
    if (axes.every(stretched)) {
      const times = axes.reduce((product, i) => product * x.shape[i]!, 1);
      const folded = reshape(source, [...x.shape.slice(0, offset).map(() => 1), ...source.shape]);
      if (sameShape(folded.shape, shape)) return mul(folded, times);
    }
  }
  if (x.op === "mul") {
    const factor = constantValue(x.inputs[0]!);
    if (factor !== undefined && sameShape(x.inputs[1]!.shape, x.shape))
      return mul(constant(factor, [], x.dtype), sumKeeping(x.inputs[1]!, axes));
  }
  if (x.op === "neg") return mul(-1, sumKeeping(x.inputs[0]!, axes));
  return node("sum", [x], { axes }, shape, x.dtype);
}

export function sum(x: TensorLike, options: ReduceOptions = {}): Tensor {
  requireReduction("sum", options);
  const t = toTensor("sum", x);
  const real = t.dtype === "bool" ? cast(t, "float") : t;
  const axes = normalizeAxes("sum", real.shape, options.axes);
  return drop(sumKeeping(real, axes), axes, options);
}

export function mean(x: TensorLike, options: ReduceOptions = {}): Tensor {
  requireReduction("mean", options);
  const t = toTensor("mean", x);
  const real = t.dtype === "float" ? t : cast(t, "float");
  const axes = normalizeAxes("mean", real.shape, options.axes);
  return div(
    sum(real, options),
    axes.reduce((product, i) => product * real.shape[i]!, 1),
  );
}

/**
 * The largest element; equal ones share the derivative. Of elements that are NaN the native engine may take no notice, so a
 * maximum that is finite does not show that all elements are.
 */
export function max(x: TensorLike, options: ReduceOptions = {}): Tensor {
  requireReduction("max", options);
  const t = toTensor("max", x);
  const axes = normalizeAxes("max", t.shape, options.axes);
  const shape = collapsed(t.shape, axes);
  const value = constantValue(t);
  const result =
    value !== undefined
      ? constant(value, shape, t.dtype)
      : sameShape(shape, t.shape)
        ? t
        : node("reduceMax", [t], { axes }, shape, t.dtype);
  return drop(result, axes, options);
}

/** The smallest element; equal ones share the derivative, and NaN is as in `max`. */
export function min(x: TensorLike, options: ReduceOptions = {}): Tensor {
  requireReduction("min", options);
  return mul(-1, max(mul(-1, x), options));
}

/** Index of the first maximum along one axis, as integers; it has no derivative. */
export function argMax(x: Tensor, axis = -1): Tensor {
  const [at] = normalizeAxes("argMax", x.shape, axis) as [number];
  const result = node("argMax", [x], { axis: at }, collapsed(x.shape, [at]), "int");
  return drop(result, [at], {});
}

/** log Σ eˣ, computed without overflow. */
export function logSumExp(x: TensorLike, options: ReduceOptions = {}): Tensor {
  requireReduction("logSumExp", options);
  const t = toTensor("logSumExp", x);
  const axes = normalizeAxes("logSumExp", t.shape, options.axes);
  // The shift cancels exactly, so it is a constant to differentiation; it is bounded so that a row of −∞ stays −∞.
  const shift = maximum(detach(max(t, { axes, keepDims: true })), -3e38);
  const total = log(sumKeeping(exp(sub(t, shift)), axes));
  return drop(add(total, shift), axes, options);
}
