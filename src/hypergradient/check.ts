import { dot, mapPoint, moved, normOf, type Point } from "../data/point.ts";
import { normal, substream } from "../data/random.ts";
import type { Rollout } from "../rollout/rollout.ts";
import { requireFloat64, valueAt } from "./finite-difference.ts";
import type { Chosen, Method } from "./method.ts";

/** One central difference along a direction. */
export interface Difference {
  readonly step: number;
  readonly numeric: number;
  /** |numeric − ⟨gradient, direction⟩|, divided by the larger of the two. */
  readonly error: number;
}

export interface DirectionCheck {
  readonly direction: string;
  /** ⟨gradient, direction⟩: the slope that the method claims. */
  readonly slope: number;
  /** By halving steps. */
  readonly differences: readonly Difference[];
  readonly best: Difference;
  /** Relative error that the rounding of the loss alone can cause at the best step. */
  readonly roundingFloor: number;
  /** Median factor by which the error falls when the step is halved, above the rounding floor; about 4 for a right gradient. */
  readonly fall: number | undefined;
  readonly passed: boolean;
}

export interface GradientCheck {
  readonly method: string;
  readonly exact: boolean;
  /** From a method that chooses another. */
  readonly chosen?: Chosen;
  /** Whether two runs at the same point gave the same loss, bit for bit. */
  readonly deterministic: boolean;
  /** The outer loss as the method gave it. */
  readonly value: number;
  /** The outer loss after plain training: a method for another run gives another. */
  readonly trainedValue: number;
  readonly growth: number;
  readonly gradientNorm: number;
  readonly directions: readonly DirectionCheck[];
  /** Programs that were too large to be compared with the reference interpreter. */
  readonly unverified: readonly string[];
  readonly passed: boolean;
}

export interface CheckOptions {
  /** Random unit directions besides the normalised gradient. */
  readonly directions?: number;
  readonly seed?: number;
  /** Relative error to reach, unless rounding forbids it. */
  readonly tolerance?: number;
  /** Called after every pair of training runs. */
  readonly onDifference?: (direction: string, difference: Difference) => void;
}

const FIRST_STEP = 2 ** -4;
const MOST_HALVINGS = 16;

const unit = (direction: Point): Point => {
  const norm = normOf(direction);
  return mapPoint(direction, (v) => v / norm);
};

/**
 * How much the loss moves by rounding alone: the largest deviation from a straight line over steps so small that only
 * rounding is left. Training can amplify rounding, so it is measured, not assumed.
 */
async function roundingNoise(rollout: Rollout, direction: Point, slope: number): Promise<number> {
  let noise = 0;
  for (const h of [1e-10, 3e-11]) {
    const difference =
      (await valueAt(rollout.at(moved(rollout.point, direction, h)))) -
      (await valueAt(rollout.at(moved(rollout.point, direction, -h))));
    noise = Math.max(noise, Math.abs(difference - 2 * h * slope));
  }
  return noise;
}

/** What an error is a fraction of: a slope of 0 is as wrong as can be where the difference is not 0. */
const larger = (a: number, b: number): number => Math.max(Math.abs(a), Math.abs(b), Number.MIN_VALUE);

/** Relative to the larger of slope and difference. */
const USUAL_TOLERANCE = 1e-6;

async function checkDirection(
  rollout: Rollout,
  name: string,
  direction: Point,
  slope: number,
  options: CheckOptions,
): Promise<DirectionCheck> {
  const tolerance = options.tolerance ?? USUAL_TOLERANCE;
  const differences: Difference[] = [];
  let best: Difference | undefined;
  for (let i = 0; i <= MOST_HALVINGS; i++) {
    const step = FIRST_STEP / 2 ** i;
    const above = await valueAt(rollout.at(moved(rollout.point, direction, step)));
    const below = await valueAt(rollout.at(moved(rollout.point, direction, -step)));
    const numeric = (above - below) / (2 * step);
    const difference = { step, numeric, error: Math.abs(numeric - slope) / larger(numeric, slope) };
    differences.push(difference);
    options.onDifference?.(name, difference);
    if (best === undefined || difference.error < best.error) best = difference;
    // Past its floor the error only wanders: three steps in a row that bring nothing better end the search.
    if (differences.slice(-3).every((d) => d.error > best!.error) && best.error < 1e-3) break;
  }
  // Against the measured slope, so that a wrong claim does not pass for rounding.
  const noise = await roundingNoise(rollout, direction, best!.numeric);
  const floorAt = ({ step, numeric }: Difference): number => noise / (2 * step * larger(numeric, slope));
  const falls = differences.flatMap((d, i) => {
    const next = differences[i + 1];
    // Where the error is still large the expansion has not begun; near the floor it is rounding.
    const usable = next !== undefined && d.error < 0.1 && next.error > 10 * floorAt(next);
    return usable ? [d.error / next.error] : [];
  });
  falls.sort((a, b) => a - b);
  const roundingFloor = floorAt(best!);
  return {
    direction: name,
    slope,
    differences,
    best: best!,
    roundingFloor,
    fall: falls.length === 0 ? undefined : falls[Math.floor(falls.length / 2)],
    passed: best!.error <= Math.max(tolerance, 4 * roundingFloor),
  };
}

/**
 * Compares a method's hypergradient with central differences in float64, along the normalised gradient and random unit
 * directions, with steps by halving. The error of a right gradient falls about fourfold for each halving until rounding
 * takes over. Two training runs for each difference, and four for each direction's rounding.
 *
 * @throws DrmadError unsupported in float32; non-finite where a run diverges
 */
export async function checkHypergradient(
  rollout: Rollout,
  method: Method,
  options: CheckOptions = {},
): Promise<GradientCheck> {
  requireFloat64(rollout);
  const { final, gradient, growth, value, chosen } = await method.run(rollout);
  rollout.free(final);
  const tolerance = Math.max(options.tolerance ?? USUAL_TOLERANCE, method.near ?? 0);
  const trainedValue = await valueAt(rollout);
  const deterministic = (await valueAt(rollout)) === trainedValue;
  const gradientNorm = normOf(gradient);
  const directions: { name: string; direction: Point }[] =
    gradientNorm > 0 ? [{ name: "gradient", direction: unit(gradient) }] : [];
  for (let i = 0; i < (options.directions ?? 2); i++) {
    const next = substream(options.seed ?? 0, "direction", i);
    directions.push({ name: `random ${i + 1}`, direction: unit(mapPoint(gradient, () => normal(next))) });
  }
  const checks: DirectionCheck[] = [];
  for (const { name, direction } of directions) {
    checks.push(await checkDirection(rollout, name, direction, dot(gradient, direction), { ...options, tolerance }));
  }
  return {
    method: method.name,
    exact: chosen?.exact ?? method.exact,
    ...(chosen === undefined ? {} : { chosen }),
    deterministic,
    value,
    trainedValue,
    growth,
    gradientNorm,
    directions: checks,
    unverified: rollout.unverified,
    passed:
      deterministic &&
      Math.abs(value - trainedValue) <= tolerance * larger(value, trainedValue) &&
      checks.every((c) => c.passed),
  };
}
