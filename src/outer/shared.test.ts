import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { failure, flat } from "../../test/oracle/measure.ts";
import { addPoints, dot, type Point } from "../data/point.ts";
import type { OuterOptimizer } from "./optimizer.ts";
import * as outer from "./outer.ts";

const number = fc.double({ min: -100, max: 100, noNaN: true });
const numbers = fc.array(number, { minLength: 1, maxLength: 4 }).map((values) => Float64Array.from(values));
const points: fc.Arbitrary<Point> = fc.record({ "l2.0.W": numbers, "l2.1.W": numbers, rate: numbers });
const constant = (point: Point, of: (name: string) => number): Point =>
  Object.fromEntries(Object.entries(point).map(([name, v]) => [name, new Float64Array(v.length).fill(of(name))]));

describe("shared", () => {
  test("the optimiser sees Sᵀ g, the sum over what moves together; all of it moves by the same", () => {
    fc.assert(
      fc.property(points, fc.constantFrom("hyperparameter", "tensor"), number, (gradient, ties, c) => {
        const group = (name: string): string => (ties === "tensor" ? name : name.split(".")[0]!);
        let seen: Point = {};
        const watching: OuterOptimizer<null> = {
          name: "watching",
          init: () => null,
          update(g, state) {
            seen = g;
            return {
              change: Object.fromEntries(Object.keys(g).map((name, k) => [name, Float64Array.of(c + k)])),
              state,
            };
          },
        };
        const { change } = outer.shared(watching, ties).update(gradient, null);
        // ⟨Sᵀ g, c⟩ = ⟨g, S c⟩
        const names = Object.keys(seen);
        expect(names).toEqual([...new Set(Object.keys(gradient).map(group))]);
        const c0 = Object.fromEntries(names.map((name, k) => [name, Float64Array.of(c + k)]));
        expect(dot(seen, c0)).toBeCloseTo(dot(gradient, change), 6);
        expect(change).toEqual(constant(gradient, (name) => c + names.indexOf(group(name))));
      }),
    );
  });

  test("clips what the inner optimiser clips, and takes another rate", () => {
    const optimizer = outer.shared(outer.clipped(outer.sgd({ rate: 1 }), { norm: 5 }), "tensor");
    // Neither is long, but their sum is.
    expect(optimizer.clips!({ a: Float64Array.of(4, 4) }, null)).toBe(true);
    expect(optimizer.clips!({ a: Float64Array.of(4, -4) }, null)).toBe(false);
    expect(flat(optimizer.withRate!(2).update({ a: Float64Array.of(1, 1) }, null).change)).toEqual([-4, -4]);
    expect(outer.shared(outer.sgd({ rate: 1 }), "tensor").clips).toBeUndefined();
  });

  test("refuses other ties", () => {
    expect(() => outer.shared(outer.sgd({ rate: 1 }), "unit" as "tensor")).toThrow(
      expect.objectContaining(failure("invalid-argument", '"unit"')),
    );
  });
});

describe("coarseToFine", () => {
  const g: Point = { "l2.0": Float64Array.of(1, 2), "l2.1": Float64Array.of(-8), rate: Float64Array.of(3) };
  const changes = (optimizer: OuterOptimizer, steps: number): number[][] => {
    let state = optimizer.init(g);
    return Array.from({ length: steps }, () => {
      const update = optimizer.update(g, state);
      // As a study that was stored between the steps would.
      state = structuredClone(update.state);
      return flat(update.change);
    });
  };

  test("has its stages one after another", () => {
    const optimizer = outer.coarseToFine(outer.sgd({ rate: 1 }), { hyperparameter: 2, tensor: 1 }) as OuterOptimizer;
    expect(changes(optimizer, 5)).toEqual([
      [5, 5, 5, -3],
      [5, 5, 5, -3],
      [-3, -3, 8, -3],
      [-1, -2, 8, -3],
      [-1, -2, 8, -3],
    ]);
  });

  test.each([
    [{ hyperparameter: 2 }, "hyperparameter"],
    [{ tensor: 2 }, "tensor"],
  ] as const)("begins each stage afresh, with %j", (steps, ties) => {
    const adam = outer.adam({ rate: 0.1 });
    const optimizer = outer.coarseToFine(adam, steps) as OuterOptimizer;
    expect(changes(optimizer, 4)).toEqual([
      ...changes(outer.shared(adam, ties) as OuterOptimizer, 2),
      ...changes(adam as OuterOptimizer, 2),
    ]);
  });

  test("keeps its stages with another rate, and tells of clipping", () => {
    const optimizer = outer.coarseToFine(outer.clipped(outer.sgd({ rate: 1 }), { norm: 4 }), { tensor: 1 });
    expect(optimizer.clips!(g, optimizer.init(g))).toBe(true);
    const slower = outer.coarseToFine(outer.sgd({ rate: 1 }), { tensor: 1 }).withRate!(0.5) as OuterOptimizer;
    expect(changes(slower, 2)).toEqual([[-1.5, -1.5, 4, -1.5], [-0.5, -1, 4, -1.5]]); // prettier-ignore
  });

  test.each([
    [{}, "no coarse steps"],
    [{ tensor: 0 }, "no coarse steps"],
    [{ tensor: 1.5 }, "1.5 steps by tensor"],
    [{ hyperparameter: -1 }, "-1 steps by hyperparameter"],
  ])("refuses %j", (steps, part) => {
    expect(() => outer.coarseToFine(outer.sgd({ rate: 1 }), steps)).toThrow(
      expect.objectContaining(failure("invalid-argument", part)),
    );
  });

  test("goes on from where the stage before came to", () => {
    const optimizer = outer.coarseToFine(outer.sgd({ rate: 1 }), { tensor: 1 });
    const start = { a: Float64Array.of(1, 2) };
    const first = optimizer.update({ a: Float64Array.of(1, 3) }, optimizer.init(start));
    const second = optimizer.update({ a: Float64Array.of(1, 0) }, first.state);
    expect(flat(addPoints(addPoints(start, first.change), second.change))).toEqual([-4, -2]);
  });
});
