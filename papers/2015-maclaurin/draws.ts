import { integers, shuffled as shuffledBy } from "../random.ts";

/** Independent uniform numbers in (0, 1). */
function uniforms(seed: number): () => number {
  const next = integers(seed >>> 0);
  return () => (next() + 0.5) / 2 ** 32;
}

/** Independent normal numbers of mean 0 (Box and Muller). */
export function normals(seed: number, count: number, deviation: number): Float64Array {
  const next = uniforms(seed);
  return Float64Array.from(
    { length: count },
    () => deviation * Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next()),
  );
}

/** The numbers 0 … count − 1 in a random order. */
export const shuffled = (seed: number, count: number): Int32Array => shuffledBy(count, uniforms(seed));
