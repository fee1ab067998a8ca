import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { failure } from "../../test/oracle/measure.ts";
import { grad } from "../autodiff/transform.ts";
import { evaluate } from "../engine/reference/engine.ts";
import { toGraph } from "../tensor/graph.ts";
import { input } from "../tensor/layout.ts";
import { toUnconstrained, transformOf, type Transform, type TransformOptions } from "./transform.ts";

const bound = fc.double({ min: -1e6, max: 1e6, noNaN: true });
const bounds = fc.tuple(bound, bound).filter(([low, high]) => high - low > 1e-6 * Math.max(1, Math.abs(low), Math.abs(high))); // prettier-ignore
const anyOptions: fc.Arbitrary<TransformOptions> = fc.oneof(
  fc.constantFrom<TransformOptions>(
    {},
    { transform: "identity" },
    { transform: "log" },
    { transform: "softplus" },
    { transform: "logit" },
  ),
  bounds.map((pair) => ({ bounds: pair })),
);
const anyTransform = anyOptions.map(transformOf);
/** Where λ(u) is neither rounded to an end of its interval nor lost in a sum. */
const moderate = fc.double({ min: -12, max: 12, noNaN: true });
const anyReal = fc.oneof(
  fc.double({ noNaN: true }),
  fc.constantFrom(0, -0, 1e308, -1e308, 5e-324, Infinity, -Infinity),
);

const u = input("u", []);
const slopeOf = (transform: Transform, at: number): number => {
  const graph = toGraph({ slope: grad(transform.natural(u), [u])[0]!, value: transform.natural(u) });
  return evaluate(graph, { u: { data: Float64Array.of(at), shape: [] } })["slope"]!.data[0]!;
};
const symbolic = (transform: Transform, at: number): number =>
  evaluate(toGraph({ y: transform.natural(u) }), { u: { data: Float64Array.of(at), shape: [] } })["y"]!.data[0]!;

describe("a transform", () => {
  test("stays in its interval, whatever the coordinate, and is never NaN", () => {
    fc.assert(
      fc.property(anyTransform, anyReal, (transform, at) => {
        const [low, high] = transform.interval;
        const value = transform.value(at);
        // low + (high − low)·σ is rounded like any sum.
        const rounding = transform.name.startsWith("bounds")
          ? Number.EPSILON * Math.max(Math.abs(low), Math.abs(high))
          : 0;
        expect(value).toBeGreaterThanOrEqual(low - rounding);
        expect(value).toBeLessThanOrEqual(high + rounding);
      }),
    );
  });

  test("inverts: u → λ → u and λ → u → λ", () => {
    fc.assert(
      fc.property(anyTransform, moderate, (transform, at) => {
        const value = transform.value(at);
        const [low, high] = transform.interval;
        const back = transform.unconstrained(value);
        // One unit in the last place of λ is that much of u.
        const ulp = Number.EPSILON * Math.max(Math.abs(value), Number.isFinite(low) ? Math.abs(low) : 0, Number.isFinite(high) ? Math.abs(high) : 0); // prettier-ignore
        expect(Math.abs(back - at)).toBeLessThanOrEqual(
          (8 * ulp) / slopeOf(transform, at) + 1e-14 * Math.abs(at) + 1e-15,
        );
        expect(Math.abs(transform.value(back) - value)).toBeLessThanOrEqual(16 * ulp);
      }),
    );
  });

  test("rises", () => {
    fc.assert(
      fc.property(anyTransform, anyReal, anyReal, (transform, a, b) => {
        const [low, high] = a < b ? [a, b] : [b, a];
        expect(transform.value(low)).toBeLessThanOrEqual(transform.value(high));
        if (Math.abs(low) < 12 && Math.abs(high) < 12 && high - low > 1e-3) {
          expect(transform.value(low)).toBeLessThan(transform.value(high));
        }
      }),
    );
  });

  test("is the same map for tensors, with its derivative", () => {
    fc.assert(
      fc.property(anyTransform, moderate, (transform, at) => {
        const value = transform.value(at);
        expect(symbolic(transform, at)).toBeCloseTo(value, 9);
        const h = 1e-5;
        const numeric = (transform.value(at + h) - transform.value(at - h)) / (2 * h);
        const slope = slopeOf(transform, at);
        // The bounds' own size is lost in rounding, divided by the step.
        const scale = transform.interval.reduce((most, end) => (Number.isFinite(end) ? Math.max(most, Math.abs(end)) : most), Math.abs(value)); // prettier-ignore
        expect(Math.abs(slope - numeric)).toBeLessThanOrEqual(1e-8 * Math.abs(slope) + (1e-15 * scale) / h);
      }),
    );
  });

  test("the derivative of the inverse is one over the derivative", () => {
    fc.assert(
      fc.property(anyTransform, fc.double({ min: -3, max: 3, noNaN: true }), (transform, at) => {
        const [value, slope] = [transform.value(at), slopeOf(transform, at)];
        const h = 1e-5 * slope;
        const inverse = (transform.unconstrained(value + h) - transform.unconstrained(value - h)) / (2 * h);
        const lost = (1e-15 * Math.max(...transform.interval.filter(Number.isFinite).map(Math.abs), Math.abs(value))) / h; // prettier-ignore
        expect(Math.abs(inverse * slope - 1)).toBeLessThanOrEqual(1e-7 + lost);
      }),
    );
  });
});

