import { DrmadError } from "../errors.ts";

/**
 * Binomial checkpointing (Griewank and Walther 2000, "Revolve"): how to reverse a chain of segments when only some states
 * fit in memory, with the fewest segments run again.
 */

const binomial = (n: number, k: number): number => {
  let result = 1;
  for (let i = 1; i <= k; i++) result = (result * (n - k + i)) / i;
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

/** Segments that are run in all to reverse a chain, each one's own run just before it is reversed included. */
export function segmentsRun(segments: number, checkpoints: number): number {
  const known = new Map<string, number>();
  const count = (n: number, c: number): number => {
    if (n <= 1) return n;
    if (c === 0) return (n * (n + 1)) / 2;
    const key = `${n},${c}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const m = stride(n, c);
    const total = m + count(n - m, c - 1) + count(m, c);
    known.set(key, total);
    return total;
  };
  return count(segments, checkpoints);
}

/** Steps of a segment, and states kept between segments besides the first. */
export interface Plan {
  readonly segment: number;
  readonly checkpoints: number;
}

export const MEGABYTE = 1e6;

/** Megabytes that are no fewer than these bytes, in few digits, so that who asks for them gets enough. */
const enoughMegabytes = (bytes: number): string => {
  const unit = 10 ** Math.min(5, Math.floor(Math.log10(bytes)) - 1);
  return String(Number(((Math.ceil(bytes / unit) * unit) / MEGABYTE).toPrecision(12)));
};

/** Numbers of segments worth trying, up to one for each step. */
function* segmentCounts(steps: number): Generator<number> {
  for (let segments = 1; segments < steps; segments = Math.max(segments + 1, Math.floor(segments * 1.02)))
    yield segments;
  yield steps;
}

/**
 * The plan that runs the fewest steps again within some bytes, given those of a state and of a step kept.
 * @throws DrmadError unsupported where not even one state and one step fit
 */
export function planWithin(steps: number, bytes: number, stateBytes: number, stepBytes: number): Plan {
  let best: (Plan & { readonly cost: number }) | undefined;
  for (const segments of segmentCounts(steps)) {
    const segment = Math.ceil(steps / segments);
    const checkpoints = Math.min(segments - 1, Math.floor((bytes - segment * stepBytes) / stateBytes) - 1);
    if (checkpoints < 0) continue;
    const cost = segmentsRun(Math.ceil(steps / segment), checkpoints) * segment;
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
