import { addPoints, dot, normOf, type Point } from "../data/point.ts";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { failure } from "../../test/oracle/measure.ts";
import { type OuterOptimizer } from "./optimizer.ts";
import * as outer from "./outer.ts";

const at = (...values: number[]): Point => ({ a: Float64Array.from(values.slice(0, 1)), b: Float64Array.from(values.slice(1)) }); // prettier-ignore
const flat = (point: Point): number[] => Object.values(point).flatMap((values) => [...values]);

const loss = (p: Point): number => flat(p).reduce((sum, v, i) => sum + (i + 1) * (v - 0.5) ** 2, 0);

/** The points that an optimiser visits, given the gradient of each step. */
function visit(optimizer: OuterOptimizer, start: Point, gradients: readonly Point[]): number[][] {
  let point = start;
  let state = optimizer.init(start);
  return gradients.map((gradient) => {
    const update = optimizer.update(gradient, state);
    state = update.state;
    point = addPoints(point, update.change);
    return flat(point);
  });
}

describe("on known sequences", () => {
  test("sgd", () => {
    expect(visit(outer.sgd({ rate: 0.5 }), at(1, 2, 3), [at(2, 0, -4), at(1, 1, 1)])).toEqual([
      [0, 2, 5],
      [-0.5, 1.5, 4.5],
    ]);
  });

  test("sign", () => {
    expect(visit(outer.sign({ rate: 0.25 }), at(1, 2, 3), [at(1e-9, 0, -400)])).toEqual([[0.75, 2, 3.25]]);
  });

  test("adam: three steps by hand", () => {
    const [rate, g1, g2, g3] = [0.1, 2, -1, 0.5];
    const m = [0.1 * g1, 0.09 * g1 + 0.1 * g2, 0.081 * g1 + 0.09 * g2 + 0.1 * g3];
    const s = [
      0.001 * g1 ** 2,
      0.000999 * g1 ** 2 + 0.001 * g2 ** 2,
      0.998001e-3 * g1 ** 2 + 0.000999 * g2 ** 2 + 0.001 * g3 ** 2,
    ];
    const bias = [
      [0.1, 0.001],
      [0.19, 0.001999],
      [0.271, 0.002997001],
    ] as const;
    let x = 3;
    const expected = bias.map(([b1, b2], k) => (x -= (rate * m[k]!) / b1 / (Math.sqrt(s[k]! / b2) + 1e-8)));
    const visited = visit(outer.adam({ rate }), at(3), [at(g1), at(g2), at(g3)]);
    visited.forEach(([found], k) => expect(found).toBeCloseTo(expected[k]!, 13));
  });

  test("adam: the first step is the rate along the sign, however long the gradient", () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-4, max: 1e10, noNaN: true }), fc.boolean(), (size, negative) => {
        const g = negative ? -size : size;
        const [[found]] = visit(outer.adam({ rate: 0.05 }), at(0), [at(g)]) as [[number]];
        expect(found).toBeCloseTo(-0.05 * Math.sign(g), 4);
      }),
    );
  });

  test("rmsprop: three steps by hand, as PyTorch takes them", () => {
    const [rate, decay, g1, g2, g3] = [0.1, 0.99, 2, -1, 0.5];
    const s = [
      0.01 * g1 ** 2,
      0.0099 * g1 ** 2 + 0.01 * g2 ** 2,
      0.009801 * g1 ** 2 + 0.0099 * g2 ** 2 + 0.01 * g3 ** 2,
    ];
    let x = 3;
    const expected = [g1, g2, g3].map((g, k) => (x -= (rate * g) / (Math.sqrt(s[k]!) + 1e-8)));
    const visited = visit(outer.rmsprop({ rate, decay }), at(3), [at(g1), at(g2), at(g3)]);
    visited.forEach(([found], k) => expect(found).toBeCloseTo(expected[k]!, 13));
    // The first step is the rate over √(1 − ρ), along the sign.
    expect(visited[0]![0]).toBeCloseTo(2, 7);
  });

  test("maclaurinAdam: a constant gradient is followed with the steps that its code takes", () => {
    const visited = visit(outer.maclaurinAdam({ rate: 1 }), at(0), Array<Point>(6).fill(at(1e6)));
    const steps = visited.map(([x], k) => (visited[k - 1]?.[0] ?? 0) - x!);
    [1, 5.26, 3.69, 2.91, 2.44, 2.13].forEach((expected, k) => expect(steps[k]).toBeCloseTo(expected, 2));
  });

  test("maclaurinAdam: two steps by hand, in the code's own constants", () => {
    const [b1, b2, eps, lam, g1, g2] = [0.1, 0.01, 1e-4, 1e-4, 2, -3];
    const m1 = b1 * g1;
    const v1 = b2 * g1 ** 2;
    const x1 = -(m1 / 0.1) / (Math.sqrt(v1 / 0.01) + eps);
    const b1t = 1 - (1 - b1) * lam;
    const m2 = b1t * g2 + (1 - b1t) * m1;
    const v2 = b2 * g2 ** 2 + (1 - b2) * v1;
    const x2 = x1 - m2 / (1 - 0.81) / (Math.sqrt(v2 / (1 - 0.9801)) + eps);
    const visited = visit(outer.maclaurinAdam({ rate: 1 }), at(0), [at(g1), at(g2)]);
    [x1, x2].forEach((expected, k) => expect(visited[k]![0]).toBeCloseTo(expected, 13));
  });

  test("adam takes its own constants", () => {
    const optimizer = outer.adam({ rate: 1, first: 0, second: 0, epsilon: 1 });
    expect(visit(optimizer, at(0), [at(3), at(-1)])).toEqual([[-0.75], [-0.25]]);
  });
});

