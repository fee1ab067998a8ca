import { DECAY_DENOMINATOR, type Information, type Precision } from "../engine.ts";
import { createSpill } from "./information.ts";
import { createKernel, LARGEST, VELOCITY_RADIX, WEIGHT_RADIX, type Places } from "./kernel.ts";

/** What a velocity's unit is of a weight's. */
const UNITS = WEIGHT_RADIX / VELOCITY_RADIX;

export type Reals = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

/** A tensor of weights, and whether each of them has a rate and a decay of its own. */
export interface FixedPointShape {
  readonly size: number;
  readonly ownRates: boolean;
  readonly ownDecays: boolean;
}

/** The weights and velocities of one tensor as integers, with what is needed to take steps back. */
export interface FixedPointTensor {
  /** The weights in the engine's precision; changes with them. */
  readonly weights: Reals;
  /** Where a step's gradient is put before it is used. */
  readonly gradient: Reals;
  /** Begins a run: these weights, no velocity. False where one is out of range. */
  begin(weights: ArrayLike<number>): boolean;
  /** The settings of the steps that follow: one number, or one a weight. Decays are multiples of 2⁻¹⁶. */
  use(rate: ArrayLike<number>, decay: ArrayLike<number>): void;
  /** False where a number left the range or is none. */
  forward(): boolean;
  /** Takes back what a step did to the weights, before its gradient is known. */
  undoMove(): void;
  /** Then, with the gradient at those weights, what it did to the velocity. */
  undoTurn(): void;
  velocityInto(target: Reals): void;
  information(): Information;
  /** Lets go of what is kept of a run that has ended. */
  forget(): void;
  /** Whether everything was taken back: the first weights, no velocity, nothing kept. */
  atStart(): boolean;
}

const even = (n: number): number => n + (n % 2);

/** A number for any contents of an array, different for almost all others. */
function checksum(data: Float64Array): number {
  const words = new Int32Array(data.buffer, data.byteOffset, 2 * data.length);
  let sum = 0;
  for (let i = 0; i < words.length; i++) {
    sum = Math.imul(sum ^ words[i]!, 0x85ebca6b) + i;
    // A product keeps what differs in the highest bit there.
    sum ^= sum >>> 15;
  }
  return sum;
}

/**
 * Momentum in exact arithmetic (Maclaurin et al. 2015, section 3.2). All numbers are integers; the decay is n/d, d = 2¹⁶:
 *
 *     v ← n ⌊v/d⌋ + a − round((1 − n/d) g),   w ← w + round(α v)
 *
 * A multiplication with n/d loses the remainder r = v mod d. It is pushed onto the weight's accumulator, B ← B d + r, and
 * the digit a = B mod n popped from it, B ← ⌊B/n⌋: nothing is lost, and B grows by log2(d/n) bits.
 */
export function createFixedPoint(
  shapes: readonly FixedPointShape[],
  precision: Precision,
): readonly FixedPointTensor[] {
  const realBytes = precision === "float64" ? 8 : 4;
  let end = 0;
  const place = (bytes: number): number => {
    const at = end;
    end += Math.ceil(bytes / 16) * 16;
    return at;
  };
  const all = shapes.map(({ size, ownRates, ownDecays }): Places => {
    const n = even(size);
    return {
      bytes: 8 * n,
      weights: place(8 * n),
      velocity: place(8 * n),
      accumulators: place(8 * n),
      real: place(realBytes * n),
      gradient: place(realBytes * n),
      decay: place(ownDecays ? 8 * n : 16),
      rate: place(ownRates ? 8 * n : 16),
      decayStride: ownDecays ? 16 : 0,
      rateStride: ownRates ? 16 : 0,
    };
  });
  // Velocities of the largest tensor in the engine's precision, on their way out.
  const outgoing = place(realBytes * even(Math.max(0, ...shapes.map(({ size }) => size))));
  const { kernel, memory } = createKernel(precision, end);
  const realsAt = (at: number, size: number): Reals =>
    precision === "float64" ? new Float64Array(memory, at, size) : new Float32Array(memory, at, size);

  return shapes.map(({ size, ownRates, ownDecays }, index): FixedPointTensor => {
    const places = all[index]!;
    const weights = new Float64Array(memory, places.weights, size);
    const velocity = new Float64Array(memory, places.velocity, size);
    const accumulators = new Float64Array(memory, places.accumulators, size);
    // The element that makes a count even is divided by as well.
    const decays = new Float64Array(memory, places.decay, even(ownDecays ? size : 1)).fill(DECAY_DENOMINATOR / 2);
    const rates = new Float64Array(memory, places.rate, even(ownRates ? size : 1));
    const real = realsAt(places.real, size);
    let spill = createSpill(accumulators, ownDecays);
    let first = 0;
    const forget = (): void => {
      accumulators.fill(0);
      spill = createSpill(accumulators, ownDecays);
    };
    return {
      weights: real,
      gradient: realsAt(places.gradient, size),
      begin(given) {
        // Adding 0 makes 0 of −0, which is what taking steps back gives.
        for (let i = 0; i < size; i++) weights[i] = Math.round(given[i]! * WEIGHT_RADIX) + 0;
        for (let i = 0; i < size; i++) real[i] = weights[i]! / WEIGHT_RADIX;
        velocity.fill(0);
        forget();
        first = checksum(weights);
        return weights.every((w) => Math.abs(w) < LARGEST);
      },
      use(rate, decay) {
        if (ownRates) for (let i = 0; i < size; i++) rates[i] = rate[i]! * UNITS;
        else rates.fill(rate[0]! * UNITS);
        if (ownDecays) for (let i = 0; i < size; i++) decays[i] = Math.round(decay[i]! * DECAY_DENOMINATOR);
        else decays.fill(Math.round(decay[0]! * DECAY_DENOMINATOR));
      },
      forward() {
        if (!kernel.turn(places) || !kernel.move(places)) return false;
        spill.afterStep(decays);
        return true;
      },
      undoMove: () => kernel.undoMove(places),
      undoTurn() {
        spill.beforeUndo(decays);
        kernel.undoTurn(places);
      },
      velocityInto(target) {
        kernel.readVelocity(places, outgoing);
        target.set(realsAt(outgoing, size));
      },
      information: () => spill.information(),
      forget,
      atStart: () => spill.empty && velocity.every((v) => v === 0) && checksum(weights) === first,
    };
  });
}
