import { moved, type Point, zeroPoint } from "../data/point.ts";
import { DrmadError, requireOptions } from "../errors.ts";
import type { Rollout } from "../rollout/rollout.ts";
import { directOnly } from "./controls.ts";
import type { Method } from "./method.ts";

/** The outer loss after a whole training run. */
export async function valueAt(rollout: Rollout): Promise<number> {
  const start = await rollout.start();
  const { final } = await rollout.train(start).finally(() => rollout.free(start));
  const { value, adjoint } = await rollout.outer(final).finally(() => rollout.free(final));
  rollout.free(adjoint);
  return value;
}

/** (f(λ + h d) − f(λ − h d)) / 2h: two training runs. */
export async function centralDifference(rollout: Rollout, direction: Point, h: number): Promise<number> {
  const above = await valueAt(rollout.at(moved(rollout.point, direction, h)));
  const below = await valueAt(rollout.at(moved(rollout.point, direction, -h)));
  return (above - below) / (2 * h);
}

/** @throws DrmadError unsupported in float32, where a difference of two losses is mostly rounding */
export function requireFloat64(rollout: Rollout): void {
  if (rollout.engine.precision !== "float64") {
    throw new DrmadError(
      "unsupported",
      "finite differences need float64: in float32 the difference of two losses is mostly rounding",
      {
        hint: "Use --precision float64.",
      },
    );
  }
}

export interface FiniteDifferenceOptions {
  /** Step h in unconstrained coordinates. */
  readonly step?: number;
}

/**
 * Central differences in every unconstrained coordinate: the truth to check others by, two training runs for each.
 *
 *     df/dλ_i ≈ (f(λ + h eᵢ) − f(λ − h eᵢ)) / 2h        error O(h²) + O(rounding / h)
 *
 * Errors: `unsupported` in float32.
 */
export function finiteDifference(options: FiniteDifferenceOptions = {}): Method {
  requireOptions("methods.finiteDifference", options, { step: "number?" });
  const { step: h = 1e-5 } = options;
  if (!(h > 0 && Number.isFinite(h))) {
    throw new DrmadError("invalid-argument", `finiteDifference has step ${h}`, {
      hint: "Give a finite number above 0, such as 1e-5.",
    });
  }
  return {
    name: "finiteDifference",
    exact: false,
    settings: { step: h },
    async run(rollout) {
      requireFloat64(rollout);
      const zero = zeroPoint(rollout.point);
      const gradient: Record<string, Float64Array> = {};
      for (const [name, values] of Object.entries(rollout.point)) {
        gradient[name] = new Float64Array(values.length);
        for (let i = 0; i < values.length; i++) {
          const unit = new Float64Array(values.length);
          unit[i] = 1;
          gradient[name][i] = await centralDifference(rollout, { ...zero, [name]: unit }, h);
        }
      }
      return { ...(await directOnly().run(rollout)), gradient };
    },
  };
}
