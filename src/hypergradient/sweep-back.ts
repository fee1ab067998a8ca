import type { Kept, Outer, Sweep, Swept } from "../rollout/rollout.ts";

/** A whole sweep over runs of steps, given last first with the path's tensors for each, to the first step unless told. */
export async function sweepBack(
  sweep: Sweep,
  outer: Outer,
  runs: Iterable<Kept> | AsyncIterable<Kept>,
  reachesStart = true,
): Promise<Swept> {
  const run = await sweep.begin(outer);
  try {
    for await (const { range, tensors } of runs) await run.back(range, tensors);
    return await run.finish(reachesStart);
  } catch (error) {
    run.abandon();
    throw error;
  }
}
