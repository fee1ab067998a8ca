import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { failure, flat, relativeError } from "../../test/oracle/measure.ts";
import { normOf, type Point } from "../data/point.ts";
import type { OuterOptimizer } from "./optimizer.ts";
import * as outer from "./outer.ts";

const at = (a: readonly number[], b: readonly number[] = []): Point => ({ a: Float64Array.from(a), b: Float64Array.from(b) }); // prettier-ignore
/** Gives back the gradient that it was shown. */
const mirror: OuterOptimizer<null> = {
  name: "mirror",
  init: () => null,
  update: (change, state) => ({ change, state }),
};
const shown = (optimizer: OuterOptimizer<null>, gradient: Point) => ({
  change: optimizer.update(gradient, null).change,
  clipped: optimizer.clips!(gradient, null),
});
const gradients = fc
  .tuple(
    fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 5 }),
    fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { maxLength: 5 }),
  )
  .map(([a, b]) => at(a, b));
const limit = fc.double({ min: 1e-3, max: 1e6, noNaN: true });

describe("clipping", () => {
  test("by norm keeps the direction, and touches nothing that is short enough", () => {
    fc.assert(
      fc.property(gradients, limit, (g, norm) => {
        const { change, clipped } = shown(outer.clipped(mirror, { norm }), g);
        const length = normOf(g);
        expect(clipped).toBe(length > norm);
        if (!clipped) {
          expect(change).toEqual(g);
          return;
        }
        expect(normOf(change)).toBeCloseTo(norm, 6);
        expect(relativeError(flat(change), flat(g).map((v) => (v * norm) / length))).toBeLessThan(1e-12); // prettier-ignore
      }),
    );
  });

  test("by value keeps each coordinate within the limit, and its sign", () => {
    fc.assert(
      fc.property(gradients, limit, (g, value) => {
        const { change, clipped } = shown(outer.clipped(mirror, { value }), g);
        const wanted = flat(g).map((v) => Math.max(-value, Math.min(value, v)));
        expect(flat(change)).toEqual(wanted);
        expect(clipped).toBe(flat(g).some((v) => Math.abs(v) > value));
      }),
    );
  });

  test("by norm, just beyond it and at it", () => {
    expect(flat(shown(outer.clipped(mirror, { norm: 7.5 }), at([6], [8])).change)).toEqual([4.5, 6]);
    expect(shown(outer.clipped(mirror, { norm: 10 }), at([6], [8]))).toEqual({ change: at([6], [8]), clipped: false });
  });

  test("by both: the values first", () => {
    const { change, clipped } = shown(outer.clipped(mirror, { norm: 5, value: 8 }), at([6], [100]));
    expect(flat(change)).toEqual([3, 4]);
    expect(clipped).toBe(true);
  });

  test("passes state, loss and another rate on", () => {
    const seen: unknown[] = [];
    const watching: OuterOptimizer<number> = {
      name: "watching",
      init: () => 4,
      update: (change, state, value) => (seen.push(state, value), { change, state: state + 1 }),
    };
    const optimizer = outer.clipped(watching, { norm: 1 });
    expect(optimizer.update(at([0.5]), optimizer.init(at([0])), 7)).toMatchObject({ state: 5 });
    expect(seen).toEqual([4, 7]);
    expect(optimizer.withRate).toBeUndefined();
    const slower = outer.clipped(outer.sgd({ rate: 1 }), { norm: 1 }).withRate!(0.5);
    expect(slower.name).toBe("sgd(0.5) clipped to norm 1");
    expect(flat(slower.update(at([8]), null).change)).toEqual([-0.5]);
  });

  test("inside clipping tells of itself", () => {
    const both = outer.clipped(outer.clipped(mirror, { value: 1 }), { norm: 10 });
    expect(both.clips!(at([2]), null)).toBe(true);
    expect(both.clips!(at([1]), null)).toBe(false);
    expect(mirror.clips).toBeUndefined();
  });

  test.each([
    [{}, "no limit"],
    [{ norm: 0 }, "norm 0"],
    [{ norm: Infinity }, "norm Infinity"],
    [{ value: -1 }, "value -1"],
  ])("refuses the limits %j", (limits, part) => {
    expect(() => outer.clipped(mirror, limits)).toThrow(expect.objectContaining(failure("invalid-argument", part)));
  });
});
