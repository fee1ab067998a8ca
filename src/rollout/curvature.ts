import type { Program } from "../engine/engine.ts";
import { rowsOf } from "../problem/problem.ts";
import { sizeOf } from "../tensor/shape.ts";
import type { Point } from "../data/point.ts";
import type { Buffers, Curvature } from "./rollout.ts";
import { readAll, zeros, type Shared } from "./shared.ts";
import { stateLeaves } from "./state.ts";
import { crossProgram, curvatureProgram, fixedPointProgram, requireInnerLoss, RESIDUAL } from "./whole.ts";

/** Iterations of the adjoint fixed point between two looks at its residual. */
const ITERATIONS_A_LOOK = 16;

/** What is left of the right side, relative to it, from which a fixed point is not approached but fled. */
const DIVERGED = 1e6;

/** Derivatives of the training loss on the whole split, at one point of hyperparameters. */
export function createCurvature(shared: Shared, point: Point, hyper: () => Promise<Buffers>): Curvature {
  const { problem, engine } = shared;
  requireInnerLoss(problem);
  const rows = rowsOf(problem.data.train);
  const length = problem.weights.reduce((n, { shape }) => n + sizeOf(shape), 0);
  const free = (...groups: readonly Buffers[]): void => engine.free(groups.flatMap((group) => Object.values(group)));

  /** A vector over all weights as tensors named `prefix/PATH`. */
  async function load(prefix: string, vector: Float64Array): Promise<Buffers> {
    let at = 0;
    const entries = problem.weights.map(async ({ path, shape }) => {
      const data = vector.slice(at, (at += sizeOf(shape)));
      return [`${prefix}/${path}`, await engine.load({ data, shape })] as const;
    });
    return Object.fromEntries(await Promise.all(entries));
  }

  async function flat(prefix: string, buffers: Buffers): Promise<Float64Array> {
    const names = problem.weights.map(({ path }) => `${prefix}/${path}`);
    const parts = await readAll(engine, buffers, names);
    const vector = new Float64Array(length);
    let at = 0;
    for (const name of names) {
      vector.set(parts[name]!, at);
      at += parts[name]!.length;
    }
    return vector;
  }

  async function run(
    key: "curvature" | "cross" | "fixed point",
    make: (length?: number) => Program,
    inputs: Buffers,
    range?: { readonly from: number; readonly to: number },
  ): Promise<Buffers> {
    const { executable, verify } = await shared.compile(key, make);
    await verify(rows, make, inputs, point);
    return executable.run({ ...(await hyper()), ...(await shared.data("train")), ...inputs }, range);
  }
  const curvature = (n?: number): Program => curvatureProgram(problem, n);
  const cross = (n?: number): Program => crossProgram(problem, n);
  const fixedPoint = (n?: number): Program => fixedPointProgram(problem, n);

  return {
    progress: (done, total) => shared.progress("backward", done, total),
    flat: (buffers) => flat("adjoint/weights", buffers),

    async product(state, vector) {
      const loaded = await load("vector", vector);
      const result = await run("curvature", curvature, { ...state, ...loaded });
      const found = await flat("product", result);
      free(loaded, result);
      return found;
    },

    async cross(state, vector) {
      const loaded = await load("vector", vector);
      const result = await run("cross", cross, { ...state, ...loaded });
      const gradient = await flat("gradient", result);
      const names = problem.hypers.tensors.map(({ name }) => name);
      const numbers = await readAll(
        engine,
        result,
        names.map((name) => `mixed/${name}`),
      );
      free(loaded, result);
      return { gradient, mixed: Object.fromEntries(names.map((name) => [name, numbers[`mixed/${name}`]!])) };
    },

    async fixedPoint(state, right, { tolerance, iterations }) {
      const b = await load("right", right);
      const leaves = stateLeaves(problem);
      const solution = problem.weights.map(({ path, shape }) => ({ name: `solution/${path}`, shape }));
      const adjoint = leaves.map(({ name, shape }) => ({ name: `adjoint/${name}`, shape }));
      let carry: Buffers = await zeros(engine, [...adjoint, ...solution]);
      const size = Math.sqrt(right.reduce((sum, v) => sum + v * v, 0));
      let done = 0;
      try {
        while (done < iterations) {
          const to = Math.min(done + ITERATIONS_A_LOOK, iterations);
          const result = await run("fixed point", fixedPoint, { ...state, ...b, ...carry }, { from: done, to });
          const [left] = (await readAll(engine, result, [RESIDUAL]))[RESIDUAL]!.slice(-1);
          free(carry, { [RESIDUAL]: result[RESIDUAL]! });
          carry = Object.fromEntries(Object.keys(carry).map((name) => [name, result[name]!]));
          done = to;
          shared.progress("backward", done, iterations);
          const residual = Math.sqrt(left!) / size;
          if (residual <= tolerance || !(residual < DIVERGED)) break;
        }
        return { x: await flat("solution", carry), iterations: done };
      } finally {
        free(b, carry);
      }
    },
  };
}
