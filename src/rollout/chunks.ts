import type { Range } from "../engine/engine.ts";

/** Steps that ran lately per second, so that chunks take about as long as a person accepts between two signs of life. */
export interface Pace {
  stepsPerSecond: number | undefined;
}

const SECONDS_A_CHUNK = 0.2;
const FIRST_CHUNK = 16;

/** Lengths that recur, so that the engine meets the same sizes again. */
const powerOfTwo = (x: number): number => (Number.isFinite(x) ? 2 ** Math.floor(Math.log2(Math.max(1, x))) : x);

/**
 * Runs a range in pieces, so that progress can be shown and a cancellation heeded between them. The pieces' lengths have
 * no influence on any result.
 * @param unit all pieces but the last are multiples of it
 */
export async function inChunks(
  range: Range,
  direction: "forward" | "backward",
  pace: Pace,
  most: number,
  run: (chunk: Range) => Promise<void>,
  unit = 1,
): Promise<void> {
  let done = 0;
  const total = range.to - range.from;
  while (done < total) {
    const wanted = pace.stepsPerSecond === undefined ? FIRST_CHUNK : powerOfTwo(pace.stepsPerSecond * SECONDS_A_CHUNK);
    const left = total - done;
    // Whole units, and what is left over by itself.
    const whole = (n: number): number => (Number.isFinite(n) ? Math.max(unit, n - (n % unit)) : n);
    const length = left < unit ? left : Math.min(whole(Math.min(wanted, most)), left - (left % unit));
    const chunk =
      direction === "forward"
        ? { from: range.from + done, to: range.from + done + length }
        : { from: range.to - done - length, to: range.to - done };
    const start = performance.now();
    await run(chunk);
    pace.stepsPerSecond = (1000 * length) / Math.max(performance.now() - start, 0.01);
    done += length;
  }
}
