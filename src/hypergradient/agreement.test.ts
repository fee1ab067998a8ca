import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { agreement } from "./agreement.ts";

const point = (a: readonly number[], b: readonly number[] = []): Record<string, Float64Array> => ({
  a: Float64Array.from(a),
  b: Float64Array.from(b),
});

describe("agreement", () => {
  test("by hand: over all tensors together", () => {
    // ⟨a, b⟩ = 3·4 + 4·3 = 24, lengths 5 and 5.
    const found = agreement(point([3], [4]), point([4], [3]));
    expect(found.cosine).toBeCloseTo(24 / 25, 14);
    expect(found.cosineDistance).toBeCloseTo(1 / 25, 14);
    expect(found.lengthRatio).toBeCloseTo(1, 14);
    expect(agreement(point([6, 0], [8]), point([3, 0], [4])).lengthRatio).toBeCloseTo(2, 14);
  });

  test("signs count where the true one is not 0, and 0 has none", () => {
    expect(agreement(point([1, -2, 5, 0]), point([3, 4, 0, 5])).signAgreement).toBe(1 / 3);
    expect(agreement(point([1, -2], [-1, 1]), point([3, -4], [-1, -1])).signAgreement).toBe(3 / 4);
  });

  test("the opposite direction", () => {
    const found = agreement(point([-2, -4]), point([1, 2]));
    expect(found.cosine).toBeCloseTo(-1, 14);
    expect(found.cosineDistance).toBeCloseTo(2, 14);
    expect(found).toMatchObject({ lengthRatio: 2, signAgreement: 0 });
  });

  test("1 − cosine far below the rounding of 1", () => {
    // At an angle of 1e-10 it is half the square of the angle.
    const found = agreement(point([1, 1e-10]), point([1, 0]));
    expect(found.cosine).toBe(1);
    expect(found.cosineDistance! / 5e-21).toBeCloseTo(1, 6);
  });

  test("of nothing there is no direction", () => {
    const none = { cosine: undefined, cosineDistance: undefined };
    expect(agreement(point([0, 0]), point([1, 2]))).toEqual({ ...none, lengthRatio: 0, signAgreement: 0 });
    expect(agreement(point([1, 2]), point([0, 0]))).toEqual({
      ...none,
      lengthRatio: undefined,
      signAgreement: undefined,
    });
  });

  test("holds for any vectors: bounds, and no change with their length", () => {
    const vector = fc.array(fc.double({ min: -1e3, max: 1e3, noNaN: true }), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(vector, vector, fc.double({ min: 0.1, max: 10, noNaN: true }), (a, b, scale) => {
        fc.pre(Math.hypot(...a) > 1e-6 && Math.hypot(...b) > 1e-6);
        const one = agreement(point(a), point(b));
        const other = agreement(point(a.map((v) => scale * v)), point(b));
        expect(Math.abs(one.cosine!)).toBeLessThanOrEqual(1 + 1e-12);
        expect(one.cosineDistance).toBeCloseTo(1 - one.cosine!, 10);
        expect(other.cosine).toBeCloseTo(one.cosine!, 10);
        expect(other.lengthRatio! / one.lengthRatio!).toBeCloseTo(scale, 10);
        expect(agreement(point(a), point(a)).cosineDistance).toBe(0);
      }),
    );
  });
});
