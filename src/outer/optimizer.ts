import { DrmadError } from "../errors.ts";

/** Unconstrained coordinates, or a gradient or change in them, by hyperparameter tensor. */
export type Coordinates = Readonly<Record<string, Float64Array>>;

export interface Update<S> {
  /** What to add to the point. */
  readonly change: Coordinates;
  readonly state: S;
}

/** An outer optimiser: a pure transform of hypergradients into changes. Its state is plain data. */
export interface OuterOptimizer<S = unknown> {
  readonly name: string;
  init(point: Coordinates): S;
  update(gradient: Coordinates, state: S): Update<S>;
  /** The same optimiser with another rate, all its other settings kept; absent where it has none to change. */
  withRate?(rate: number): OuterOptimizer<S>;
}

export const mapCoordinates = (
  point: Coordinates,
  f: (value: number, name: string, i: number) => number,
): Coordinates =>
  Object.fromEntries(Object.entries(point).map(([name, values]) => [name, values.map((v, i) => f(v, name, i))]));

export const addCoordinates = (a: Coordinates, b: Coordinates): Coordinates =>
  mapCoordinates(a, (v, name, i) => v + b[name]![i]!);

/** Euclidean norm over all coordinates. */
export const normOf = (point: Coordinates): number => Math.sqrt(dot(point, point));

export const dot = (a: Coordinates, b: Coordinates): number =>
  Object.entries(a).reduce((total, [name, values]) => values.reduce((sum, v, i) => sum + v * b[name]![i]!, total), 0);

export function positiveRate(name: string, rate: number): number {
  if (!(rate > 0 && Number.isFinite(rate))) {
    throw new DrmadError("invalid-argument", `${name} has rate ${rate}`, { hint: "Give a finite number above 0." });
  }
  return rate;
}
