import {
  add,
  broadcastTo,
  cast,
  cos,
  div,
  equal,
  less,
  log,
  mul,
  neg,
  pow,
  sigmoid,
  sign,
  sin,
  square,
  sub,
  where,
} from "../tensor/elementwise.ts";
import { alias, concat, gather, pad, reshape, scatterAdd, slice, transpose } from "../tensor/layout.ts";
import { matmul } from "../tensor/matmul.ts";
import { sumKeeping } from "../tensor/reduce.ts";
import type { Shape } from "../tensor/shape.ts";
import type { Op, Tensor, TensorOf } from "../tensor/tensor.ts";

/** A tangent or cotangent; null is zero. */
export type Derivative = Tensor | null;

/**
 * How one primitive differentiates, as tensor expressions, so that derivatives can be differentiated again.
 * For y = f(x₀, x₁, …): `jvp` gives Σᵢ ∂f/∂xᵢ · ẋᵢ, `vjp` gives (∂f/∂xᵢ)ᵀ ȳ for one i.
 */
export interface Rule<O extends Op> {
  jvp(y: Tensor & TensorOf<O>, tangents: readonly Derivative[]): Derivative;
  vjp(y: Tensor & TensorOf<O>, cotangent: Tensor, i: number): Derivative;
}

/** The transpose of broadcasting: sums over the axes along which `shape` was stretched. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  const offset = x.shape.length - shape.length;
  const axes = x.shape.map((_, i) => i).filter((i) => i < offset || (shape[i - offset] === 1 && x.shape[i] !== 1));
  return reshape(sumKeeping(x, axes), shape);
}

const sumOf = (parts: readonly Derivative[]): Derivative =>
  parts.reduce<Derivative>((total, part) => (total === null ? part : part === null ? total : add(total, part)), null);

/** ∂y/∂xᵢ of an elementwise operation: a tensor that broadcasts to y, or null where it is zero. */
type Partial<O extends Op> = (y: Tensor & TensorOf<O>, i: number) => Tensor | number | null;

function elementwise<O extends Op>(partial: Partial<O>): Rule<O> {
  return {
    jvp(y, tangents) {
      const terms = tangents.map((t, i) => {
        const d = t === null ? null : partial(y, i);
        return d === null || t === null ? null : mul(d, t);
      });
      const total = sumOf(terms);
      return total === null ? null : broadcastTo(total, y.shape);
    },
    vjp(y, cotangent, i) {
      const d = partial(y, i);
      return d === null ? null : sumTo(mul(d, cotangent), y.inputs[i]!.shape);
    },
  };
}

/** An operation linear in its only differentiable operand, given itself and its transpose. */
function linear<O extends Op>(
  apply: (y: Tensor & TensorOf<O>, x: Tensor) => Tensor,
  transposed: (y: Tensor & TensorOf<O>, cotangent: Tensor) => Tensor,
  operand = 0,
): Rule<O> {
  return {
    jvp: (y, tangents) => (tangents[operand] ? apply(y, tangents[operand]) : null),
    vjp: (y, cotangent, i) => (i === operand ? transposed(y, cotangent) : null),
  };
}

const zero: Rule<Op> = { jvp: () => null, vjp: () => null };

const x0 = (y: Tensor): Tensor => y.inputs[0]!;
const x1 = (y: Tensor): Tensor => y.inputs[1]!;
const mask = (condition: Tensor): Tensor => cast(condition, "float");

/** 1 where operand i wins, ½ where both are equal, 0 where it loses. */
const winner = (wins: Tensor, y: Tensor): Tensor => add(mask(wins), mul(0.5, mask(equal(x0(y), x1(y)))));

/** Marks the maxima of a reduction, divided by their number. */
function share(y: Tensor & TensorOf<"reduceMax">): Tensor {
  const hits = mask(equal(x0(y), y));
  return div(hits, sumKeeping(hits, y.attributes.axes));
}

