import { combined, inner, norm, residualOf, type Limits, type Product, type Solution } from "./krylov.ts";

/** The residual never grows where every curvature lies in (0, 2/rate). */
const GROWN = 2;

/**
 * The Neumann series x_k = η Σ_{j<k} (I − η H)ʲ b, as x ← x + η (b − H x): one product an iteration, about κ(H) ln(1/ε)
 * of them. It converges where every curvature lies in (0, 2/η).
 * Source: Lorraine, Vicol, Duvenaud 2020.
 */
export async function neumann(product: Product, b: Float64Array, limits: Limits, rate: number): Promise<Solution> {
  const goal = limits.tolerance * norm(b);
  let x: Float64Array = new Float64Array(b.length);
  let r = b;
  for (let k = 1; k <= limits.iterations; k++) {
    x = combined(x, rate, r);
    r = await residualOf(product, x, b);
    const size = norm(r);
    if (size <= goal) return { x, iterations: k };
    if (!(size <= GROWN * norm(b))) {
      return { x, iterations: k, breakdown: `its residual grows at rate ${rate.toPrecision(3)}` };
    }
  }
  return { x, iterations: limits.iterations };
}

const POWER_ITERATIONS = 50;

/** The curvature of largest magnitude, by power iteration to about one percent, from a vector that is the same always. */
export async function largestCurvature(product: Product, length: number): Promise<number> {
  let v: Float64Array = Float64Array.from({ length }, (_, i) => Math.sin(12.9898 * (i + 1)));
  let found = 0;
  for (let k = 0; k < POWER_ITERATIONS; k++) {
    const size = norm(v);
    v = v.map((value) => value / size);
    const next = await product(v);
    const before = found;
    found = inner(v, next);
    if (found === 0 || Math.abs(found - before) < 1e-3 * Math.abs(found)) break;
    v = next;
  }
  return found;
}
