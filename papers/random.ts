/** Whole numbers from 0 below 2³², the same from the same state on every machine (mulberry32). */
export function integers(state: number): () => number {
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** Numbers from 0 below 1, for data that experiments make themselves. */
export function uniform(seed: number): () => number {
  const next = integers(Math.imul(seed + 1, 0x9e3779b1) >>> 0);
  return () => next() / 2 ** 32;
}

/** Standard normal numbers (Box and Muller). */
export function normals(n: number, next: () => number): Float32Array {
  return Float32Array.from({ length: n }, () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()));
}

/** The numbers 0 … n−1 in random order. */
export function shuffled(n: number, next: () => number): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
