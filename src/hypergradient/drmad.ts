import { DrmadError } from "../errors.ts";
import type { Buffers } from "../rollout/rollout.ts";
import { chord, publishedChord } from "./line.ts";
import type { Method } from "./method.ts";
import { alongSnapshots } from "./snapshots.ts";
import { filled, snapshotsOf, type SnapshotOptions } from "./snapshot-options.ts";
import { sweepBack } from "./sweep-back.ts";

export type DrmadOptions =
  | {
      /** Samples of the line: one for each training step, or `"T/10"`, the published tenth of them. */
      readonly samples?: "T" | "T/10";
    }
  | SnapshotOptions;

/**
 * DrMAD: the exact adjoint step, at points of the straight line from the first weights to the last instead of the true
 * trajectory. Nothing is stored.
 *
 *     w_t ≈ w_0 + (t/T)(w_T − w_0)
 *
 * With `samples: "T/10"` as published: the line is sampled at linspace(0.001, 0.999, T/10), sample i uses minibatch i (so
 * only the first tenth of the minibatches), and nothing is rescaled. The number of the step that Adam corrects by is i too.
 *
 * Right where curvature is benign and paths are short. Wrong on its own MNIST problem at T = 2000, where the cosine to
 * the exact gradient is 0.44 with T/10 samples and the adjoint explodes with T: read `growth`.
 * Gradients in rates and decays use velocities recovered as (w_{t+1} − w_t)/α_t. Slots that do not follow from the weights, such
 * as Adam's averages, lie on a straight line between their own ends too. Memory: two more weight vectors, and such slots.
 * Cost: training once, and about 2·samples/T of it again.
 *
 * With `snapshots: k` the line is cut into k pieces, through the weights at the end of k windows of training or their
 * means over them (τ_j, m_j), from the exact first weights to the exact last:
 *
 *     w_t ≈ m_j + (t − τ_j)/(τ_{j+1} − τ_j) · (m_{j+1} − m_j)        τ_j ≤ t < τ_{j+1}
 *     v_{t+1} ≈ (m_{j+1} − m_j)/(τ_{j+1} − τ_j) / α_t
 *
 * Velocities are the slopes between snapshots. Rounded ones (int8) make them worse the nearer they lie: leave fewer than 8 steps
 * between snapshots only where no rate or decay is tuned, or keep them whole.
 * Windows are equally long in time, or by arc length: ‖m_{j+1} − m_j‖ as equal as 8k candidates allow. It tends to the exact
 * gradient as k tends to T. With `growthLimit` whole states are kept at up to 16 places, and from the step where
 * ‖dw_t‖ / ‖dw_T‖ passes the limit to the next of them the steps are run again and swept exactly; `replayedSteps` says how
 * many. Memory: k weight vectors, a quarter of it in int8, and such slots unpacked, plus 16 states with a limit. Cost: training
 * once, about 2.1 times that again, and the steps replayed.
 *
 * Errors: `unsupported` for `T/10` with hyperparameters indexed by step, or with T below 10, or a rate of 0.
 * Source: Fu et al. 2016, arXiv 1601.00917, and the authors' code.
 */
export function drmad(options: DrmadOptions = {}): Method {
  const snapshots = snapshotsOf(options);
  if (snapshots !== undefined) return { ...alongSnapshots(snapshots), settings: filled(snapshots) };
  const { samples = "T" } = options as { readonly samples?: "T" | "T/10" };
  if (samples !== "T" && samples !== "T/10") {
    throw new DrmadError("invalid-argument", `drmad has samples ${JSON.stringify(samples)}`, {
      hint: 'Give "T" or "T/10".',
    });
  }
  return {
    name: samples === "T" ? "drmad" : "drmad T/10",
    exact: false,
    settings: { samples },
    async run(rollout) {
      const { steps } = rollout;
      const path = samples === "T" ? chord(steps) : publishedChord(steps, sampleCount(steps, rollout.hypers));
      const sweep = await rollout.sweep(path);
      const start = await rollout.start();
      let final: Buffers = {};
      try {
        ({ final } = await rollout.train(start));
        const outer = await rollout.outer(final);
        const ends: Buffers = { ...prefixed("start", start), ...prefixed("end", final) };
        const swept = await sweepBack(sweep, outer, [{ range: { from: 0, to: path.length }, tensors: ends }]);
        const result = { value: outer.value, direct: outer.direct, final, ...swept };
        // A sample of a tenth of them is no step of training.
        return samples === "T" ? result : { ...result, growthPassedAt: undefined };
      } catch (error) {
        rollout.free(final);
        throw error;
      } finally {
        rollout.free(start);
      }
    },
  };
}

const prefixed = (prefix: string, buffers: Buffers): Buffers =>
  Object.fromEntries(Object.entries(buffers).map(([name, buffer]) => [`${prefix}/${name}`, buffer]));

function sampleCount(steps: number, hypers: readonly { readonly name: string; readonly perStep: boolean }[]): number {
  const perStep = hypers.find((tensor) => tensor.perStep);
  if (perStep !== undefined) {
    throw new DrmadError(
      "unsupported",
      `drmad with T/10 samples has no gradient for ${perStep.name}, which has a value for every step`,
      {
        hint: 'Use drmad with samples: "T", or reverse.',
      },
    );
  }
  if (steps < 10) {
    throw new DrmadError("unsupported", `drmad with T/10 samples needs at least 10 training steps, not ${steps}`, {
      hint: 'Use samples: "T".',
    });
  }
  return Math.floor(steps / 10);
}
