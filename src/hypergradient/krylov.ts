export type Product = (vector: Float64Array) => Promise<Float64Array>;

export interface Limits {
  /** Accepted ‖b − H x‖ / ‖b‖. */
  readonly tolerance: number;
  readonly iterations: number;
}

export interface Solution {
  readonly x: Float64Array;
  readonly iterations: number;
  /** Why it stopped before its limits, where it did not reach the tolerance. */
  readonly breakdown?: string;
}

export const inner = (a: Float64Array, b: Float64Array): number => {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!;
  return total;
};
export const norm = (a: Float64Array): number => Math.sqrt(inner(a, a));
/** a + c b. */
export const combined = (a: Float64Array, c: number, b: Float64Array): Float64Array => a.map((v, i) => v + c * b[i]!);

export const residualOf = async (product: Product, x: Float64Array, b: Float64Array): Promise<Float64Array> =>
  combined(b, -1, await product(x));

/**
 * Conjugate gradients: one product an iteration, at most as many as H has different eigenvalues. H must be positive
 * definite (or singular with b in its range). Where the updated residual is small the true one is computed, and if that
 * is not small the iteration begins again from there.
 * Source: Hestenes and Stiefel 1952.
 */
export async function conjugateGradient(product: Product, b: Float64Array, limits: Limits): Promise<Solution> {
  const goal = limits.tolerance * norm(b);
  let x: Float64Array = new Float64Array(b.length);
  let [r, p] = [b, b];
  let squared = inner(r, r);
  for (let k = 1; k <= limits.iterations; k++) {
    const q = await product(p);
    const curvature = inner(p, q);
    if (!(curvature > 0)) {
      return {
        x,
        iterations: k,
        breakdown: `met a direction of curvature ${(curvature / inner(p, p)).toExponential(1)}`,
      };
    }
    x = combined(x, squared / curvature, p);
    r = combined(r, -squared / curvature, q);
    const before = squared;
    squared = inner(r, r);
    if (Math.sqrt(squared) <= goal) {
      r = await residualOf(product, x, b);
      squared = inner(r, r);
      if (Math.sqrt(squared) <= goal) return { x, iterations: k };
      p = r;
    } else p = combined(r, squared / before, p);
  }
  return { x, iterations: limits.iterations };
}

/**
 * Conjugate gradients on H² x = H b: for indefinite H too. Two products an iteration; the condition number is squared.
 * Source: Hestenes and Stiefel 1952, section 10 (CGNR).
 */
export async function normalConjugateGradient(product: Product, b: Float64Array, limits: Limits): Promise<Solution> {
  const goal = limits.tolerance * norm(b);
  let x: Float64Array = new Float64Array(b.length);
  let r = b;
  let p = await product(r);
  let squared = inner(p, p);
  for (let k = 1; k <= limits.iterations; k++) {
    const q = await product(p);
    const curvature = inner(q, q);
    if (!(curvature > 0)) return { x, iterations: k, breakdown: "met a direction without curvature" };
    x = combined(x, squared / curvature, p);
    r = combined(r, -squared / curvature, q);
    const close = norm(r) <= goal;
    if (close) r = await residualOf(product, x, b);
    if (close && norm(r) <= goal) return { x, iterations: k };
    const z = await product(r);
    const before = squared;
    squared = inner(z, z);
    p = close ? z : combined(z, squared / before, p);
  }
  return { x, iterations: limits.iterations };
}
