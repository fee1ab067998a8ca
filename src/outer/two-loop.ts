import { dot, mapPoint, moved, type Point } from "../data/point.ts";

/** A step s and the change y of the gradient along it. */
export interface CurvaturePair {
  readonly step: Point;
  readonly change: Point;
}

/** Of a pair with less, y·s is mostly rounding or noise. */
const LEAST_COSINE = 1e-8;

/** Whether a pair tells of upward curvature: y·s > 10⁻⁸ ‖y‖‖s‖. Only such pairs keep the inverse Hessian positive definite. */
export const isCurved = ({ step, change }: CurvaturePair): boolean => {
  const along = dot(step, change);
  return along > LEAST_COSINE * Math.sqrt(dot(step, step) * dot(change, change)) && along > 0;
};

/**
 * H g, where H approximates the inverse Hessian from curvature pairs, oldest first, by the two-loop recursion of L-BFGS:
 * from H₀ = (s·y / y·y) I of the latest pair, every pair in turn replaces H by
 *
 *     (I − ρ s yᵀ) H (I − ρ y sᵀ) + ρ s sᵀ,        ρ = 1 / (y·s)
 *
 * Cost: 4 inner products and sums of points for each pair. Every pair must satisfy `isCurved`; there must be one.
 *
 * Source: Nocedal 1980, "Updating quasi-Newton matrices with limited storage"; Nocedal and Wright 2006, algorithm 7.4.
 */
export function timesInverseHessian(gradient: Point, pairs: readonly CurvaturePair[]): Point {
  const factors: number[] = [];
  let q = gradient;
  for (const { step, change } of pairs.toReversed()) {
    const factor = dot(step, q) / dot(change, step);
    factors.unshift(factor);
    q = moved(q, change, -factor);
  }
  const { step: s, change: y } = pairs.at(-1)!;
  const scale = dot(s, y) / dot(y, y);
  let r = mapPoint(q, (v) => scale * v);
  pairs.forEach(({ step, change }, i) => {
    r = moved(r, step, factors[i]! - dot(change, r) / dot(change, step));
  });
  return r;
}
