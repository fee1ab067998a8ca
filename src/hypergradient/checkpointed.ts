import { DrmadError } from "../errors.ts";
import type { Buffers, Kept, Rollout } from "../rollout/rollout.ts";
import { segmentsRun, stride } from "./binomial.ts";
import type { Method } from "./method.ts";
import { storedPath } from "./reverse.ts";
import { sweepBack } from "./sweep-back.ts";

export type CheckpointedOptions =
  /** States to keep; a segment of as many steps is stored in full while it is reversed. */
  | { readonly checkpoints: number }
  /** Memory for states and the segment being reversed; the fastest plan within it is taken. */
  | { readonly megabytes: number };

/** Steps of a segment, and states kept between segments besides the first. */
export interface Plan {
  readonly segment: number;
  readonly checkpoints: number;
}

const MEGABYTE = 1e6;

/** The plan that runs the fewest steps again within some bytes, given those of a state and of a step kept. */
export function planWithin(steps: number, bytes: number, stateBytes: number, stepBytes: number): Plan {
  let best: (Plan & { readonly cost: number }) | undefined;
  for (let segments = 1; segments <= steps; segments = Math.max(segments + 1, Math.floor(segments * 1.02))) {
    const segment = Math.ceil(steps / segments);
    const checkpoints = Math.min(segments - 1, Math.floor((bytes - segment * stepBytes) / stateBytes) - 1);
    if (checkpoints < 0) continue;
    const cost = segmentsRun(Math.ceil(steps / segment), checkpoints) * segment;
    if (best === undefined || cost < best.cost) best = { segment, checkpoints, cost };
  }
  if (best === undefined) {
    throw new DrmadError(
      "unsupported",
      `${(bytes / MEGABYTE).toFixed(1)} MB do not hold two training states and one step`,
      {
        hint: `Give at least ${((stateBytes + stepBytes) / MEGABYTE).toFixed(1)} MB.`,
      },
    );
  }
  return best;
}

function planOf(options: CheckpointedOptions, rollout: Rollout, stepBytes: number): Plan {
  if ("megabytes" in options)
    return planWithin(rollout.steps, options.megabytes * MEGABYTE, rollout.stateBytes, stepBytes);
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
 * Errors: `unsupported` where the megabytes hold no plan.
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
        for (const run of [...trained.kept].reverse()) {
          yield run;
          rollout.free(run.tensors);
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
