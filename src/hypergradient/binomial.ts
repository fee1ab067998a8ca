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
 * checkpoints: so many that what lies to the left can be reversed with one repetition fewer than what lies to the right.
 */
export function stride(segments: number, checkpoints: number): number {
  const r = repetitions(segments, checkpoints);
  const leftMost = binomial(checkpoints + r, Math.max(r - 1, 0));
  const rightMost = binomial(checkpoints + r, r);
  return Math.min(segments - 1, Math.max(1, segments - rightMost, Math.min(leftMost, segments - 1)));
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
