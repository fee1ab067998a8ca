import { DrmadError } from "../errors.ts";
import { broadcastShapes, sameShape, shapeError, type Shape } from "./shape.ts";
import { isTensor, node, type DType, type Op, type Tensor } from "./tensor.ts";

/** Wherever a tensor is expected, a number stands for a tensor of shape []. */
export type TensorLike = Tensor | number;

export const constant = (value: number, shape: Shape = [], dtype: DType = "float"): Tensor =>
  node("constant", [], { value }, shape, dtype);

/** `2 * x` is NaN in JavaScript where x is an object, and `x + 1` a string: the usual slip of who is new to this. */
export const OPERATORS = "Operators like + and * do not work on tensors: write ops.add(a, b), ops.mul(a, b).";

export function toTensor(op: string, x: TensorLike): Tensor {
  if (isTensor(x)) return x;
  if (typeof x === "number" && !Number.isNaN(x)) return constant(x);
  if (typeof x === "number" || typeof x === "string") {
    throw new DrmadError("invalid-argument", `${op} was given ${typeof x === "string" ? "a string" : "NaN"}`, {
      hint: `${OPERATORS} An operand that is NaN is ops.constant(NaN).`,
    });
  }
  throw new DrmadError(
    "invalid-argument",
    `${op} was given ${x === null ? "null" : typeof x} where it needs a tensor`,
    {
      hint: "Losses work on tensors and numbers; turn arrays into tensors with ops.literal.",
    },
  );
}

/** The number in every element of a constant, else undefined. */
export const constantValue = (x: Tensor): number | undefined => (x.op === "constant" ? x.attributes.value : undefined);

export function broadcastTo(x: TensorLike, shape: Shape): Tensor {
  const t = toTensor("broadcastTo", x);
  if (sameShape(t.shape, shape)) return t;
  if (!sameShape(broadcastShapes("broadcastTo", [t.shape, shape]), shape)) {
    throw shapeError("broadcastTo", [t.shape, shape], "the first does not stretch to the second");
  }
  if (t.op === "constant") return constant(t.attributes.value, shape, t.dtype);
  return node("broadcast", [t.op === "broadcast" ? t.inputs[0]! : t], {}, shape, t.dtype);
}

/** Operands stretch by themselves in an elementwise operation, so an explicit broadcast before it is dropped where it can be. */
function shrink(inputs: readonly Tensor[], shape: Shape): readonly Tensor[] {
  const result = [...inputs];
  for (let i = 0; i < result.length; i++) {
    const x = result[i]!;
    if (x.op !== "broadcast") continue;
    const rest = result.map((other, j) => (j === i ? x.inputs[0]!.shape : other.shape));
    if (sameShape(broadcastShapes("broadcastTo", rest), shape)) result[i] = x.inputs[0]!;
  }
  return result;
}

type Elementwise = Extract<
  Op,
  | "neg" | "exp" | "log" | "sqrt" | "tanh" | "sigmoid" | "softplus" | "relu" | "abs" | "sign" | "sin" | "cos" | "not"
  | "add" | "sub" | "mul" | "div" | "pow" | "minimum" | "maximum" | "less" | "equal" | "and" | "where" | "cast"
>; // prettier-ignore

function elementwise(op: Elementwise, inputs: readonly Tensor[], dtype: DType): Tensor {
  const shape = broadcastShapes(
    op,
    inputs.map((x) => x.shape),
  );
  return node(op, shrink(inputs, shape), {}, shape, dtype);
}

function floats(op: string, values: readonly TensorLike[]): readonly Tensor[] {
  return values.map((value) => {
    const x = toTensor(op, value);
    if (x.dtype === "bool") {
      throw new DrmadError("invalid-argument", `${op} needs numbers, not truth values`, {
        hint: "Use ops.cast first.",
      });
    }
    return x;
  });
}

// ---- one operand -------------------------------------------------------------------------------------------------

/** Operations that give integers for integers; the others are for real numbers only. */
const WHOLE: ReadonlySet<Elementwise> = new Set<Elementwise>(["relu", "abs", "sign"]);

const unary =
  (op: Elementwise, fold: (x: number) => number) =>
  (x: TensorLike): Tensor => {
    const [t] = floats(op, [x]) as [Tensor];
    if (t.dtype === "int" && !WHOLE.has(op)) {
      throw new DrmadError("invalid-argument", `${op} needs real numbers, not integers`, {
        hint: "Use ops.cast first.",
      });
    }
    const value = constantValue(t);
    return value === undefined ? elementwise(op, [t], t.dtype) : constant(fold(value), t.shape, t.dtype);
  };

