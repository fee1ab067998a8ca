import { describe, expect, test } from "vitest";
import * as fc from "fast-check";
import { type Axis, linearAxis, logAxis } from "./axis.ts";

/** The number that a reader takes from a label. */
function read(label: string): number {
  const [mantissa, power] = label
    .replaceAll(",", "")
    .replace("−", "-")
    .split(/×?10(?=[⁰¹²³⁴⁵⁶⁷⁸⁹⁻])/u) as [string, string?];
  const exponent = (power ?? "")
    .replace("⁻", "-")
    .replaceAll(/[^-]/gu, (figure) => String("⁰¹²³⁴⁵⁶⁷⁸⁹".indexOf(figure)));
  return Number(`${mantissa === "" ? 1 : mantissa}e${exponent === "" ? 0 : exponent}`);
}

function labels(axis: Axis): string[] {
  return axis.ticks.map(({ label }) => label);
}

/** What holds for every axis: ticks on it, in order, each with a label of its own that says its value. */
function expectReadable({ place, ticks }: Axis, low: number, high: number): void {
  expect(place(low)).toBeGreaterThan(-1e-6);
  expect(place(high)).toBeLessThan(1 + 1e-6);
  expect(place(low)).toBeLessThanOrEqual(place(high));
  ticks.forEach(({ value, label }, i) => {
    expect(place(value)).toBeGreaterThan(-1e-6);
    expect(place(value)).toBeLessThan(1 + 1e-6);
    if (i > 0) expect(place(value)).toBeGreaterThan(place(ticks[i - 1]!.value));
    expect(Math.abs(read(label) - value)).toBeLessThanOrEqual(1e-12 * Math.abs(value) + 1e-305);
  });
  expect(new Set(ticks.map(({ label }) => label)).size).toBe(ticks.length);
}

const ordinary = fc.double({ min: -1e300, max: 1e300, noNaN: true });
/** Of every size alike. */
const positive = fc
  .tuple(fc.double({ min: 1, max: 10, noNaN: true }), fc.integer({ min: -279, max: 296 }))
  .map(([m, e]) => m * 10 ** e);
const near = fc
  .tuple(positive, fc.double({ min: 0, max: 3, noNaN: true }))
  .map(([a, decades]): [number, number] => [a, a * 10 ** decades]);

describe("linearAxis", () => {
  test.each([
    [0, 20, { count: 7, whole: true }, ["0", "5", "10", "15", "20"]],
    [0, 4, { count: 7, whole: true }, ["0", "1", "2", "3", "4"]],
    [1, 1, { count: 7, whole: true }, ["0", "1", "2"]],
    [0, 2000, { count: 7, whole: true }, ["0", "500", "1,000", "1,500", "2,000"]],
    [0.3, 0.9, { count: 5, round: true }, ["0.2", "0.4", "0.6", "0.8", "1.0"]],
    [0.1, 0.9, { count: 5, round: true }, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]],
    [1.2, 5.8, { count: 5, round: true }, ["0", "1", "2", "3", "4", "5", "6"]],
    [3.4, 5.8, { count: 5, round: true }, ["3.0", "3.5", "4.0", "4.5", "5.0", "5.5", "6.0"]],
    [-1e-9, 4e-9, { count: 5 }, ["−1×10⁻⁹", "0", "1×10⁻⁹", "2×10⁻⁹", "3×10⁻⁹", "4×10⁻⁹"]],
    [0, 7e9, { count: 5, round: true }, ["0", "2×10⁹", "4×10⁹", "6×10⁹", "8×10⁹"]],
    [-1234567, 0, { count: 3 }, ["−1.0×10⁶", "−0.5×10⁶", "0"]],
    [0, 0, { count: 5 }, ["−1.0", "−0.5", "0.0", "0.5", "1.0"]],
    [0.05, 0.05, { count: 5 }, ["0.046", "0.048", "0.050", "0.052", "0.054"]],
  ])("from %d to %d with %j has the ticks %j", (low, high, options, expected) => {
    expect(labels(linearAxis(low, high, options))).toEqual(expected);
  });

  test("is readable over any range", { timeout: 60_000 }, () => {
    const spread = fc.tuple(ordinary, ordinary).map(([a, b]): [number, number] => [Math.min(a, b), Math.max(a, b)]);
    const options = fc.record({ count: fc.integer({ min: 3, max: 12 }), round: fc.boolean() });
    fc.assert(
      fc.property(fc.oneof(spread, near), options, ([low, high], { count, round }) => {
        const axis = linearAxis(low, high, { count, round });
        expectReadable(axis, low, high);
        expect(axis.ticks.length).toBeGreaterThanOrEqual(2);
        expect(axis.ticks.length).toBeLessThanOrEqual(1.5 * count + 3);
        // Even: twice as far is twice as far.
        const middle = low / 2 + high / 2;
        expect(axis.place(middle)).toBeCloseTo((axis.place(low) + axis.place(high)) / 2, 6);
      }),
      { numRuns: 1000 },
    );
  });

  test("with whole ticks has no others", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1e9 }),
        fc.nat(10_000),
        fc.integer({ min: 3, max: 12 }),
        (low, more, count) => {
          const axis = linearAxis(low, low + more, { count, whole: true });
          expectReadable(axis, low, low + more);
          expect(axis.ticks.every(({ value }) => Number.isSafeInteger(value))).toBe(true);
          expect(axis.ticks.length).toBeGreaterThanOrEqual(2);
        },
      ),
    );
  });
});

describe("logAxis", () => {
  test.each([
    [0.001, 3, 7, ["0.001", "0.01", "0.1", "1"]],
    [0.9, 30, 7, ["1", "2", "5", "10", "20"]],
    [0.9, 30, 4, ["1", "3", "10", "30"]],
    [0.0001, 100_000, 12, ["0.0001", "0.001", "0.01", "0.1", "1", "10", "100", "1,000", "10,000", "100,000"]],
    [1, 1e12, 7, ["10⁰", "10²", "10⁴", "10⁶", "10⁸", "10¹⁰", "10¹²"]],
    [1e-7, 3e-6, 6, ["10⁻⁷", "2×10⁻⁷", "5×10⁻⁷", "10⁻⁶", "2×10⁻⁶"]],
    [2.1, 2.6, 5, ["2.2", "2.4", "2.6"]],
    [1, 1, 5, ["0.5", "1", "2"]],
  ])("from %d to %d with %d ticks has %j", (low, high, count, expected) => {
    expect(labels(logAxis(low, high, count))).toEqual(expected);
  });

  test("is readable over any range", { timeout: 60_000 }, () => {
    const far = fc.tuple(positive, positive).map(([a, b]): [number, number] => [Math.min(a, b), Math.max(a, b)]);
    fc.assert(
      fc.property(fc.oneof(far, near), fc.integer({ min: 4, max: 12 }), ([low, high], count) => {
        const axis = logAxis(low, high, count);
        expectReadable(axis, low, high);
        expect(axis.ticks.length).toBeGreaterThanOrEqual(1);
        expect(axis.ticks.length).toBeLessThanOrEqual(Math.max(count, 8));
        // Even in ratios.
        const middle = Math.sqrt(low) * Math.sqrt(high);
        expect(axis.place(middle)).toBeCloseTo((axis.place(low) + axis.place(high)) / 2, 6);
      }),
      { numRuns: 1000 },
    );
  });
});
