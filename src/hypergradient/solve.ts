import type { Buffers, Curvature } from "../rollout/rollout.ts";
import {
  conjugateGradient,
  inner,
  normalConjugateGradient,
  type Limits,
  type Product,
  type Solution,
} from "./krylov.ts";
import { largestCurvature, neumann } from "./neumann.ts";

/** How to solve H x = b where H is known by its products alone. */
export const SOLVERS = ["cg", "normal-cg", "neumann", "fixed-point"] as const;
export type Solver = (typeof SOLVERS)[number];

/** Solves H x = b at a state. `rate` is η of the Neumann series: 1 / (largest curvature, estimated) unless told. */
export async function solve(
  solver: Solver,
  curvature: Curvature,
  state: Buffers,
  b: Float64Array,
  limits: Limits,
  rate?: number,
): Promise<Solution> {
  const total = limits.iterations * (solver === "normal-cg" ? 2 : 1);
  let done = 0;
  const product: Product = (vector) => {
    curvature.progress(Math.min(done++, total), total);
    return curvature.product(state, vector);
  };
  if (inner(b, b) === 0) return { x: b, iterations: 0 };
  switch (solver) {
    case "cg":
      return conjugateGradient(product, b, limits);
    case "normal-cg":
      return normalConjugateGradient(product, b, limits);
    case "neumann": {
      const largest = rate === undefined ? await largestCurvature(product, b.length) : 1 / rate;
      if (largest === 0) return { x: new Float64Array(b.length), iterations: 0, breakdown: "found no curvature" };
      return neumann(product, b, limits, 1 / Math.abs(largest));
    }
    case "fixed-point":
      return curvature.fixedPoint(state, b, limits);
  }
}