export const exp: (x: TensorLike) => Tensor = unary("exp", Math.exp);
export const log: (x: TensorLike) => Tensor = unary("log", Math.log);
export const sqrt: (x: TensorLike) => Tensor = unary("sqrt", Math.sqrt);
export const tanh: (x: TensorLike) => Tensor = unary("tanh", Math.tanh);
export const sigmoid: (x: TensorLike) => Tensor = unary("sigmoid", (x) => 1 / (1 + Math.exp(-x)));
/** log(1 + eˣ) */
export const softplus: (x: TensorLike) => Tensor = unary(
  "softplus",
  (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
);
/** max(x, 0); its derivative at 0 is 0. */
export const relu: (x: TensorLike) => Tensor = unary("relu", (x) => Math.max(x, 0));
/** |x|; its derivative at 0 is 0. */
export const abs: (x: TensorLike) => Tensor = unary("abs", Math.abs);
export const sign: (x: TensorLike) => Tensor = unary("sign", Math.sign);
export const sin: (x: TensorLike) => Tensor = unary("sin", Math.sin);
export const cos: (x: TensorLike) => Tensor = unary("cos", Math.cos);

export function neg(x: TensorLike): Tensor {
  const [t] = floats("neg", [x]) as [Tensor];
  if (t.op === "neg") return t.inputs[0]!;
  if (t.op === "sub") return sub(t.inputs[1]!, t.inputs[0]!);
  const split = scaled(t);
  return split.factor === 1 ? elementwise("neg", [t], t.dtype) : scale(-split.factor, split.rest);
}

export function not(x: Tensor): Tensor {
  return x.op === "not" ? x.inputs[0]! : elementwise("not", [x], "bool");
}

// ---- two operands ------------------------------------------------------------------------------------------------

/** x = factor · rest, with every constant factor and sign drawn out. */
function scaled(x: Tensor): { readonly factor: number; readonly rest: Tensor } {
  if (x.op === "neg") return { factor: -1, rest: x.inputs[0]! };
  if (x.op === "mul") {
    const factor = constantValue(x.inputs[0]!);
    if (factor !== undefined && sameShape(x.inputs[1]!.shape, x.shape)) return { factor, rest: x.inputs[1]! };
  }
  return { factor: 1, rest: x };
}

function scale(factor: number, x: Tensor): Tensor {
  if (factor === 0) return constant(0, x.shape, x.dtype);
  if (factor === 1) return x;
  if (factor === -1) return x.op === "neg" ? x.inputs[0]! : elementwise("neg", [x], x.dtype);
  return elementwise("mul", [constant(factor, [], x.dtype), x], x.dtype);
}

/** Shape, type and constant values of two numeric operands. */
function pair(
  op: string,
  a: TensorLike,
  b: TensorLike,
): { x: Tensor; y: Tensor; p?: number; q?: number; shape: Shape; dtype: DType } {
  const [x, y] = floats(op, [a, b]) as [Tensor, Tensor];
  const shape = broadcastShapes(op, [x.shape, y.shape]);
  const p = constantValue(x);
  const q = constantValue(y);
  // A number takes the type of the tensor it meets.
  const dtype = x.dtype === y.dtype ? x.dtype : p === undefined ? x.dtype : q === undefined ? y.dtype : "float";
  const number = x.dtype === dtype ? q : p;
  if (x.dtype !== y.dtype && (number === undefined || (dtype === "int" && !Number.isInteger(number)))) {
    throw new DrmadError("invalid-argument", `${op} of a ${x.dtype} and a ${y.dtype} tensor`, {
      hint: "Use ops.cast on one of them.",
    });
  }
  const adopt = (t: Tensor, value: number | undefined): Tensor =>
    value === undefined || t.dtype === dtype ? t : constant(value, t.shape, dtype);
  return {
    x: adopt(x, p),
    y: adopt(y, q),
    shape,
    dtype,
    ...(p === undefined ? {} : { p }),
    ...(q === undefined ? {} : { q }),
  };
}

export function add(a: TensorLike, b: TensorLike): Tensor {
  const { x, y, p, q, shape, dtype } = pair("add", a, b);
  if (p !== undefined && q !== undefined) return constant(p + q, shape, dtype);
  if (p === 0) return broadcastTo(y, shape);
  if (q === 0) return broadcastTo(x, shape);
  if (y.op === "neg") return elementwise("sub", [x, y.inputs[0]!], dtype);
  if (x.op === "neg") return elementwise("sub", [y, x.inputs[0]!], dtype);
  return elementwise("add", [x, y], dtype);
}

export function sub(a: TensorLike, b: TensorLike): Tensor {
  const { x, y, p, q, shape, dtype } = pair("sub", a, b);
  if (p !== undefined && q !== undefined) return constant(p - q, shape, dtype);
  if (q === 0) return broadcastTo(x, shape);
  if (p === 0) return broadcastTo(neg(y), shape);
  if (y.op === "neg") return elementwise("add", [x, y.inputs[0]!], dtype);
  return elementwise("sub", [x, y], dtype);
}

export function mul(a: TensorLike, b: TensorLike): Tensor {
  const { x, y, p, q, shape, dtype } = pair("mul", a, b);
  if (p !== undefined && q !== undefined) return constant(p * q, shape, dtype);
  if (p === 0 || q === 0) return constant(0, shape, dtype);
  const u = scaled(x);
  const v = scaled(y);
  const factor = (p ?? u.factor) * (q ?? v.factor);
  if (p !== undefined) return scale(factor, broadcastTo(v.rest, shape));
  if (q !== undefined) return scale(factor, broadcastTo(u.rest, shape));
  if (factor === 1) return elementwise("mul", [x, y], dtype);
  return scale(factor, elementwise("mul", [u.rest, v.rest], dtype));
}

export function div(a: TensorLike, b: TensorLike): Tensor {
  const { x, y, p, q, shape, dtype } = pair("div", a, b);
  if (dtype === "int") {
    throw new DrmadError("invalid-argument", "div needs real numbers, not integers", { hint: "Use ops.cast first." });
  }
  if (p !== undefined && q !== undefined) return constant(p / q, shape, dtype);
  if (p === 0) return constant(0, shape, dtype);
  if (q !== undefined) return mul(broadcastTo(x, shape), 1 / q);
  return elementwise("div", [x, y], dtype);
}

/** xᵖ. A constant exponent may have any base it is defined for; a tensor exponent needs a positive base to be differentiated. */
export function pow(a: TensorLike, b: TensorLike): Tensor {
  const { x, y, p, q, shape, dtype } = pair("pow", a, b);
  if (p !== undefined && q !== undefined) return constant(p ** q, shape, dtype);
  if (q === 0) return constant(1, shape, dtype);
  if (q === 1) return broadcastTo(x, shape);
  if (q === 2) return square(broadcastTo(x, shape));
  if (q === 0.5) return sqrt(broadcastTo(x, shape));
  if (q === -1) return div(1, broadcastTo(x, shape));
  return elementwise("pow", [x, y], dtype);
}

export const square = (x: TensorLike): Tensor => mul(x, x);

const extremum =
  (op: "minimum" | "maximum", fold: (a: number, b: number) => number) =>
  (a: TensorLike, b: TensorLike): Tensor => {
    const { x, y, p, q, shape, dtype } = pair(op, a, b);
    if (p !== undefined && q !== undefined) return constant(fold(p, q), shape, dtype);
    return elementwise(op, [x, y], dtype);
  };
/** The smaller of each pair; equal elements share the derivative. */
export const minimum: (a: TensorLike, b: TensorLike) => Tensor = extremum("minimum", Math.min);
/** The larger of each pair; equal elements share the derivative. */
export const maximum: (a: TensorLike, b: TensorLike) => Tensor = extremum("maximum", Math.max);

/** min(max(x, low), high) */
export const clip = (x: TensorLike, low: TensorLike, high: TensorLike): Tensor => minimum(maximum(x, low), high);

export function less(a: TensorLike, b: TensorLike): Tensor {
  const { x, y } = pair("less", a, b);
  return elementwise("less", [x, y], "bool");
}
export const greater = (a: TensorLike, b: TensorLike): Tensor => less(b, a);
export const lessEqual = (a: TensorLike, b: TensorLike): Tensor => not(less(b, a));
export const greaterEqual = (a: TensorLike, b: TensorLike): Tensor => not(less(a, b));
export function equal(a: TensorLike, b: TensorLike): Tensor {
  const { x, y } = pair("equal", a, b);
  return elementwise("equal", [x, y], "bool");
}
export const and = (a: Tensor, b: Tensor): Tensor => elementwise("and", [a, b], "bool");
export const or = (a: Tensor, b: Tensor): Tensor => not(and(not(a), not(b)));

// ---- selection ---------------------------------------------------------------------------------------------------

/**
 * a where the condition holds, else b. The branch not taken gets derivative 0, whatever its value; but behind it reverse
 * mode multiplies that 0 by the branch's own derivatives, which must be finite: where(x > 0, log(maximum(x, 1e-30)), 0).
 */
export function where(condition: Tensor, a: TensorLike, b: TensorLike): Tensor {
  if (condition.dtype !== "bool") {
    throw new DrmadError("invalid-argument", `where needs a condition of truth values, not of ${condition.dtype}s`, {
      hint: "Make one with ops.less, ops.equal or ops.greater.",
    });
  }
  const { x, y, shape, dtype } = pair("where", a, b);
  if (x === y) return broadcastTo(x, broadcastShapes("where", [condition.shape, shape]));
  return elementwise("where", [condition, x, y], dtype);
}

export function cast(x: Tensor, dtype: DType): Tensor {
  if (x.dtype === dtype) return x;
  const shape = x.shape;
  const value = constantValue(x);
  if (value !== undefined) {
    return constant(dtype === "int" ? Math.trunc(value) : dtype === "bool" ? Number(value !== 0) : value, shape, dtype);
  }
  return node("cast", [x], {}, shape, dtype);
}
