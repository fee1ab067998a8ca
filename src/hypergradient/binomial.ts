import { DrmadError } from "../errors.ts";

/**
 * Binomial checkpointing (Griewank and Walther 2000, "Revolve"): how to reverse a chain of segments when only some states
 * fit in memory, with the fewest segments run again.
 */

const binomial = (n: number, k: number): number => {
  const least = Math.min(k, n - k);
  let result = 1;
  for (let i = 1; i <= least; i++) result = (result * (n - least + i)) / i;
  return result;
};

/** Smallest number of repetitions r with C(checkpoints + 1 + r, r) ≥ segments, the state at the left end counted too. */
function repetitions(segments: number, checkpoints: number): number {
  let r = 0;
  while (binomial(checkpoints + 1 + r, r) < segments) r++;
  return r;
}

/**
 * How many segments to run ahead before the next checkpoint, out of `segments` to be reversed with this many free
 * checkpoints: as many as one repetition fewer can reverse to the left of it, but not so many that what lies to the right
 * would leave its own repetitions unused.
 */
export function stride(segments: number, checkpoints: number): number {
  const r = repetitions(segments, checkpoints);
  const left = binomial(checkpoints + r, Math.max(r - 1, 0));
  const right = binomial(checkpoints + r - 1, Math.max(r - 1, 0));
  return Math.min(segments - 1, Math.max(1, Math.min(left, segments - right)));
}

/**
 * Segments that are run in all to reverse a chain, each one's own run just before it is reversed included:
 * (r + 1) n − C(c + 1 + r, r − 1) for n segments, c checkpoints and r repetitions (Griewank and Walther 2000, proposition 1).
 */
export function segmentsRun(segments: number, checkpoints: number): number {
  if (checkpoints === 0) return (segments * (segments + 1)) / 2;
  const r = repetitions(segments, checkpoints);
  return r === 0 ? segments : (r + 1) * segments - binomial(checkpoints + 1 + r, r - 1);
}

/** Steps of a segment, and states kept between segments besides the first. */
export interface Plan {
  readonly segment: number;
  readonly checkpoints: number;
}

export const MEGABYTE = 1e6;

/** Megabytes that are no fewer than these bytes, in few digits, so that who asks for them gets enough. */
export const enoughMegabytes = (bytes: number): string => {
  const unit = 10 ** Math.min(5, Math.floor(Math.log10(bytes)) - 1);
  return String(Number(((Math.ceil(bytes / unit) * unit) / MEGABYTE).toPrecision(12)));
};

/** Numbers of segments worth trying, up to one for each step. */
function* segmentCounts(steps: number): Generator<number> {
  for (let segments = 1; segments < steps; segments = Math.max(segments + 1, Math.floor(segments * 1.02)))
    yield segments;
  yield steps;
}

/** The engine's own memory for a segment grows by doubling, so that more than this shows in the process. */
const REPLAYED_BYTES = 8e6;

/** Whether a segment is short enough to be run and swept in one call of the engine. */
export const inOneCall = (segment: number, stepBytes: number): boolean => segment * stepBytes <= REPLAYED_BYTES;

/** Storing the steps of a segment that is too large for one call takes so much of the time of running them. */
const STORING = 0.2;

/**
 * The plan that takes the least time within some bytes, given those of a state and of a step kept.
 * @throws DrmadError unsupported where not even one state and one step fit
 */
export function planWithin(steps: number, bytes: number, stateBytes: number, stepBytes: number): Plan {
  let best: (Plan & { readonly cost: number }) | undefined;
  for (const segments of segmentCounts(steps)) {
    const segment = Math.ceil(steps / segments);
    const checkpoints = Math.min(segments - 1, Math.floor((bytes - segment * stepBytes) / stateBytes) - 1);
    if (checkpoints < 0) continue;
    const storing = inOneCall(segment, stepBytes) ? 0 : STORING * steps;
    const cost = segmentsRun(Math.ceil(steps / segment), checkpoints) * segment + storing;
    if (best === undefined || cost < best.cost) best = { segment, checkpoints, cost };
  }
  if (best === undefined) {
    throw new DrmadError(
      "unsupported",
      `${Number((bytes / MEGABYTE).toPrecision(3))} MB do not hold one training state and one step kept`,
      { hint: `Give at least ${enoughMegabytes(stateBytes + stepBytes)} MB; more is faster.` },
    );
  }
  return best;
}
