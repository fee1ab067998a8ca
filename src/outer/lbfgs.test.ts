import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { failure, formula, relativeError } from "../../test/oracle/measure.ts";
import { addPoints, dot, moved, normOf, type Point } from "../data/point.ts";
import { lbfgs, type LbfgsState } from "./lbfgs.ts";
import { isCurved, timesInverseHessian, type CurvaturePair } from "./two-loop.ts";

const at = (values: ArrayLike<number>): Point => ({ u: Float64Array.from(values) });
const zero = (n: number): Point => at(new Float64Array(n));

/** ½ (u − c)ᵀ A (u − c) with A = MᵀM + I/2. */
function quadratic(n: number, seed: number) {
  const m = formula(seed, n * n);
  const c = formula(seed + 1, n);
  const times = (v: ArrayLike<number>): Float64Array => {
    const mv = Float64Array.from({ length: n }, (_, i) => m.subarray(i * n, i * n + n).reduce((s, x, j) => s + x * v[j]!, 0)); // prettier-ignore
    return Float64Array.from({ length: n }, (_, j) => 0.5 * v[j]! + mv.reduce((s, x, i) => s + x * m[i * n + j]!, 0));
  };
  const away = (u: Point): Float64Array => u["u"]!.map((v, i) => v - c[i]!);
  return {
    centre: at(c),
    times: (p: Point): Point => at(times(p["u"]!)),
    gradient: (u: Point): Point => at(times(away(u))),
    value: (u: Point): number => dot(at(away(u)), at(times(away(u)))) / 2,
  };
}

const cases = fc.record({ n: fc.integer({ min: 1, max: 8 }), seed: fc.integer({ min: 1, max: 400 }) });

describe("the two-loop recursion", () => {
  test("with exact steps along its directions ends in as many steps as a quadratic has dimensions", () => {
    fc.assert(
      fc.property(cases, ({ n, seed }) => {
        const { centre, times, gradient } = quadratic(n, seed);
        let [u, pairs] = [zero(n), [] as CurvaturePair[]];
        const start = normOf(moved(u, centre, -1));
        for (let k = 0; k < n && normOf(moved(u, centre, -1)) > 1e-12 * start; k++) {
          const g = gradient(u);
          const d = pairs.length === 0 ? g : timesInverseHessian(g, pairs);
          const next = moved(u, d, -dot(g, d) / dot(d, times(d)));
          pairs = [...pairs, { step: moved(next, u, -1), change: moved(gradient(next), g, -1) }];
          u = next;
        }
        expect(normOf(moved(u, centre, -1))).toBeLessThan(1e-7 * start);
      }),
    );
  });

  test("satisfies the secant equation of the latest pair, and is symmetric and positive", () => {
    fc.assert(
      fc.property(cases, ({ n, seed }) => {
        const { times } = quadratic(n, seed);
        const pairs = [3, 4, 5].map((k) => {
          const step = at(formula(seed + k, n));
          return { step, change: times(step) };
        });
        fc.pre(pairs.every(isCurved));
        const [a, b] = [at(formula(seed + 8, n)), at(formula(seed + 9, n))];
        const secant = timesInverseHessian(pairs[2]!.change, pairs);
        expect(relativeError(secant["u"]!, pairs[2]!.step["u"]!)).toBeLessThan(1e-9);
        const [ha, hb] = [timesInverseHessian(a, pairs), timesInverseHessian(b, pairs)];
        expect(Math.abs(dot(ha, b) - dot(a, hb))).toBeLessThan(1e-9 * normOf(ha) * normOf(b) + 1e-12);
        expect(dot(ha, a)).toBeGreaterThan(0);
      }),
    );
  });

  test("takes no pair whose curvature is downward, flat or rounding", () => {
    const step = at([1, 0]);
    for (const change of [
      [-1, 0],
      [0, 1],
      [1e-9, 1],
      [0, 0],
    ])
      expect(isCurved({ step, change: at(change) })).toBe(false);
    expect(isCurved({ step, change: at([1e-7, 1]) })).toBe(true);
  });
});

interface Valley {
  gradient(u: Point): Point;
  value(u: Point): number;
}

