import { requireOptions } from "../errors.ts";
import { constant, constantValue, toTensor } from "./elementwise.ts";
import { broadcastShapes, shapeError, type Shape } from "./shape.ts";
import { node, type Tensor } from "./tensor.ts";

export interface MatmulOptions {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
}

/** A transpose of just the last two axes disappears into the product. */
function absorb(x: Tensor, transposed: boolean): readonly [Tensor, boolean] {
  if (x.op !== "transpose") return [x, transposed];
  const p = x.attributes.permutation;
  const r = p.length;
  const swapsLast = p[r - 1] === r - 2 && p[r - 2] === r - 1 && p.every((axis, i) => i >= r - 2 || axis === i);
  return swapsLast ? [x.inputs[0]!, !transposed] : [x, transposed];
}

const oriented = (shape: Shape, transposed: boolean): readonly [number, number] => {
  const [rows, columns] = shape.slice(-2) as [number, number];
  return transposed ? [columns, rows] : [rows, columns];
};

/** Matrix product over the last two axes; leading axes are batches and broadcast. */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  requireOptions("matmul", options, { transposeA: "boolean?", transposeB: "boolean?" });
  for (const operand of [a, b]) toTensor("matmul", operand);
  if (a.shape.length < 2 || b.shape.length < 2) {
    throw shapeError(
      "matmul",
      [a.shape, b.shape],
      "both need at least two axes",
      "Use reshape to make a vector a matrix.",
    );
  }
  if (a.dtype !== "float" || b.dtype !== "float") {
    throw shapeError(
      "matmul",
      [a.shape, b.shape],
      `needs real numbers, not ${a.dtype} and ${b.dtype}`,
      "Use ops.cast.",
    );
  }
  const [x, transposeA] = absorb(a, options.transposeA === true);
  const [y, transposeB] = absorb(b, options.transposeB === true);
  const [m, k] = oriented(x.shape, transposeA);
  const [inner, n] = oriented(y.shape, transposeB);
  if (k !== inner) {
    throw shapeError(
      "matmul",
      [a.shape, b.shape],
      `the inner sizes ${k} and ${inner} differ`,
      "Columns of the first must equal rows of the second.",
    );
  }
  const batch = broadcastShapes("matmul", [x.shape.slice(0, -2), y.shape.slice(0, -2)]);
  const shape = [...batch, m, n];
  if (constantValue(x) === 0 || constantValue(y) === 0) return constant(0, shape);
  return node("matmul", [x, y], { transposeA, transposeB }, shape, "float");
}
