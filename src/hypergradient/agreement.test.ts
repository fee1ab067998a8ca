import { expect, test } from "vitest";
import { agreementOf } from "./agreement.ts";

const point = (...values: number[]) => ({ a: Float64Array.from(values) });

test("the distance of near directions has places that the cosine has not", () => {
  const tiny = 1e-9;
  const near = agreementOf(point(3, 3 * tiny), point(7, 0), ["a"]);
  expect(near.cosine).toBe(1);
  expect(near.cosineDistance! / (tiny ** 2 / 2)).toBeCloseTo(1, 6);
  const apart = agreementOf(point(1, 2), point(-2, 1), ["a"]);
  expect(apart).toMatchObject({ cosine: 0, cosineDistance: expect.closeTo(1, 14) as number });
  expect(agreementOf(point(1e200, 0), point(-1e-200, 0), ["a"]).cosineDistance).toBe(2);
});

test("what is 0 has no direction", () => {
  expect(agreementOf(point(0, 0), point(1, 2), ["a"])).not.toHaveProperty("cosineDistance");
});
