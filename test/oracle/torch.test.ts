import type { Point } from "../../src/data/point.ts";
import { afterAll, describe, expect, test } from "vitest";
import { nativeEngine } from "../../src/engine/onnx/session.ts";
import { referenceEngine } from "../../src/engine/reference/engine.ts";
import { drmad } from "../../src/hypergradient/drmad.ts";
import type { Method } from "../../src/hypergradient/method.ts";
import { reverse } from "../../src/hypergradient/reverse.ts";
import { numbersOf, relativeError, rolloutOf, type Numbers } from "./measure.ts";
import { TORCH_CASES, type Listed, type TorchCase } from "./torch-cases/cases.ts";

/** Numbers from outside, in any clone: PyTorch's float64 hypergradients of small problems (torch-cases/generate.py). */
const ENGINES = [
  ["native float64", nativeEngine({ precision: "float64", threads: 1 }), 1e-11],
  ["reference", referenceEngine(), 1e-11],
  ["native float32", nativeEngine({ precision: "float32", threads: 1 }), 1e-5],
] as const;
afterAll(() => Promise.all(ENGINES.map(([, engine]) => engine.close())));

const withNumbers = (of: (found: TorchCase["found"]) => Listed | undefined): [string, TorchCase, Listed][] =>
  TORCH_CASES.flatMap((it) => {
    const expected = of(it.found);
    return expected === undefined ? [] : [[it.found.name, it, expected]];
  });

test("the generator wrote a case for each problem stated here", () => {
  expect(withNumbers((found) => found.gradient)).toHaveLength(4);
  expect(withNumbers((found) => found.drmad)).toHaveLength(3);
  expect(withNumbers((found) => found.drmadTenth)).toHaveLength(1);
});

describe.each(ENGINES)("%s", (_, engine, tolerance) => {
  const numbers = async ({ experiment, point }: TorchCase, method: Method): Promise<Numbers> =>
    numbersOf((await rolloutOf(experiment, engine, { trustEngine: false })).at(point), method);

  /** The whole vector, and every tensor apart, so that a small one's fault cannot hide behind a large one. */
  function expectGradient(got: Point, expected: Listed): void {
    expect(Object.keys(got).sort()).toEqual(Object.keys(expected).sort());
    const names = Object.keys(expected);
    const all = names.flatMap((name) => expected[name]!);
    expect(relativeError(names.flatMap((name) => [...got[name]!]), all)).toBeLessThan(tolerance); // prettier-ignore
    for (const name of names) {
      expect(relativeError(got[name]!, expected[name]!), name).toBeLessThan(10 * tolerance);
    }
  }

  test.each(withNumbers((found) => found.gradient))("reverse: %s", async (_, it, expected) => {
    const { value, gradient, direct } = await numbers(it, reverse());
    expect(relativeError([value], [it.found.value])).toBeLessThan(tolerance);
    expectGradient(gradient, expected);
    expectGradient(direct, it.found.direct);
  });

  test.each(withNumbers((found) => found.drmad))("drmad: %s", async (_, it, expected) => {
    expectGradient((await numbers(it, drmad())).gradient, expected);
  });

  test.each(withNumbers((found) => found.drmadTenth))("drmad T/10: %s", async (_, it, expected) => {
    expectGradient((await numbers(it, drmad({ samples: "T/10" }))).gradient, expected);
  });
});
