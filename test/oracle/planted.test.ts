import { dot, mapPoint, type Point } from "../../src/data/point.ts";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import type { Dynamics } from "../../src/dynamics/dynamics.ts";
import { nativeEngine } from "../../src/engine/onnx/session.ts";
import { centralDifference } from "../../src/hypergradient/finite-difference.ts";
import { drmad } from "../../src/hypergradient/drmad.ts";
import type { Method } from "../../src/hypergradient/method.ts";
import { reverse } from "../../src/hypergradient/reverse.ts";
import { resolveProblem } from "../../src/problem/problem.ts";
import { createRollout } from "../../src/rollout/create.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { formula, numbersOf, relativeError } from "./measure.ts";
import { PLANTS, type Leg, type Sown } from "./plants.ts";
import { TORCH_CASES, type TorchCase } from "./torch-cases/cases.ts";

/**
 * The test of the tests: bugs are planted one by one, and a leg outside our own derivatives must go red each time.
 * A test's name says which legs catch its bug.
 */
const sown = vi.hoisted((): { bug: Sown } => ({ bug: {} }));
vi.mock("../../src/dynamics/momentum.ts", async (importActual) => {
  const { momentum } = await importActual<typeof import("../../src/dynamics/momentum.ts")>();
  return {
    momentum(settings: Parameters<typeof momentum>[0]): Dynamics {
      const actual = momentum(settings);
      return { ...actual, step: (...before) => (sown.bug.step ?? actual.step)(...before) };
    },
  };
});
vi.mock("../../src/autodiff/transform.ts", async (importActual) => {
  const actual = await importActual<typeof import("../../src/autodiff/transform.ts")>();
  const secondProduct: typeof actual.secondProduct = (y, xs, v, zs) => {
    const values = actual.secondProduct(y, xs, v, zs);
    return sown.bug.second?.(values, xs.length) ?? values;
  };
  return { ...actual, secondProduct };
});
vi.mock("../../src/tensor/elementwise.ts", async (importActual) => {
  const actual = await importActual<typeof import("../../src/tensor/elementwise.ts")>();
  const where: typeof actual.where = (condition, a, b) =>
    sown.bug.where?.(condition, a, b as Tensor) ?? actual.where(condition, a, b);
  const maximum: typeof actual.maximum = (a, b) => sown.bug.maximum?.(a as Tensor) ?? actual.maximum(a, b);
  return { ...actual, where, maximum };
});
afterEach(() => {
  sown.bug = {};
  vi.restoreAllMocks();
});

const engine = nativeEngine({ precision: "float64", threads: 1 });
afterAll(() => engine.close());

/** Right gradients agree far better than that on both legs, wrong ones far worse. */
const AGREED = 1e-6;

/** The legs that find a method wrong on a case; only what claims to be exact is compared with differences. */
async function redLegs({ experiment, point, found }: TorchCase, method: Method): Promise<Leg[]> {
  // Every chunk seems to take for ever, so that a run of forty steps has many.
  let clock = 0;
  vi.spyOn(performance, "now").mockImplementation(() => (clock += 1e9));
  const problem = await resolveProblem(experiment);
  const plain = createRollout(sown.bug.problem?.(problem) ?? problem, engine, { trustEngine: true }).at(point);
  const { gradient } = await numbersOf(sown.bug.rollout?.(plain) ?? plain, method);
  const expected = method.exact ? found.gradient : method.name === "drmad" ? found.drmad! : found.drmadTenth!;
  const names = Object.keys(expected);
  const error = relativeError(
    names.flatMap((name) => [...gradient[name]!]),
    names.flatMap((name) => expected[name]!),
  );
  const legs: Leg[] = error < AGREED ? [] : ["PyTorch"];
  if (!method.exact) return legs;
  for (const seed of [91, 92, 93]) {
    const numbers = formula(
      seed,
      Object.values(point).reduce((n, v) => n + v.length, 0),
    );
    let next = 0;
    const direction: Point = mapPoint(point, () => numbers[next++]!);
    const slope = dot(gradient, direction);
    const numeric = await centralDifference(plain, direction, 1e-5);
    if (!(Math.abs(slope - numeric) < AGREED * Math.abs(numeric))) return [...legs, "central differences"];
  }
  return legs;
}

const caseAt = (part: string): TorchCase => TORCH_CASES.find(({ found }) => found.name.includes(part))!;

describe("without a bug every leg is green", () => {
  test.each([...new Set(PLANTS.map(({ at }) => at))])("%s", async (at) => {
    const it = caseAt(at);
    expect(await redLegs(it, reverse())).toEqual([]);
    if (it.found.drmad !== undefined) expect(await redLegs(it, drmad())).toEqual([]);
    if (it.found.drmadTenth !== undefined) expect(await redLegs(it, drmad({ samples: "T/10" }))).toEqual([]);
  });
});

describe("a planted bug is caught", () => {
  test.each(
    PLANTS.map((plant) => [`${plant.method.name}: ${plant.name} | ${plant.caughtBy.join(", ")}`, plant] as const),
  )("%s", async (_, { at, method, sown: bug, caughtBy }) => {
    sown.bug = bug;
    expect(await redLegs(caseAt(at), method)).toEqual(caughtBy);
  });
});
