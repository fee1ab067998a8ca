import type { Buffers, Kept, Outer, Rollout, Snapshot, Swept, TrainOptions } from "../rollout/rollout.ts";
import type { Packed } from "../tensor/tensor.ts";
import { byArcLength } from "./arc-length.ts";
import { keptRunsBack, runsBack } from "./knot-runs.ts";
import { knotPath } from "./knots.ts";
import type { Method } from "./method.ts";
import { storedPath } from "./reverse.ts";
import { requireSense, type SnapshotOptions } from "./snapshot-options.ts";

/** Windows looked at for each one kept, where they are placed by the length of the path. */
const CANDIDATES = 8;
/** Whole states kept to replay from, at most. */
const STRETCHES = 16;

interface Stretch {
  readonly from: number;
  readonly to: number;
  /** The state before it. */
  readonly state: Buffers;
  /** The weights at `from`, at the end of every window in it, and at `to`. */
  readonly knots: readonly Snapshot[];
  /** Activations of its steps. */
  readonly kept: readonly Kept[];
}

/** Drmad along a piecewise straight line through snapshots of the weights; see `drmad`. */
export function alongSnapshots(options: SnapshotOptions): Method {
  const { snapshots: k, of = "points", place = "time", storage, activations, growthLimit } = options;
  requireSense(options);
  const name = `drmad ${k} ${of}${place === "time" ? "" : ` by ${place}`}${storage === undefined ? "" : ` ${storage}`}`;
  return {
    name,
    exact: false,
    async run(rollout) {
      const { steps } = rollout;
      const windows = Math.min(steps, place === "time" ? k : CANDIDATES * k);
      const every = Math.ceil(steps / windows);
      const blocks = place === "time" ? every : steps;
      const sweep = await rollout.sweep(knotPath(steps, blocks, storage, activations));
      const stored = growthLimit === undefined ? undefined : await rollout.sweep(storedPath(steps));
      const length = stored === undefined ? steps : every * Math.ceil(steps / every / STRETCHES);
      const keep = { keep: sweep.reads, ...(activations && { packed: activations }) };
      const { stretches, final } = await train(rollout, length, { every, of, packed: storage }, keep);
      try {
        const outer = await rollout.outer(final);
        const swept = await sweepBack(outer);
        return { value: outer.value, direct: outer.direct, final, ...swept };
      } catch (error) {
        rollout.free(final);
        throw error;
      } finally {
        rollout.free(...stretches.flatMap(({ state, kept }) => [state, ...kept.map(({ tensors }) => tensors)]));
      }

      async function sweepBack(outer: Outer): Promise<Swept & { readonly replayedSteps: number }> {
        let run = await sweep.begin(outer);
        let replayedSteps = 0;
        try {
          for (const stretch of stretches.toReversed()) {
            let at = stretch.to;
            const knots = place === "time" ? stretch.knots : byArcLength(stretch.knots, k);
            const runs = activations
              ? keptRunsBack(rollout, knots, blocks, stretch.kept)
              : runsBack(rollout, knots, blocks);
            for await (const { range, tensors } of runs) {
              if (!(await run.back(range, tensors, growthLimit))) break;
              at = range.from;
            }
            if (at === stretch.from || stored === undefined) continue;
            // The adjoint grew too fast: the rest of the stretch along its exact states.
            const range = { from: stretch.from, to: at };
            const { final: end, kept } = await rollout.train(stretch.state, { range, keep: stored.reads });
            rollout.free(end);
            try {
              const exact = stored.resume(run);
              run = exact;
              for (const each of kept.toReversed()) await exact.back(each.range, each.tensors);
            } finally {
              rollout.free(...kept.map(({ tensors }) => tensors));
            }
            replayedSteps += at - stretch.from;
            run = sweep.resume(run);
          }
          return { ...(await run.finish(true)), replayedSteps };
        } catch (error) {
          run.abandon();
          throw error;
        }
      }
    },
  };
}

/** Trains stretch by stretch; the states before them stay. */
async function train(
  rollout: Rollout,
  length: number,
  snapshots: { readonly every: number; readonly of: "points" | "means"; readonly packed: Packed | undefined },
  keep: Pick<TrainOptions, "keep" | "packed">,
): Promise<{ readonly stretches: readonly Stretch[]; readonly final: Buffers }> {
  const { steps } = rollout;
  const { packed } = snapshots;
  const stretches: Stretch[] = [];
  let state = await rollout.start();
  try {
    for (let from = 0; from < steps; from += length) {
      const to = Math.min(from + length, steps);
      const first = await rollout.snapshot(state, from, packed);
      const trained = await rollout.train(state, { range: { from, to }, snapshots, ...keep });
      // Points end with the window; means do not reach the ends of training.
      const last = snapshots.of === "points" ? [] : [await rollout.snapshot(trained.final, to, packed)];
      stretches.push({ from, to, state, knots: [first, ...trained.snapshots, ...last], kept: trained.kept });
      state = trained.final;
    }
    return { stretches, final: state };
  } catch (error) {
    rollout.free(state, ...stretches.flatMap((each) => [each.state, ...each.kept.map(({ tensors }) => tensors)]));
    throw error;
  }
}