const written = (_: string, v: unknown): unknown => (v instanceof Float64Array ? { floats: [...v] } : v);
const read = (_: string, v: { floats?: number[] } | null): unknown =>
  v?.floats === undefined ? v : Float64Array.from(v.floats);

const APART: readonly OuterOptimizer[] = [
  outer.sgd({ rate: 0.1 }) as OuterOptimizer,
  outer.sign({ rate: 0.1 }) as OuterOptimizer,
  outer.adam({ rate: 0.1 }) as OuterOptimizer,
  outer.maclaurinAdam({ rate: 0.05 }) as OuterOptimizer,
  outer.rmsprop({ rate: 0.05 }) as OuterOptimizer,
];
const TOGETHER: readonly OuterOptimizer[] = [outer.lbfgs({ rate: 0.5 }) as OuterOptimizer];

describe.each([...APART, ...TOGETHER])("$name", (optimizer: OuterOptimizer) => {
  const start = at(1, -2, 3);
  const g = at(0.5, -1, 2);

  test("is pure: neither state nor gradient nor point is touched, the same again gives the same", () => {
    const state = optimizer.update(g, optimizer.init(start)).state;
    const copies = structuredClone([state, g, start]);
    const first = optimizer.update(g, state);
    expect(optimizer.update(g, state)).toEqual(first);
    expect([state, g, start]).toEqual(copies);
  });

  test("its state is plain data: it can be stored and go on", () => {
    const { state } = optimizer.update(g, optimizer.init(start));
    expect(optimizer.update(g, structuredClone(state))).toEqual(optimizer.update(g, state));
  });

  test("a zero gradient moves nothing", () => {
    expect(visit(optimizer, start, [at(0, 0, 0), at(0, 0, 0)])).toEqual([flat(start), flat(start)]);
  });

  test("goes down a valley", () => {
    let point = start;
    let state = optimizer.init(start);
    for (let k = 0; k < 200; k++) {
      const gradient = at(...flat(point).map((v, i) => 2 * (i + 1) * (v - 0.5)));
      const update = optimizer.update(gradient, state);
      [point, state] = [addPoints(point, update.change), update.state];
    }
    expect(loss(point)).toBeLessThan(0.05 * loss(start));
  });

  test("its state outlives being written as JSON", () => {
    const { state } = optimizer.update(g, optimizer.update(at(1, 1, -1), optimizer.init(start)).state);
    const restored = JSON.parse(JSON.stringify(state, written), read) as unknown;
    expect(optimizer.update(g, restored)).toEqual(optimizer.update(g, state));
  });

  test("another rate leaves the rest", () => {
    const other = optimizer.withRate!(0.25);
    expect(other.name).toContain("(0.25)");
    expect(other.withRate!(0.1).update(g, other.init(start))).toEqual(
      optimizer.withRate!(0.1).update(g, optimizer.init(start)),
    );
  });
});

test.each(APART)("coordinates do not see each other: $name", (optimizer) => {
  const [[a, b, c]] = visit(optimizer, at(1, -2, 3), [at(0.5, -1, 2)]) as [[number, number, number]];
  const [[c2, a2, b2]] = visit(optimizer, at(3, 1, -2), [at(2, 0.5, -1)]) as [[number, number, number]];
  expect([a2, b2, c2]).toEqual([a, b, c]);
});

test.each([0, -1, NaN, Infinity])("a rate of %d is refused", (rate) => {
  for (const make of [outer.sgd, outer.sign, outer.adam, outer.maclaurinAdam, outer.rmsprop, outer.lbfgs]) {
    expect(() => make({ rate })).toThrow(expect.objectContaining(failure("invalid-argument", `rate ${rate}`)));
  }
});

test("inner product and norm run over all tensors", () => {
  expect(dot(at(1, 2, 3), at(4, 5, 6))).toBe(32);
  expect(normOf(at(2, 3, 6))).toBe(7);
});
