import type { Kept, Outer, Rollout, Sweep, Swept } from "../rollout/rollout.ts";
import type { Hypergradient } from "./method.ts";

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

/** The same over all that a training kept, which is freed; where it fails, so is the last state. */
export async function sweepKept(
  rollout: Rollout,
  sweep: Sweep,
  { final, kept }: Awaited<ReturnType<Rollout["train"]>>,
  reachesStart = true,
): Promise<Hypergradient> {
  try {
    const outer = await rollout.outer(final);
    const swept = await sweepBack(sweep, outer, [...kept].reverse(), reachesStart);
    return { value: outer.value, direct: outer.direct, final, ...swept };
  } catch (error) {
    rollout.free(final);
    throw error;
  } finally {
    rollout.free(...kept.map(({ tensors }) => tensors));
  }
}
