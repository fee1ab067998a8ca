import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** So few that the results that follow come to lie where the ones before them lay, in the cache. */
const PASSING_BYTES = 2e6;

type Collector = (options?: { readonly type: "minor" }) => void;

function exposedCollector(): Collector {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as Collector;
  setFlagsFromString("--no-expose-gc");
  return collect;
}

/**
 * Gives the memory of results back that are dropped as soon as they are read: call it with their bytes. They lie outside the
 * heap, where the garbage collector hardly sees them. Collecting young objects costs little in a thread with next to no heap,
 * so only the engine's own thread does it.
 */
export function reclaimer(): (bytes: number) => void {
  const collect = exposedCollector();
  let passing = 0;
  return (bytes) => {
    passing += bytes;
    if (passing < PASSING_BYTES) return;
    passing = 0;
    collect({ type: "minor" });
  };
}
