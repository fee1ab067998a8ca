import { DrmadError, requireOptions } from "../errors.ts";
import type { Buffers, Kept, Outer, Rollout, SweepRun } from "../rollout/rollout.ts";
import { inOneCall, MEGABYTE, planWithin, stride, type Plan } from "./binomial.ts";
import type { Method } from "./method.ts";
import { storedPath } from "./reverse.ts";

export type CheckpointedOptions =
  /** States to keep; a segment of as many steps is stored in full while it is reversed. */
  | { readonly checkpoints: number }
  /** Memory for states and the segment being reversed; the fastest plan within it is taken. */
  | { readonly megabytes: number };

function planOf(options: CheckpointedOptions, rollout: Rollout, stepBytes: number): Plan {
  const { checkpoints, megabytes } = options as { readonly checkpoints: number; readonly megabytes?: number };
  if (megabytes !== undefined)
    return planWithin(rollout.steps, Math.round(megabytes * MEGABYTE), rollout.stateBytes, stepBytes);
  if (!Number.isInteger(checkpoints) || checkpoints < 1) {
    throw new DrmadError("invalid-argument", `checkpointed with ${checkpoints} checkpoints`, {
      hint: "Give a whole number, at least 1.",
    });
  }
  return { segment: Math.min(checkpoints, rollout.steps), checkpoints };
}

function requireOneOf(options: { readonly checkpoints?: number; readonly megabytes?: number } = {}): void {
  requireOptions("methods.checkpointed", options, { checkpoints: "number?", megabytes: "number?" });
  const { checkpoints, megabytes } = options;
  if ((checkpoints === undefined) !== (megabytes === undefined)) return;
  const found = checkpoints === undefined ? "neither checkpoints nor megabytes" : "both checkpoints and megabytes";
  throw new DrmadError("invalid-argument", `methods.checkpointed is given ${found}`, {
    hint: "Give one of them: { checkpoints: 20 } or { megabytes: 50 }.",
  });
}

/**
 * Exact reverse mode from some states, everything between them computed again: bit-equal to `reverse`.
 *
 * The steps are cut into segments; a segment is run once more with every state stored, and swept back. Which states are
 * kept is Griewank and Walther's binomial schedule over segments, so that each is run at most r + 1 times, where
 * C(checkpoints + 1 + r, r) ≥ segments. A segment of up to 8 MB is run and swept in one call, its states never leaving
 * the engine. Memory: checkpoints + 1 whole states and one segment.
 * Cost with about √T checkpoints: training twice, and the sweep.
 *
 * Errors: `unsupported` where the megabytes do not hold one state and one step.
 * Source: Griewank and Walther 2000, algorithm 799; Maclaurin et al. 2015 discuss it as the alternative to reversal.
 */
export function checkpointed(options: CheckpointedOptions): Method {
  requireOneOf(options);
  return {
    name: "checkpointed",
    exact: true,
    settings: { ...options },
    async run(rollout) {
      const sweep = await rollout.sweep(storedPath(rollout.steps));
      const stepBytes = rollout.keptBytes(sweep.reads);
      const { segment, checkpoints } = planOf(options, rollout, stepBytes);
      const replayed = inOneCall(segment, stepBytes);
      const steps = (from: number, to: number): Kept["range"] => ({
        from: from * segment,
        to: Math.min(to * segment, rollout.steps),
      });
      let final: Buffers | undefined;
      let outer: Outer | undefined;
      let run: SweepRun | undefined;

      /** A segment, from the state before it. The first to be swept is the end of training. */
      async function sweepSegment(state: Buffers, range: Kept["range"]): Promise<void> {
        if (run !== undefined && replayed) return run.replay(range, state);
        const trained = await rollout.train(state, { range, keep: sweep.reads });
        try {
          if (final === undefined) final = trained.final;
          else rollout.free(trained.final);
          outer ??= await rollout.outer(final);
          run ??= await sweep.begin(outer);
          for (const { range: chunk, tensors } of [...trained.kept].reverse()) {
            await run.back(chunk, tensors);
            rollout.free(tensors);
          }
        } finally {
          rollout.free(...trained.kept.map(({ tensors }) => tensors));
        }
      }

      /** Segments a … b − 1, last first, from the state before a, which it leaves alone. */
      async function reversed(state: Buffers, a: number, b: number, free: number): Promise<void> {
        if (b - a === 1) return sweepSegment(state, steps(a, b));
        const middle = free === 0 ? b - 1 : a + stride(b - a, free);
        const { final: ahead } = await rollout.train(state, { range: steps(a, middle) });
        await reversed(ahead, middle, b, Math.max(free - 1, 0)).finally(() => rollout.free(ahead));
        return reversed(state, a, middle, free);
      }

      const start = await rollout.start();
      try {
        await reversed(start, 0, Math.ceil(rollout.steps / segment), checkpoints);
        const swept = await run!.finish(true);
        return { value: outer!.value, direct: outer!.direct, final: final!, ...swept };
      } catch (error) {
        run?.abandon();
        if (final !== undefined) rollout.free(final);
        throw error;
      } finally {
        rollout.free(start);
      }
    },
  };
}
