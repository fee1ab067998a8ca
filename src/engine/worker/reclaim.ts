import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Buffer, Precision } from "../engine.ts";

/** Freed bytes after which they are given back. More would be page faults, less would be time spent in collections. */
const BYTES = 32e6;

function exposedCollector(): () => void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  setFlagsFromString("--no-expose-gc");
  return collect;
}

/**
 * Gives the memory of freed tensors back soon. Tensors lie outside the heap, where the garbage collector hardly sees them:
 * left to itself it lets a few large dead tables wait while new ones are made of fresh pages. Collecting costs a few
 * milliseconds in a thread with next to no heap, so only the engine's own thread does it.
 */
export function reclaimer(precision: Precision): (freed: readonly Buffer[]) => void {
  const collect = exposedCollector();
  let waiting = 0;
  return (freed) => {
    for (const { shape, dtype } of freed)
      waiting += shape.reduce((n, size) => n * size, dtype === "float" && precision === "float64" ? 8 : 4);
    if (waiting < BYTES) return;
    waiting = 0;
    collect();
  };
}
