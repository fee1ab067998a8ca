import type { Point } from "../../src/data/point.ts";
import { expect } from "vitest";
import type { ErrorCode } from "../../src/errors.ts";
import type { Engine } from "../../src/engine/engine.ts";
import type { Hypergradient, Method } from "../../src/hypergradient/method.ts";
import type { Experiment } from "../../src/problem/experiment.ts";
import { resolveProblem, type ResolveOptions } from "../../src/problem/problem.ts";
import { createRollout } from "../../src/rollout/create.ts";
import type { Rollout, RolloutOptions } from "../../src/rollout/rollout.ts";

/** A hypergradient without what the engine holds. */
export type Numbers = Omit<Hypergradient, "final">;

/** An experiment on an engine, by default without the comparison of engines that other suites make. */
export const rolloutOf = async (
  experiment: Experiment,
  engine: Engine,
  options: ResolveOptions & RolloutOptions = {},
): Promise<Rollout> =>
  createRollout(await resolveProblem(experiment, options), engine, { trustEngine: true, ...options });

/** Runs a method and frees the state it leaves. */
export async function numbersOf(rollout: Rollout, method: Method): Promise<Numbers> {
  const { final, ...numbers } = await method.run(rollout);
  rollout.free(final);
  return numbers;
}

/** All coordinates as one vector, tensor after tensor. */
export const flat = (point: Point): number[] => Object.values(point).flatMap((values) => [...values]);

/** ‖a − b‖ / ‖b‖ over the whole vector; of a zero vector only itself is no error. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} numbers cannot be compared with ${b.length}`);
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < b.length; i++) {
    difference += (a[i]! - b[i]!) ** 2;
    norm += b[i]! ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference / norm);
}

/** Numbers in [−1, 1) from whole-number arithmetic, so that every language has the same bits. */
export const formula = (seed: number, count: number): Float64Array =>
  Float64Array.from(
    { length: count },
    (_, i) => (((i + 3) * (i + 7 * seed + 5) * 37 + 11 * i * seed) % 1009) / 504.5 - 1,
  );

/** What a DrmadError of this code looks like, with part of its message. */
export const failure = (code: ErrorCode, part = ""): { readonly code: ErrorCode; readonly message: string } => ({
  code,
  message: expect.stringContaining(part) as string,
});
