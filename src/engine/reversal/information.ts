import { DECAY_DENOMINATOR, type Information } from "../engine.ts";

/**
 * A schedule counts how far accumulators can have grown, in units of 2⁻²⁴ bit. A word of 32 bits is put aside when
 * 32 − log2(32/31) bits have come together since the last one: then B + 1 never exceeds 2^5 right after, and 2^37 before a
 * step, which multiplies it by at most 2^16.
 */
const UNIT = 2 ** 24;
const WORD_GROWTH: number = Math.floor((32 - Math.log2(32 / 31)) * UNIT);
const WORD = 2 ** 32;

/** What `growthBy` found so far, by numerator: one table for all. */
let known: Int32Array | undefined;

/** log2(d/n) in units, rounded up: whole numbers, so that a schedule goes back as it came. */
function growthBy(numerator: number): number {
  known ??= new Int32Array(DECAY_DENOMINATOR);
  return (known[numerator] ||= Math.ceil(Math.log2(DECAY_DENOMINATOR / numerator) * UNIT));
}

/** Words in the order they were put aside, in blocks of one size: nothing is copied or doubled. */
function wordStack(block: number): {
  push(word: number): void;
  pop(): number;
  readonly length: number;
  bytes(): number;
} {
  const full: Uint32Array[] = [];
  let top: Uint32Array = new Uint32Array(0);
  let used = 0;
  return {
    push(word) {
      if (used === top.length) {
        if (used > 0) full.push(top);
        top = new Uint32Array(block);
        used = 0;
      }
      top[used++] = word;
    },
    pop() {
      if (used === 0) {
        top = full.pop() ?? new Uint32Array(0);
        used = top.length;
      }
      return top[--used]!;
    },
    get length() {
      return full.length * block + used;
    },
    bytes: () => 4 * (full.length * block + top.length),
  };
}

/** What is put aside of the accumulators of one tensor. */
export interface Spill {
  /** After a step with these decays, as numerators: one for all, or one a weight. */
  afterStep(numerators: ArrayLike<number>): void;
  /** Before that step is taken back. */
  beforeUndo(numerators: ArrayLike<number>): void;
  information(): Information;
  /** Whether nothing is kept any more. */
  readonly empty: boolean;
}

/**
 * Takes words from accumulators before they grow too large, and gives them back. When it does so depends on the decays
 * alone, so the way back needs no record of it.
 * @param accumulators one for each weight, whole numbers; changed in place
 * @param apart whether weights have decays of their own
 */
export function createSpill(accumulators: Float64Array, apart: boolean): Spill {
  const size = accumulators.length;
  const words = wordStack(size);
  /** Growth since the last word; one for all, or one a weight. */
  const grown = new Int32Array(apart ? size : 1);
  const putAside = (i: number): void => {
    const rest = Math.floor(accumulators[i]! / WORD);
    words.push(accumulators[i]! - rest * WORD);
    accumulators[i] = rest;
  };
  const takeBack = (i: number): void => {
    accumulators[i] = accumulators[i]! * WORD + words.pop();
  };
  return {
    afterStep(numerators) {
      for (let j = 0; j < grown.length; j++) {
        const now = grown[j]! + growthBy(numerators[j]!);
        grown[j] = now < WORD_GROWTH ? now : now - WORD_GROWTH;
        if (now < WORD_GROWTH) continue;
        if (apart) putAside(j);
        else for (let i = 0; i < size; i++) putAside(i);
      }
    },
    beforeUndo(numerators) {
      for (let j = grown.length - 1; j >= 0; j--) {
        const before = grown[j]! - growthBy(numerators[j]!);
        grown[j] = before >= 0 ? before : before + WORD_GROWTH;
        if (before >= 0) continue;
        if (apart) takeBack(j);
        else for (let i = size - 1; i >= 0; i--) takeBack(i);
      }
    },
    information: () => ({
      bits: accumulators.reduce((bits, b) => bits + Math.log2(1 + b), 32 * words.length),
      bytes: accumulators.byteLength + grown.byteLength + words.bytes(),
    }),
    get empty() {
      return words.length === 0 && accumulators.every((b) => b === 0);
    },
  };
}
