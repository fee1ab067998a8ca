import type { Point } from "../data/point.ts";

/** Signs of coordinates, counted: every coordinate is in one of four places. */
export interface Signs {
  readonly same: number;
  readonly opposite: number;
  /** 0 by the method, and not exactly. */
  readonly missing: number;
  /** 0 exactly, so that no sign is right. */
  readonly none: number;
}

/** How one vector agrees with the exact one. */
export interface Agreement {
  /** Absent where either is 0. */
  readonly cosine?: number;
  /** ‖method‖ / ‖exact‖; absent where the exact one is 0. */
  readonly lengthRatio?: number;
  /** same / (same + opposite): coordinates with a zero are left out; absent where no other is left. */
  readonly signAgreement?: number;
  readonly signs: Signs;
  /** Euclidean lengths, in unconstrained coordinates. */
  readonly length: number;
  readonly exactLength: number;
}

/** All numbers of some tensors, one after the other. */
const flat = (point: Point, names: readonly string[]): number[] => names.flatMap((name) => [...point[name]!]);

/** A vector as a multiple of one whose largest number is ±1: an exploded gradient must not overflow when it is squared. */
function scaled(values: readonly number[]): { readonly largest: number; readonly unit: readonly number[] } {
  const largest = values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  return { largest, unit: largest === 0 ? values : values.map((v) => v / largest) };
}

const product = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, v, i) => sum + v * b[i]!, 0);

/** Over the tensors named. */
export function agreementOf(method: Point, exact: Point, names: readonly string[]): Agreement {
  const [a, b] = [flat(method, names), flat(exact, names)];
  const [u, v] = [scaled(a), scaled(b)];
  const [uNorm, vNorm] = [Math.sqrt(product(u.unit, u.unit)), Math.sqrt(product(v.unit, v.unit))];
  const [length, exactLength] = [u.largest * uNorm, v.largest * vNorm];
  const signs = { same: 0, opposite: 0, missing: 0, none: 0 };
  b.forEach((truth, i) => {
    const found = a[i]!;
    if (truth === 0) signs.none++;
    else if (found === 0) signs.missing++;
    else if (found > 0 === truth > 0) signs.same++;
    else signs.opposite++;
  });
  const signed = signs.same + signs.opposite;
  return {
    ...(length > 0 && exactLength > 0
      ? { cosine: Math.min(1, Math.max(-1, product(u.unit, v.unit) / (uNorm * vNorm))) }
      : {}),
    ...(exactLength > 0 ? { lengthRatio: length / exactLength } : {}),
    ...(signed > 0 ? { signAgreement: signs.same / signed } : {}),
    signs,
    length,
    exactLength,
  };
}
