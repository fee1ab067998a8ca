import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Buffer, Precision } from "../engine.ts";

/** Freed bytes after which they are given back. More would be page faults, less would be time spent in collections. */
const BYTES = 32e6;

/** The same for results that nothing outlives: so few that they come to lie where the ones before them lay, in the cache. */
const PASSING_BYTES = 2e6;

const BYTES_OF = { int: 4, bool: 1, int8: 1, float16: 2 } as const;

type Collector = (options?: { readonly type: "minor" }) => void;

function exposedCollector(): Collector {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as Collector;
  setFlagsFromString("--no-expose-gc");
  return collect;
}

export interface Reclaimer {
  /** Tensors were freed. */
  freed(tensors: readonly Buffer[]): void;
  /** So many bytes of results were made that are dropped as soon as they are read. */
  passed(bytes: number): void;
}

/**
 * Gives the memory of dead tensors back soon. Tensors lie outside the heap, where the garbage collector hardly sees them:
 * left to itself it lets a few large dead tables wait while new ones are made of fresh pages. Collecting costs a few
 * milliseconds in a thread with next to no heap, and of young objects alone much less, so only the engine's own thread does it.
 */
export function reclaimer(precision: Precision): Reclaimer {
  const collect = exposedCollector();
  const real = precision === "float64" ? 8 : 4;
  let waiting = 0;
  let passing = 0;
  return {
    freed(tensors) {
      for (const { shape, dtype } of tensors)
        waiting += shape.reduce((n, size) => n * size, dtype === "float" ? real : BYTES_OF[dtype]);
      if (waiting < BYTES) return;
      waiting = 0;
      collect();
    },
    passed(bytes) {
      passing += bytes;
      if (passing < PASSING_BYTES) return;
      passing = 0;
      collect({ type: "minor" });
    },
  };
}
