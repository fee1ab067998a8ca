import { DrmadError } from "../errors.ts";
import { broadcastTo, constant, constantValue, toTensor, type TensorLike } from "./elementwise.ts";
import { normalizeAxes, sameShape, shapeError, sizeOf, type Shape } from "./shape.ts";
import { node, type Tensor } from "./tensor.ts";

/** One size may be −1: it is chosen so that the number of elements stays. */
export function reshape(x: TensorLike, shape: Shape): Tensor {
  const t = toTensor("reshape", x);
  const known = shape.reduce((product, d) => (d === -1 ? product : product * d), 1);
  const full = shape.map((d) => (d === -1 ? sizeOf(t.shape) / known : d));
  if (
    sizeOf(full) !== sizeOf(t.shape) ||
    full.some((d) => !Number.isInteger(d) || d < 0) ||
    shape.filter((d) => d === -1).length > 1
  ) {
    throw shapeError("reshape", [t.shape, shape], `${sizeOf(t.shape)} elements do not fill the new shape`);
  }
  if (sameShape(full, t.shape)) return t;
  const value = constantValue(t);
  if (value !== undefined) return constant(value, full, t.dtype);
  return reshape1(t.op === "reshape" ? t.inputs[0]! : t, full);
}
const reshape1 = (t: Tensor, shape: Shape): Tensor =>
  sameShape(t.shape, shape) ? t : node("reshape", [t], {}, shape, t.dtype);

/** Axes in a new order; without one, reversed. */
export function transpose(
  x: Tensor,
  permutation: readonly number[] = x.shape.map((_, i) => x.shape.length - 1 - i),
): Tensor {
  if (permutation.length !== x.shape.length || [...permutation].sort((a, b) => a - b).some((p, i) => p !== i)) {
    throw shapeError("transpose", [x.shape], `[${permutation.join(", ")}] is not an order of its axes`);
  }
  if (permutation.every((p, i) => p === i)) return x;
  const shape = permutation.map((p) => x.shape[p]!);
  const value = constantValue(x);
  if (value !== undefined) return constant(value, shape, x.dtype);
  if (x.op === "transpose") {
    const inner = x.attributes.permutation;
    return transpose(
      x.inputs[0]!,
      permutation.map((p) => inner[p]!),
    );
  }
  return node("transpose", [x], { permutation }, shape, x.dtype);
}

export function concat(parts: readonly Tensor[], axis = 0): Tensor {
  const first = parts[0];
  if (first === undefined)
    throw new DrmadError("invalid-argument", "concat of no tensors", { hint: "Give at least one tensor." });
  const [at] = normalizeAxes("concat", first.shape, axis) as [number];
  for (const part of parts) {
    const fits =
      part.shape.length === first.shape.length && part.shape.every((d, i) => i === at || d === first.shape[i]);
    if (!fits || part.dtype !== first.dtype) {
      throw shapeError(
        "concat",
        parts.map((p) => p.shape),
        `sizes must be equal except on axis ${at}`,
      );
    }
  }
  if (parts.length === 1) return first;
  const total = parts.reduce((n, p) => n + p.shape[at]!, 0);
  return node(
    "concat",
    parts,
    { axis: at },
    first.shape.map((d, i) => (i === at ? total : d)),
    first.dtype,
  );
}

/** Tensors of one shape, joined along a new axis; a negative one counts from the end of the result's axes. */
export function stack(parts: readonly Tensor[], axis = 0): Tensor {
  const [at] = normalizeAxes("stack", [1, ...(parts[0]?.shape ?? [])], axis) as [number];
  return concat(
    parts.map((p) => reshape(p, [...p.shape.slice(0, at), 1, ...p.shape.slice(at)])),
    at,
  );
}

