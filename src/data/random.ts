import { DrmadError } from "../errors.ts";
import { murmur128 } from "./murmur.ts";

/** Gives the next number of a stream, uniform in [0, 1): a multiple of 2⁻⁵³. */
export type Uniform = () => number;

/** What names a stream: any finite number (fractions count) or any string. `1` and `"1"` are different seeds. */
export type Seed = number | string;

/**
 * The seeds that users give: a whole number from 0, as on the command line, or a string where `Seed` is the type. A fraction or
 * a negative number would name a stream as well, but one that no command line can ask for again.
 * @throws DrmadError invalid-argument
 */
export function requireSeed(what: string, seed: Seed | undefined): void {
  if (seed === undefined || typeof seed === "string" || (Number.isSafeInteger(seed) && seed >= 0)) return;
  throw new DrmadError("invalid-argument", `${what} has the seed ${String(seed)}`, {
    hint: "Give a whole number from 0.",
  });
}

/**
 * Bytes from which the parts can be read back, so that two different lists never share a stream:
 * each part is its kind, its length and all of its bits. `-0` is taken as `0`, which JSON cannot tell apart.
 */
function encodeParts(parts: readonly Seed[]): Uint8Array {
  const size = parts.reduce<number>((sum, part) => sum + (typeof part === "string" ? 5 + 2 * part.length : 9), 0);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const part of parts) {
    if (typeof part === "number") {
      if (!Number.isFinite(part)) {
        throw new DrmadError("invalid-argument", `The seed ${part} is not a finite number.`, {
          hint: "Give a finite number or a string as the seed.",
        });
      }
      view.setUint8(at, 0);
      view.setFloat64(at + 1, part + 0, true);
      at += 9;
    } else {
      view.setUint8(at, 1);
      view.setUint32(at + 1, part.length, true);
      for (let i = 0; i < part.length; i++) view.setUint16(at + 5 + 2 * i, part.charCodeAt(i), true);
      at += 5 + 2 * part.length;
    }
  }
  return bytes;
}

/**
 * A stream of uniform numbers in [0, 1) that depends on the seed and every label, and on nothing else:
 * `substream(seed, "batches", step)` is the same on every machine, whatever was drawn before.
 * Streams of different labels are independent for every practical purpose.
 *
 * The parts are hashed to 128 bits (MurmurHash3) that start xoshiro128** (Blackman and Vigna 2018, "Scrambled linear
 * pseudorandom number generators", prng.di.unimi.it/xoshiro128starstar.c; period 2¹²⁸ − 1). Not for secrets.
 *
 * Errors: `invalid-argument` for a number that is not finite.
 */
export function substream(seed: Seed, ...labels: readonly Seed[]): Uniform {
  return uniform(xoshiro128(murmur128(encodeParts([seed, ...labels]))));
}

/** The stream of a seed alone: `substream(seed)`. */
export function random(seed: Seed): Uniform {
  return substream(seed);
}

/** The generator itself: 32 random bits at each call, as an unsigned number. The state is four words, not all zero. */
export function xoshiro128(state: Uint32Array): () => number {
  let [a, b, c, d] = state as unknown as [number, number, number, number];
  // All zeros is the one state that the generator cannot leave.
  if ((a | b | c | d) === 0) a = 1;
  return () => {
    const five = Math.imul(b, 5);
    const result = Math.imul((five << 7) | (five >>> 25), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = (d << 11) | (d >>> 21);
    return result;
  };
}

function uniform(bits: () => number): Uniform {
  return () => {
    const high = bits() >>> 5; // 27 bits
    const low = bits() >>> 6; // 26 bits
    return (high * 0x4000000 + low) / 0x20000000000000;
  };
}

/** One standard normal number (Box and Muller 1958), from two numbers of the stream; |result| < 8.6. */
export function normal(next: Uniform): number {
  // 1 − u lies in (0, 1], where the logarithm is finite.
  const radius = Math.sqrt(-2 * Math.log(1 - next()));
  return radius * Math.cos(2 * Math.PI * next());
}

/** The numbers 0 … n − 1 in random order (Fisher and Yates), from n − 1 numbers of the stream. */
export function permutation(n: number, next: Uniform): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let last = n - 1; last > 0; last--) {
    const chosen = Math.floor(next() * (last + 1));
    const kept = order[last]!;
    order[last] = order[chosen]!;
    order[chosen] = kept;
  }
  return order;
}
