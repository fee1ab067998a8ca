import { dot, mapPoint, normOf, type Point } from "../data/point.ts";

/** How near a gradient is to the true one. Measures of direction are undefined where either is 0 everywhere. */
export interface Agreement {
  /** ⟨a, b⟩ / (‖a‖ ‖b‖). */
  readonly cosine: number | undefined;
  /** 1 − cosine, without the rounding of that subtraction: 0 for the same direction, 1 for a right angle, 2 for the opposite. */
  readonly cosineDistance: number | undefined;
  /** ‖a‖ / ‖b‖. */
  readonly lengthRatio: number | undefined;
  /** Of the coordinates where b is not 0, the share in which a has its sign. */
  readonly signAgreement: number | undefined;
}

/** How near a is to b, the true one, over all coordinates together. */
export function agreement(a: Point, b: Point): Agreement {
  const [lengthA, lengthB] = [normOf(a), normOf(b)];
  const names = Object.keys(b);
  const nonZero = names.reduce((n, name) => n + b[name]!.filter((v) => v !== 0).length, 0);
  const agreeing = names.reduce(
    (n, name) => n + b[name]!.filter((v, i) => v !== 0 && Math.sign(a[name]![i]!) === Math.sign(v)).length,
    0,
  );
  const directed = lengthA > 0 && lengthB > 0;
  const apart = directed ? normOf(mapPoint(b, (v, name, i) => a[name]![i]! / lengthA - v / lengthB)) : undefined;
  return {
    cosine: directed ? dot(a, b) / lengthA / lengthB : undefined,
    cosineDistance: apart === undefined ? undefined : apart ** 2 / 2,
    lengthRatio: lengthB > 0 ? lengthA / lengthB : undefined,
    signAgreement: nonZero > 0 ? agreeing / nonZero : undefined,
  };
}