/** Elements starts[i] to ends[i] (not included) of each axis; negative ends count from the end. */
export function slice(x: Tensor, starts: readonly number[], ends: readonly number[]): Tensor {
  const stops = x.shape.map((d, i) => {
    const end = ends[i] ?? d;
    return end < 0 ? end + d : end;
  });
  const begins = x.shape.map((_, i) => starts[i] ?? 0);
  const shape = stops.map((end, i) => end - begins[i]!);
  if (
    starts.length > x.shape.length ||
    ends.length > x.shape.length ||
    shape.some((d, i) => d < 0 || begins[i]! < 0 || stops[i]! > x.shape[i]!)
  ) {
    throw shapeError("slice", [x.shape], `from [${starts.join(", ")}] to [${ends.join(", ")}] reaches outside`);
  }
  if (sameShape(shape, x.shape)) return x;
  const value = constantValue(x);
  if (value !== undefined) return constant(value, shape, x.dtype);
  return node("slice", [x], { starts: begins }, shape, x.dtype);
}

/** Zeros added before and after each axis. */
export function pad(x: Tensor, before: readonly number[], after: readonly number[]): Tensor {
  if (
    before.length !== x.shape.length ||
    after.length !== x.shape.length ||
    [...before, ...after].some((n) => !Number.isInteger(n) || n < 0)
  ) {
    throw shapeError("pad", [x.shape], "amounts must be whole numbers, one for each axis, not negative");
  }
  const shape = x.shape.map((d, i) => d + before[i]! + after[i]!);
  if (sameShape(shape, x.shape)) return x;
  if (constantValue(x) === 0) return constant(0, shape, x.dtype);
  return node("pad", [x.op === "constant" ? broadcastTo(x, x.shape) : x], { before }, shape, x.dtype);
}

/** Rows of the first axis: shape is indices.shape followed by table.shape without its first axis. */
export function gather(table: Tensor, indices: TensorLike): Tensor {
  const at = typeof indices === "number" ? constant(indices, [], "int") : indices;
  if (table.shape.length === 0 || at.dtype !== "int") {
    throw shapeError(
      "gather",
      [table.shape, at.shape],
      at.dtype === "int" ? "the table has no axis to index" : "indices must be integers",
    );
  }
  return node("gather", [table, at], {}, [...at.shape, ...table.shape.slice(1)], table.dtype);
}

/** Zeros of `shape` with `rows` added at `indices` of the first axis; repeated indices add up. The transpose of gather. */
export function scatterAdd(indices: Tensor, rows: Tensor, shape: Shape): Tensor {
  if (constantValue(rows) === 0) return constant(0, shape, rows.dtype);
  if (!sameShape(rows.shape, [...indices.shape, ...shape.slice(1)])) {
    throw shapeError("scatterAdd", [indices.shape, rows.shape, shape], "rows do not match indices and shape");
  }
  return node("scatterAdd", [indices, rows], {}, shape, rows.dtype);
}

/**
 * The value, held constant by differentiation: what it is of gets no gradient through it, by intent.
 *
 * Hypergradients hold it constant too. With it in a loss, a method that is exact gives the derivative of the run in which
 * the detached values are given numbers; a finite difference moves them, and differs.
 */
export function detach(x: Tensor): Tensor {
  return x.op === "constant" || x.op === "literal" || x.op === "detach" ? x : node("detach", [x], {}, x.shape, x.dtype);
}

/** The value under another identity, so that derivatives can be taken with respect to it alone. */
export const alias = (x: Tensor): Tensor => node("alias", [x], {}, x.shape, x.dtype);

/** A dense constant of the graph. */
export function literal(
  data: ArrayLike<number>,
  shape: Shape = [data.length],
  dtype: "float" | "int" = "float",
): Tensor {
  if (data.length !== sizeOf(shape)) {
    throw shapeError("literal", [[data.length], shape], "the number of elements does not fill the shape");
  }
  const values = Float64Array.from(data);
  if (values.length > 0 && values.every((v) => Object.is(v, values[0]))) return constant(values[0]!, shape, dtype);
  return node("literal", [], { data: values }, shape, dtype);
}

export const input = (
  name: string,
  shape: Shape,
  dtype: Tensor["dtype"] = "float",
  options: { readonly rows?: boolean } = {},
): Tensor => node("input", [], { name, rows: options.rows === true }, shape, dtype);