/** The points visited, with losses told. */
function descend({ gradient, value }: Valley, start: Point, steps: number, options = { rate: 0.5 }): Point[] {
  const optimizer = lbfgs(options);
  const points = [start];
  for (let k = 0, state: LbfgsState = optimizer.init(start); k < steps; k++) {
    const u = points.at(-1)!;
    const update = optimizer.update(gradient(u), state, value(u));
    state = update.state;
    points.push(addPoints(u, update.change));
  }
  return points;
}

const rosenbrock: Valley = {
  value: ({ u }) => 100 * (u![1]! - u![0]! ** 2) ** 2 + (1 - u![0]!) ** 2,
  gradient: ({ u }) => {
    const [x, y] = u as unknown as [number, number];
    return at([-400 * x * (y - x * x) - 2 * (1 - x), 200 * (y - x * x)]);
  },
};

describe("lbfgs", () => {
  test("reaches the minimum of any quadratic without a line search", () => {
    fc.assert(
      fc.property(cases, ({ n, seed }) => {
        const valley = quadratic(n, seed);
        const points = descend(valley, zero(n), 6 * n + 14);
        expect(normOf(moved(points.at(-1)!, valley.centre, -1))).toBeLessThan(1e-5 * normOf(valley.centre));
      }),
    );
  });

  test("follows Rosenbrock's valley to its end", () => {
    const end = descend(rosenbrock, at([-1.2, 1]), 90).at(-1)!;
    expect(relativeError(end["u"]!, [1, 1])).toBeLessThan(1e-6);
  });

  test("begins with a step of the rate, however long the gradient, and takes none longer than allowed", () => {
    const points = descend(rosenbrock, at([-1.2, 1]), 60, { rate: 0.1, longest: 0.15 } as { rate: number });
    const lengths = points.slice(1).map((u, k) => normOf(moved(u, points[k]!, -1)));
    expect(lengths[0]).toBeCloseTo(0.1, 12);
    expect(Math.max(...lengths)).toBeCloseTo(0.15, 12);
  });

  test("goes back half of a step that raised the loss, and again", () => {
    const optimizer = lbfgs({ rate: 8 });
    let [u, state] = [0, optimizer.init(at([0]))];
    // The loss that is told; gradients are those of (u − 0.9)².
    const visited = [5, 9, 8, 7, 3].map((value) => {
      const update = optimizer.update(at([2 * (u - 0.9)]), state, value);
      state = update.state;
      return (u += update.change["u"]![0]!);
    });
    expect(visited.slice(0, 4)).toEqual([8, 4, 2, 1]);
    // The curvature that was learnt meanwhile is exact.
    expect(visited[4]).toBeCloseTo(0.9, 12);
  });

  test("does not halve for ever, and takes its steps where no losses are told", () => {
    const optimizer = lbfgs({ rate: 1 });
    let state = optimizer.update(at([1]), optimizer.init(at([0])), 0).state;
    const changes = Array.from({ length: 7 }, () => {
      const update = optimizer.update(at([1]), state, 1);
      state = update.state;
      return update.change["u"]![0]!;
    });
    expect(changes).toEqual([0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625, -0.015625]);
    const unheard = optimizer.update(at([1]), optimizer.update(at([1]), optimizer.init(at([0]))).state);
    expect(unheard.change["u"]![0]).toBe(-1);
  });

  test("keeps no more pairs than its memory, and only curved ones", () => {
    const optimizer = lbfgs({ rate: 1, memory: 2 });
    let state = optimizer.init(at([0, 0]));
    for (const g of [
      [4, 4],
      [3, 1],
      [1, 0.5],
      [0.5, 0.1],
    ])
      state = optimizer.update(at(g), state).state;
    expect(state.pairs).toHaveLength(2);
    // Along the last step the gradient grows the wrong way.
    const before = state;
    state = optimizer.update(at(moved(at([0.5, 0.1]), state.last!.change, -2)["u"]!), state).state;
    expect(state.pairs).toEqual(before.pairs);
  });

  test.each([
    [{ rate: 1, memory: 0 }, "memory 0"],
    [{ rate: 1, memory: 1.5 }, "memory 1.5"],
    [{ rate: 1, longest: 0 }, "longest 0"],
    [{ rate: NaN }, "rate NaN"],
  ])("refuses %j", (options, part) => {
    expect(() => lbfgs(options)).toThrow(expect.objectContaining(failure("invalid-argument", part)));
  });
});
