import { normal, type Uniform } from "../data/random.ts";
import { DrmadError } from "../errors.ts";
import { addPoints, mapPoint } from "../data/point.ts";
import type { Point } from "../data/point.ts";
import type { Buffers, Rollout } from "../rollout/rollout.ts";

/** What a particle adds to the point: while a segment trains, and summed as the estimator weighs it. */
export interface Perturbation {
  readonly bySegment: readonly Point[];
  readonly total: Point;
}

/** A hyperparameter with a value for every step is perturbed once, in the segment of that step, and stays so. */
export function perturb(
  { hypers, point, steps }: Rollout,
  segments: number,
  next: (segment: number) => Uniform,
): Perturbation {
  const none: Point = mapPoint(point, () => 0);
  const table: Point = mapPoint(point, () => 0);
  const drawn: Point[] = [];
  for (let s = 0; s < segments; s++) {
    const stream = next(s);
    const shared = { ...none };
    for (const { name, perStep } of hypers) {
      const each = point[name]!.length / steps;
      const [from, to] = perStep ? [each * first(s, segments, steps), each * first(s + 1, segments, steps)] : [0, 0];
      if (perStep) for (let i = from; i < to; i++) table[name]![i] = normal(stream);
      else shared[name] = point[name]!.map(() => normal(stream));
    }
    drawn.push(shared);
  }
  return {
    bySegment: drawn.map((shared) => addPoints(shared, table)),
    total: drawn.reduce(addPoints, table),
  };
}

const first = (segment: number, segments: number, steps: number): number => Math.floor((segment * steps) / segments);

/** The outer loss of a particle: every segment of its training at that segment's point, the loss at the last one's. */
export async function particleLoss(rollout: Rollout, points: readonly Point[], name: string): Promise<number> {
  const at = points.map((point) => rollout.at(point));
  let state: Buffers = {};
  let place = "at its start";
  try {
    state = await at[0]!.start();
    for (const [s, there] of at.entries()) {
      place = `in segment ${s + 1} of ${points.length}`;
      const range = { from: first(s, points.length, rollout.steps), to: first(s + 1, points.length, rollout.steps) };
      const { final } = await there.train(state, { range });
      rollout.free(state);
      state = final;
    }
    place = "after its training";
    const { value, adjoint } = await at[at.length - 1]!.outer(state);
    rollout.free(adjoint);
    return value;
  } catch (error) {
    if (!(error instanceof DrmadError && error.code === "non-finite")) throw error;
    throw new DrmadError("non-finite", `${name} failed ${place}: ${error.message}`, {
      hint: "Take a smaller sigma, or start from a smaller learning rate.",
      cause: error,
    });
  } finally {
    rollout.free(state);
  }
}