/** Every primitive has a rule here, or this file does not compile. */
export const RULES: { readonly [O in Op]: Rule<O> } = {
  input: zero,
  constant: zero,
  literal: zero,
  detach: zero,
  sign: zero,
  not: zero,
  less: zero,
  equal: zero,
  and: zero,
  argMax: zero,
  pack: zero,
  unpack: zero,

  neg: elementwise(() => -1),
  exp: elementwise((y) => y),
  log: elementwise((y) => div(1, x0(y))),
  sqrt: elementwise((y) => div(0.5, y)),
  tanh: elementwise((y) => sub(1, square(y))),
  sigmoid: elementwise((y) => mul(y, sub(1, y))),
  softplus: elementwise((y) => sigmoid(x0(y))),
  relu: elementwise((y) => mask(less(0, x0(y)))),
  abs: elementwise((y) => sign(x0(y))),
  sin: elementwise((y) => cos(x0(y))),
  cos: elementwise((y) => neg(sin(x0(y)))),
  cast: elementwise((y) => (x0(y).dtype === "float" && y.dtype === "float" ? 1 : null)),
  add: elementwise(() => 1),
  sub: elementwise((_, i) => (i === 0 ? 1 : -1)),
  mul: elementwise((y, i) => y.inputs[1 - i]!),
  div: elementwise((y, i) => (i === 0 ? div(1, x1(y)) : neg(div(y, x1(y))))),
  pow: elementwise((y, i) =>
    i === 0
      ? mul(x1(y), pow(x0(y), sub(x1(y), 1)))
      : // d/dp xᵖ = xᵖ log x, whose limit at x = 0 is 0; elsewhere a base must be positive.
        where(equal(x0(y), 0), 0, mul(y, log(x0(y)))),
  ),
  maximum: elementwise((y, i) => winner(i === 0 ? less(x1(y), x0(y)) : less(x0(y), x1(y)), y)),
  minimum: elementwise((y, i) => winner(i === 0 ? less(x0(y), x1(y)) : less(x1(y), x0(y)), y)),
  where: {
    // Selection, not multiplication by a mask: a branch not taken may be infinite.
    jvp: (y, [, a, b]) => (a || b ? broadcastTo(where(x0(y), a ?? 0, b ?? 0), y.shape) : null),
    vjp: (y, cotangent, i) =>
      i === 0 ? null : sumTo(i === 1 ? where(x0(y), cotangent, 0) : where(x0(y), 0, cotangent), y.inputs[i]!.shape),
  },

  sum: linear(
    (y, x) => sumKeeping(x, y.attributes.axes),
    (y, cotangent) => broadcastTo(cotangent, x0(y).shape),
  ),
  reduceMax: linear(
    (y, x) => sumKeeping(mul(share(y), x), y.attributes.axes),
    (y, cotangent) => mul(share(y), cotangent),
  ),
  matmul: {
    jvp: (y, [a, b]) => sumOf([a ? matmul(a, x1(y), y.attributes) : null, b ? matmul(x0(y), b, y.attributes) : null]),
    vjp(y, cotangent, i) {
      const { transposeA: ta, transposeB: tb } = y.attributes;
      const product =
        i === 0
          ? ta
            ? matmul(x1(y), cotangent, { transposeA: tb, transposeB: true })
            : matmul(cotangent, x1(y), { transposeB: !tb })
          : tb
            ? matmul(cotangent, x0(y), { transposeA: true, transposeB: ta })
            : matmul(x0(y), cotangent, { transposeA: !ta });
      return sumTo(product, y.inputs[i]!.shape);
    },
  },
  reshape: linear(
    (y, x) => reshape(x, y.shape),
    (y, cotangent) => reshape(cotangent, x0(y).shape),
  ),
  broadcast: linear(
    (y, x) => broadcastTo(x, y.shape),
    (y, cotangent) => sumTo(cotangent, x0(y).shape),
  ),
  alias: linear(
    (_, x) => alias(x),
    (_, cotangent) => cotangent,
  ),
  transpose: linear(
    (y, x) => transpose(x, y.attributes.permutation),
    (y, cotangent) => {
      const { permutation } = y.attributes;
      return transpose(
        cotangent,
        permutation.map((_, i) => permutation.indexOf(i)),
      );
    },
  ),
  slice: linear(
    (y, x) =>
      slice(
        x,
        y.attributes.starts,
        y.attributes.starts.map((s, i) => s + y.shape[i]!),
      ),
    (y, cotangent) => {
      const { starts } = y.attributes;
      return pad(
        cotangent,
        starts,
        starts.map((s, i) => x0(y).shape[i]! - s - y.shape[i]!),
      );
    },
  ),
  pad: linear(
    (y, x) =>
      pad(
        x,
        y.attributes.before,
        y.attributes.before.map((b, i) => y.shape[i]! - b - x.shape[i]!),
      ),
    (y, cotangent) => {
      const { before } = y.attributes;
      return slice(
        cotangent,
        before,
        before.map((b, i) => b + x0(y).shape[i]!),
      );
    },
  ),
  concat: {
    jvp: (y, tangents) =>
      tangents.every((t) => t === null)
        ? null
        : concat(
            tangents.map((t, i) => t ?? broadcastTo(0, y.inputs[i]!.shape)),
            y.attributes.axis,
          ),
    vjp(y, cotangent, i) {
      const { axis } = y.attributes;
      const offset = y.inputs.slice(0, i).reduce((n, x) => n + x.shape[axis]!, 0);
      const starts = y.shape.map((_, k) => (k === axis ? offset : 0));
      return slice(
        cotangent,
        starts,
        starts.map((s, k) => s + y.inputs[i]!.shape[k]!),
      );
    },
  },
  gather: linear(
    (y, x) => gather(x, x1(y)),
    (y, cotangent) => scatterAdd(x1(y), cotangent, x0(y).shape),
  ),
  scatterAdd: linear(
    (y, x) => scatterAdd(x0(y), x, y.shape),
    (y, cotangent) => gather(cotangent, x0(y)),
    1,
  ),
};
