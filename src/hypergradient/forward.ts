import { DrmadError, requireOptions } from "../errors.ts";
import { sizeOf } from "../tensor/shape.ts";
import { zeroPoint } from "../data/point.ts";
import type { Buffers, Outer, Rollout } from "../rollout/rollout.ts";
import type { Method } from "./method.ts";

/** Most tangents carried at once, and most bytes of them, unless told. */
const MOST_TOGETHER = 8;
const MOST_BYTES = 256e6;

/** As few training runs as those limits allow, of equal size. */
function chunkFor(coordinates: number, stateBytes: number): number {
  const most = Math.max(1, Math.min(MOST_TOGETHER, Math.floor(MOST_BYTES / stateBytes)));
  return Math.ceil(coordinates / Math.ceil(coordinates / most));
}

/** ⟨∇w f, ẇ⟩. */
export async function slopeAlong(rollout: Rollout, adjoint: Buffers, tangent: Buffers): Promise<number> {
  let total = 0;
  for (const { name, kind } of rollout.leaves) {
    if (kind !== "weights") continue;
    const [g, d] = await Promise.all([rollout.read(adjoint[`adjoint/${name}`]!), rollout.read(tangent[name]!)]);
    for (let i = 0; i < g.data.length; i++) total += g.data[i]! * d.data[i]!;
  }
  return total;
}

export interface ForwardOptions {
  /** Coordinates differentiated in one training run: 8, or fewer where their tangents would take more than 256 MB. */
  readonly chunk?: number;
}

/**
 * Exact forward mode: the derivative of the training state in each unconstrained coordinate λ_j is carried along with it.
 *
 *     ṡ_0 = ∂s_0/∂λ_j,   ṡ_{t+1} = (∂Φ_t/∂s) ṡ_t + ∂Φ_t/∂λ_j,   df/dλ_j = ∂f/∂λ_j + ⟨∇w f(w_T), ẇ_T⟩
 *
 * Right for few hyperparameters and any number of steps: nothing is stored, and `reverse` and this give the same numbers
 * up to rounding. Wrong choice for many: every coordinate counts (a schedule has one for each step), and n of them are
 * ⌈n / chunk⌉ training runs. Measured on a small network, a run of one coordinate is 2.2 trainings, one of eight 13.
 * Memory: chunk training states beside the one of training.
 *
 * Errors: `non-finite` where training or a tangent diverges.
 * Source: Franceschi, Donini, Frasconi, Pontil 2017, section 3.2; Wengert 1964.
 */
export function forward(options: ForwardOptions = {}): Method {
  requireOptions("methods.forward", options, { chunk: "number?" });
  const { chunk } = options;
  if (chunk !== undefined && !(Number.isInteger(chunk) && chunk >= 1)) {
    throw new DrmadError("invalid-argument", `forward has chunk ${chunk}`, {
      hint: "Give a whole number, at least 1.",
    });
  }
  return {
    name: "forward",
    exact: true,
    settings: { chunk },
    async run(rollout) {
      const coordinates = rollout.hypers.flatMap(({ name, shape }) =>
        Array.from({ length: sizeOf(shape) }, (_, i) => ({ name, i })),
      );
      const together = Math.min(chunk ?? chunkFor(coordinates.length, rollout.stateBytes), coordinates.length);
      const training = await rollout.forward(together);
      const gradient = zeroPoint(rollout.point);
      let end: { readonly final: Buffers; readonly outer: Outer } | undefined;
      try {
        for (let first = 0; first < coordinates.length; first += together) {
          const chosen = coordinates.slice(first, first + together);
          // The last run may have fewer coordinates than it has room for: the rest go nowhere.
          const directions = Array.from({ length: together }, (_, j) => {
            const direction = zeroPoint(rollout.point);
            if (j < chosen.length) direction[chosen[j]!.name]![chosen[j]!.i] = 1;
            return direction;
          });
          const { final, tangents } = await training.run(directions);
          try {
            if (end === undefined) end = { final, outer: await rollout.outer(final) };
            for (const [j, { name, i }] of chosen.entries()) {
              const through = await slopeAlong(rollout, end.outer.adjoint, tangents[j]!);
              gradient[name]![i] = end.outer.direct[name]![i]! + through;
            }
          } finally {
            rollout.free(...tangents);
            if (end?.final !== final) rollout.free(final);
          }
        }
        const { final, outer } = end!;
        return { value: outer.value, gradient, direct: outer.direct, growth: 1, final };
      } catch (error) {
        if (end !== undefined) rollout.free(end.final);
        throw error;
      } finally {
        if (end !== undefined) rollout.free(end.outer.adjoint);
      }
    },
  };
}
