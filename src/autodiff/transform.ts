import { DrmadError } from "../errors.ts";
import { add, broadcastTo, constant } from "../tensor/elementwise.ts";
import { sameShape, showShape } from "../tensor/shape.ts";
import { topological, type Op, type Tensor, type TensorOf } from "../tensor/tensor.ts";
import { RULES, type Derivative, type Rule } from "./rules.ts";

const ruleOf = (y: Tensor): Rule<Op> => RULES[y.op] as Rule<Op>;

/** The nodes between `xs` and `ys` that carry derivatives. Nodes in `xs` are cut: nothing behind them is looked at. */
function active(
  ys: readonly Tensor[],
  xs: ReadonlySet<Tensor>,
): { order: readonly Tensor[]; isActive: ReadonlySet<Tensor> } {
  const order = topological(ys);
  const isActive = new Set<Tensor>();
  for (const n of order) {
    if (xs.has(n) || (n.dtype === "float" && n.op !== "detach" && n.inputs.some((x) => isActive.has(x))))
      isActive.add(n);
  }
  return { order, isActive };
}

function expectMatching(what: string, of: readonly Tensor[], values: readonly Derivative[]): void {
  of.forEach((x, i) => {
    const value = values[i];
    if (value && !sameShape(value.shape, x.shape)) {
      throw new DrmadError(
        "shape-mismatch",
        `${what} ${i} has shape ${showShape(value.shape)} for a tensor of ${showShape(x.shape)}`,
      );
    }
  });
}

/**
 * Forward mode: ẏ = Σₖ ∂y/∂xₖ · ẋₖ for every y, the xₖ taken as independent even where one is computed from another.
 * Null stands for a zero derivative. The result is a graph like any other and can be differentiated again.
 */
export function jvp(
  ys: readonly Tensor[],
  xs: readonly Tensor[],
  tangents: readonly Derivative[],
): readonly Derivative[] {
  expectMatching("tangent", xs, tangents);
  const { order, isActive } = active(ys, new Set(xs));
  const tangent = new Map<Tensor, Derivative>();
  xs.forEach((x, i) => tangent.set(x, tangents[i] ?? null));
  for (const n of order) {
    if (tangent.has(n) || !isActive.has(n)) continue;
    const ins = n.inputs.map((x) => tangent.get(x) ?? null);
    tangent.set(n, ins.every((t) => t === null) ? null : ruleOf(n).jvp(n as Tensor & TensorOf<Op>, ins));
  }
  return ys.map((y) => tangent.get(y) ?? null);
}

/**
 * Reverse mode: x̄ₖ = Σ_y (∂y/∂xₖ)ᵀ ȳ for every xₖ, the xₖ taken as independent even where one is computed from another.
 * Null stands for a zero derivative. The result is a graph like any other and can be differentiated again.
 */
export function vjp(
  ys: readonly Tensor[],
  xs: readonly Tensor[],
  cotangents: readonly Derivative[],
): readonly Derivative[] {
  expectMatching("cotangent", ys, cotangents);
  const wanted = new Set(xs);
  const { order, isActive } = active(ys, wanted);
  const total = new Map<Tensor, Tensor>();
  const accumulate = (x: Tensor, value: Derivative): void => {
    if (value === null) return;
    const before = total.get(x);
    total.set(x, before === undefined ? value : add(before, value));
  };
  ys.forEach((y, i) => {
    if (isActive.has(y)) accumulate(y, cotangents[i] ?? null);
  });
  for (const n of [...order].reverse()) {
    const cotangent = total.get(n);
    if (cotangent === undefined || wanted.has(n)) continue;
    n.inputs.forEach((x, i) => {
      if (isActive.has(x)) accumulate(x, ruleOf(n).vjp(n as Tensor & TensorOf<Op>, cotangent, i));
    });
  }
  return xs.map((x) => total.get(x) ?? null);
}

/** Gradient of a scalar with respect to each x. */
export function grad(y: Tensor, xs: readonly Tensor[]): readonly Derivative[] {
  if (y.shape.length !== 0 || y.dtype !== "float") {
    throw new DrmadError(
      "invalid-loss",
      `a gradient needs a real scalar, not ${y.dtype} of shape ${showShape(y.shape)}`,
      {
        hint: "Reduce it with ops.mean or ops.sum.",
      },
    );
  }
  return vjp([y], xs, [constant(1)]);
}

/**
 * Second derivatives of a scalar along v, forward over reverse in one pass: for every z in `zs`, ∂z⟨∇ₓy, v⟩.
 * With zs = xs it is the Hessian times v; with other z the mixed product.
 */
export function secondProduct(
  y: Tensor,
  xs: readonly Tensor[],
  v: readonly Derivative[],
  zs: readonly Tensor[],
): readonly Derivative[] {
  // Second derivatives commute, so ∂z⟨∇ₓy, v⟩ is the derivative of ∇_z y along v.
  const gradients = grad(y, zs);
  const present = gradients.map((g) => g ?? null);
  const tangents = jvp(
    present.filter((g) => g !== null),
    xs,
    v,
  );
  let next = 0;
  return present.map((g) => (g === null ? null : (tangents[next++] ?? null)));
}

/** A derivative as a tensor: null becomes zeros of the given tensor's shape. */
export const dense = (d: Derivative, like: Tensor): Tensor => d ?? broadcastTo(0, like.shape);
