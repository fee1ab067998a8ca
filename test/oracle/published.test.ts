import { afterAll, describe, expect, test } from "vitest";
import { nativeEngine } from "../../src/engine/onnx/session.ts";
import { checkHypergradient } from "../../src/hypergradient/check.ts";
import { drmad } from "../../src/hypergradient/drmad.ts";
import { reverse } from "../../src/hypergradient/reverse.ts";
import { loadReference, type ReferenceProblem } from "../reference/drmad-mnist.ts";
import { flat, numbersOf, relativeError, rolloutOf } from "./measure.ts";

const ROOT = process.env["DRMAD_DATA"]!;

describe.each([
  ["float64", 1e-9],
  ["float32", 2e-5],
] as const)("%s", (precision, tolerance) => {
  const engine = nativeEngine({ precision, threads: 1 });
  let reference: ReferenceProblem;
  afterAll(() => engine.close());
  test.each([20, 50, 100, 200, 500, 1000, 2000])(
    "T = %i",
    async (steps) => {
      reference ??= loadReference(ROOT, precision);
      let t0 = performance.now();
      const rollout = await rolloutOf(reference.experiment(steps), engine, { trustEngine: false });
      const exact = await numbersOf(rollout, reverse());
      const a = performance.now() - t0;
      t0 = performance.now();
      const published = await numbersOf(rollout, drmad({ samples: "T/10" }));
      console.log(
        precision,
        steps,
        a,
        performance.now() - t0,
        relativeError(flat(exact.gradient), reference.vector(`exact_${steps}`)),
        relativeError(flat(published.gradient), reference.vector(`drmad_published_${steps}`)),
      );
      expect(relativeError(flat(exact.gradient), reference.vector(`exact_${steps}`))).toBeLessThan(tolerance);
      expect(relativeError(flat(published.gradient), reference.vector(`drmad_published_${steps}`))).toBeLessThan(
        tolerance,
      );
    },
    120_000,
  );
});
describe("diff", () => {
  const engine = nativeEngine({ precision: "float64", threads: 1 });
  test.each([20, 200])(
    "T = %i",
    async (steps) => {
      const reference = loadReference(ROOT, "float64");
      const rollout = await rolloutOf(reference.experiment(steps), engine);
      const t0 = performance.now();
      const c = await checkHypergradient(rollout, reverse(), { directions: 2 });
      console.log(performance.now() - t0, JSON.stringify(c, null, 1));
    },
    120_000,
  );
});
