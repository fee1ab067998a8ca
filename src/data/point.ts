/** Unconstrained coordinates of all hyperparameters, or a gradient, change or direction in them, by tensor name. */
export type Point = Readonly<Record<string, Float64Array>>;

export const mapPoint = (point: Point, f: (value: number, name: string, i: number) => number): Point =>
  Object.fromEntries(Object.entries(point).map(([name, values]) => [name, values.map((v, i) => f(v, name, i))]));

export const addPoints = (a: Point, b: Point): Point => mapPoint(a, (v, name, i) => v + b[name]![i]!);

/** Zeros like it, to be filled. */
export const zeroPoint = (like: Point): Record<string, Float64Array> =>
  Object.fromEntries(Object.entries(like).map(([name, values]) => [name, new Float64Array(values.length)]));

/** Euclidean norm over all coordinates. */
export const normOf = (point: Point): number => Math.sqrt(dot(point, point));

export const dot = (a: Point, b: Point): number =>
  Object.entries(a).reduce((total, [name, values]) => values.reduce((sum, v, i) => sum + v * b[name]![i]!, total), 0);

/** The point, moved by so much along a direction. */
export const moved = (point: Point, direction: Point, by: number): Point =>
  mapPoint(point, (v, name, i) => v + by * direction[name]![i]!);