test("by hand", () => {
  expect(transformOf({ transform: "log" }).value(0)).toBe(1);
  expect(transformOf({ transform: "softplus" }).value(0)).toBeCloseTo(Math.LN2, 15);
  expect(transformOf({ transform: "softplus" }).unconstrained(1)).toBeCloseTo(Math.log(Math.E - 1), 15);
  expect(transformOf({ transform: "logit" }).unconstrained(0.75)).toBeCloseTo(Math.log(3), 15);
  expect(transformOf({ bounds: [-1, 3] }).value(0)).toBe(1);
  expect(transformOf({ bounds: [-1, 3] }).name).toBe("bounds(-1, 3)");
  expect(transformOf({}).value(-7)).toBe(-7);
  // Where the naive formulas overflow or cancel.
  expect(transformOf({ transform: "softplus" }).value(800)).toBe(800);
  expect(transformOf({ transform: "softplus" }).unconstrained(800)).toBe(800);
  expect(transformOf({ transform: "softplus" }).unconstrained(1e-30)).toBeCloseTo(Math.log(1e-30), 12);
});

describe("is refused", () => {
  test.each([
    ["an unknown name", { transform: "cube" as "log" }, "cube"],
    ["bounds the wrong way round", { bounds: [2, 1] }, "[2, 1]"],
    ["equal bounds", { bounds: [2, 2] }, "[2, 2]"],
    ["an infinite bound", { bounds: [0, Infinity] }, "Infinity"],
    ["NaN", { bounds: [NaN, 1] }, "NaN"],
    ["bounds too far apart for their difference", { bounds: [-1e308, 1e308] }, "1e+308"],
    ["bounds beside a transform", { transform: "log", bounds: [1, 2] }, "[1, 2]"],
  ] as const)("%s", (_, options, part) => {
    expect(() => transformOf(options as TransformOptions)).toThrow(
      expect.objectContaining(failure("invalid-argument", part)),
    );
  });

  test.each([
    ["log", { transform: "log" }, 0],
    ["log", { transform: "log" }, -1],
    ["softplus", { transform: "softplus" }, 0],
    ["logit", { transform: "logit" }, 1],
    ["bounds", { bounds: [1, 2] }, 1],
    ["identity", {}, NaN],
    ["identity", {}, Infinity],
  ] as const)("a start outside the open interval: %s of %s", (_, options, value) => {
    const transform = transformOf(options as TransformOptions);
    const start = (): unknown => toUnconstrained(transform, Float64Array.of(1.5, value), "mine");
    expect(start).toThrow(expect.objectContaining(failure("invalid-argument", "mine starts at")));
  });
});
