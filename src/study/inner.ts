import type { InnerCurve } from "./events.ts";

/** Most windows of a curve: a picture shows no more. */
const WINDOWS = 64;

/** Gathers the losses of a training of `steps` steps, as they come in runs of steps; what is told again changes nothing. */
export function gatherCurve(steps: number): {
  add(from: number, losses: ArrayLike<number>): void;
  /** Undefined unless every step was told. */
  curve(): InnerCurve | undefined;
} {
  const width = Math.ceil(steps / WINDOWS);
  const sums = new Float64Array(Math.ceil(steps / width));
  let next = 0;
  return {
    // In the order of the steps, so that the sums do not depend on how these were cut into runs.
    add(from, losses) {
      for (let i = Math.max(0, next - from); i < losses.length && from <= next; i++) {
        sums[Math.floor(next / width)]! += losses[i]!;
        next++;
      }
    },
    curve() {
      if (next < steps) return undefined;
      const widths = Array.from(sums, (_, i) => Math.min(steps, (i + 1) * width) - i * width);
      return {
        at: widths.map((each, i) => i * width + (each - 1) / 2),
        loss: widths.map((each, i) => sums[i]! / each),
      };
    },
  };
}

/** Hears the losses of all trainings, and gathers those of one at a time. */
export interface LossListener {
  readonly hear: (from: number, losses: ArrayLike<number>) => void;
  /** The curve of what is heard while a training of so many steps runs. */
  gather<R>(steps: number, train: () => Promise<R>): Promise<readonly [R, InnerCurve | undefined]>;
}

export function lossListener(): LossListener {
  let gathered: ReturnType<typeof gatherCurve> | undefined;
  return {
    hear: (from, losses) => gathered?.add(from, losses),
    async gather(steps, train) {
      const curve = (gathered = gatherCurve(steps));
      const result = await train().finally(() => (gathered = undefined));
      return [result, curve.curve()];
    },
  };
}
