import { describe, expect, test } from "vitest";
import { fromHalf, roundToEven, roundToHalf, toHalf } from "./float16.ts";

/** All finite halves of sign +, in order: their bits are their places. */
const HALVES: readonly number[] = Array.from({ length: 0x7c00 }, (_, bits) => fromHalf(bits));
const LARGEST = 65504;
const SMALLEST = 2 ** -24;

/** The nearest of them by search, the one with an even last bit of two that are equally near. */
function nearest(x: number): number {
  let [low, high] = [0, HALVES.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (HALVES[middle]! <= x) low = middle;
    else high = middle;
  }
  const [below, above] = [x - HALVES[low]!, HALVES[high]! - x];
  return HALVES[below < above || (below === above && low % 2 === 0) ? low : high]!;
}
const numbers = (count: number): number[] => {
  let state = 12345;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1103515245) + 12345) | 0;
    return state / 2 ** 31;
  });
};

describe("the bits of a half", () => {
  test.each([
    [0x0000, 0],
    [0x0001, SMALLEST],
    [0x03ff, 1023 * SMALLEST],
    [0x0400, 2 ** -14],
    [0x3555, 0.333251953125],
    [0x3c00, 1],
    [0x3c01, 1 + 2 ** -10],
    [0x7bff, LARGEST],
    [0x7c00, Infinity],
    [0xc000, -2],
    [0xfc00, -Infinity],
  ])("%i stands for %d", (bits, value) => {
    expect(fromHalf(bits)).toBe(value);
    expect(toHalf(value)).toBe(bits);
  });

  test("all 65,536 come back, whose numbers are halves already; what is none stays none", () => {
    for (let bits = 0; bits < 65536; bits++) {
      const value = fromHalf(bits);
      if (Number.isNaN(value)) {
        expect((bits & 0x7c00) === 0x7c00 && (bits & 1023) !== 0).toBe(true);
        expect(fromHalf(toHalf(value))).toBeNaN();
        continue;
      }
      if (toHalf(value) !== bits || !Object.is(roundToHalf(value), value)) expect.fail(`${bits}: ${value}`);
    }
  });

  test("grow with the number", () => {
    expect(HALVES.every((value, i) => i === 0 || value > HALVES[i - 1]!)).toBe(true);
  });
});

describe("the nearest half", () => {
  test.each([1, 1e3, 6e4, 1e-3, 1e-4, 1e-5, 3e-7, 1e-9])("of numbers up to %d, found by search", (scale) => {
    for (const x of numbers(2000)) {
      const value = scale * x;
      const expected = Math.sign(value) * nearest(Math.abs(value));
      if (!Object.is(roundToHalf(value), expected)) expect.fail(`${value}: ${roundToHalf(value)}, not ${expected}`);
    }
  });

  test("of the middle between two is the even one, of a hair beside it the nearer one", () => {
    for (let bits = 0; bits + 1 < HALVES.length; bits++) {
      const [a, b] = [HALVES[bits]!, HALVES[bits + 1]!];
      const middle = (a + b) / 2;
      const even = bits % 2 === 0 ? a : b;
      const hair = middle * 2 ** -50;
      for (const sign of [1, -1]) {
        const got = [middle, middle - hair, middle + hair].map((x) => roundToHalf(sign * x));
        const expected = [even, a, b].map((x) => sign * x);
        if (!got.every((x, i) => Object.is(x, expected[i]))) expect.fail(`${sign * middle}: ${got.join()}`);
      }
    }
  });

  test("beyond the largest is infinite from the middle to what would come next", () => {
    expect(roundToHalf(65519.999)).toBe(LARGEST);
    expect(roundToHalf(-65519.999)).toBe(-LARGEST);
    expect([65520, 1e300, Infinity].map(roundToHalf)).toEqual([Infinity, Infinity, Infinity]);
    expect([-65520, -1e300, -Infinity].map(roundToHalf)).toEqual([-Infinity, -Infinity, -Infinity]);
    expect(roundToHalf(NaN)).toBeNaN();
  });

  test("below the smallest is 0 of the same sign, or the smallest", () => {
    expect([1e-310, 2 ** -25, -1e-310, -(2 ** -25)].map(roundToHalf)).toEqual([0, 0, -0, -0]);
    expect([2 ** -25 * (1 + 2 ** -20), 2 ** -24, 1.5 * 2 ** -24].map(roundToHalf)).toEqual([SMALLEST, SMALLEST, 2 * SMALLEST]); // prettier-ignore
    expect([0, -0].map(roundToHalf)).toEqual([0, -0]);
  });
});

test("the nearest integer, ties to even", () => {
  const given = [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49999999999999994, -126.5, 127.49, 3];
  expect(given.map(roundToEven)).toEqual([0, 2, 2, -0, -2, -2, 0, -126, 127, 3]);
});
