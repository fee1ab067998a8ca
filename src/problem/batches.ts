import { permutation, substream, type Seed } from "../data/random.ts";

/** Rows of the training set in the minibatch of step t. */
export type Sampler = (t: number) => Int32Array;

/**
 * Every epoch visits all rows once in an order of its own; batches follow each other without gaps, also across epochs.
 * A pure function of (seed, t): steps may be asked for in any order.
 */
export function epochSampler(seed: Seed, rows: number, batch: number): Sampler {
  const recent = new Map<number, Int32Array>();
  const order = (epoch: number): Int32Array => {
    let found = recent.get(epoch);
    if (found === undefined) {
      found = permutation(rows, substream(seed, "epoch", epoch));
      recent.set(epoch, found);
      if (recent.size > 4) recent.delete(recent.keys().next().value!);
    }
    return found;
  };
  return (t) =>
    Int32Array.from({ length: batch }, (_, i) => {
      const place = t * batch + i;
      return order(Math.floor(place / rows))[place % rows]!;
    });
}
