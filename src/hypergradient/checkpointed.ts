import { DrmadError } from "../errors.ts";
import type { Buffers, Kept, Rollout } from "../rollout/rollout.ts";
import { MEGABYTE, planWithin, stride, type Plan } from "./binomial.ts";
import type { Method } from "./method.ts";
import { storedPath } from "./reverse.ts";
import { sweepBack } from "./sweep-back.ts";

export type CheckpointedOptions =
  /** States to keep; a segment of as many steps is stored in full while it is reversed. */
  | { readonly checkpoints: number }
  /** Memory for states and the segment being reversed; the fastest plan within it is taken. */
  | { readonly megabytes: number };

function planOf(options: CheckpointedOptions, rollout: Rollout, stepBytes: number): Plan {
  if ("megabytes" in options)
    return planWithin(rollout.steps, Math.round(options.megabytes * MEGABYTE), rollout.stateBytes, stepBytes);
  const { checkpoints } = options;
  if (!Number.isInteger(checkpoints) || checkpoints < 1) {
    throw new DrmadError("invalid-argument", `checkpointed with ${checkpoints} checkpoints`, {
      hint: "Give a whole number, at least 1.",
    });
  }
  return { segment: Math.min(checkpoints, rollout.steps), checkpoints };
}

/**
 * Exact reverse mode from some states, everything between them computed again: bit-equal to `reverse`.
 *
 * The steps are cut into segments; a segment is run once more with every state stored, and swept back. Which states are
 * kept is Griewank and Walther's binomial schedule over segments, so that each is run at most r + 1 times, where
 * C(checkpoints + 1 + r, r) ≥ segments. Memory: checkpoints + 1 whole states and one segment.
 * Cost with about √T checkpoints: training twice, and the sweep.
 *
 * Errors: `unsupported` where the megabytes do not hold one state and one step.
 * Source: Griewank and Walther 2000, algorithm 799; Maclaurin et al. 2015 discuss it as the alternative to reversal.
 */
export const checkpointed = (options: CheckpointedOptions): Method => ({
  name: "checkpointed",
  exact: true,
  async run(rollout) {
    const sweep = await rollout.sweep(storedPath(rollout.steps));
    const { segment, checkpoints } = planOf(options, rollout, rollout.keptBytes(sweep.reads));
    const segments = Math.ceil(rollout.steps / segment);
    const steps = (from: number, to: number): { from: number; to: number } => ({
      from: from * segment,
      to: Math.min(to * segment, rollout.steps),
    });
    let final: Buffers | undefined;

    /** Runs of stored steps of segments a … b − 1, last first, from the state before a, which it leaves alone. */
    async function* reversed(state: Buffers, a: number, b: number, free: number): AsyncGenerator<Kept> {
      if (b - a === 1) {
        const trained = await rollout.train(state, { range: steps(a, b), keep: sweep.reads });
        if (final === undefined) final = trained.final;
        else rollout.free(trained.final);
        // A consumer that stops early returns here from a yield.
        try {
          for (const run of [...trained.kept].reverse()) {
            yield run;
            rollout.free(run.tensors);
          }
        } finally {
          rollout.free(...trained.kept.map(({ tensors }) => tensors));
        }
        return;
      }
      const middle = free === 0 ? b - 1 : a + stride(b - a, free);
      const { final: ahead } = await rollout.train(state, { range: steps(a, middle) });
      try {
        yield* reversed(ahead, middle, b, Math.max(free - 1, 0));
      } finally {
        rollout.free(ahead);
      }
      yield* reversed(state, a, middle, free);
    }

    const start = await rollout.start();
    const runs = reversed(start, 0, segments, checkpoints);
    try {
      // The first run is the end of training.
      const last = (await runs.next()).value as Kept;
      const outer = await rollout.outer(final!);
      const swept = await sweepBack(sweep, outer, followed(last, runs));
      return { value: outer.value, direct: outer.direct, final: final!, ...swept };
    } catch (error) {
      if (final !== undefined) rollout.free(final);
      throw error;
    } finally {
      await runs.return(undefined);
      rollout.free(start);
    }
  },
});

async function* followed(first: Kept, rest: AsyncGenerator<Kept>): AsyncGenerator<Kept> {
  yield first;
  yield* rest;
}
