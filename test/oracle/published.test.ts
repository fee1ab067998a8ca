import { afterAll, describe, expect, test } from "vitest";
import { nativeEngine } from "../../src/engine/onnx/session.ts";
import { checkHypergradient } from "../../src/hypergradient/check.ts";
import { drmad } from "../../src/hypergradient/drmad.ts";
import { reverse } from "../../src/hypergradient/reverse.ts";
import { needs } from "../optional.ts";
import { loadReference, type ReferenceProblem } from "../reference/drmad-mnist.ts";
import { flat, numbersOf, relativeError, rolloutOf } from "./measure.ts";

/** The published DrMAD problem, 44,860 hyperparameters, against hypergradients that four PyTorch programs agree on. */
const ROOT = process.env["DRMAD_DATA"];
needs(() => (ROOT === undefined ? "DRMAD_DATA names no folder with the reference problem" : undefined));
const MINUTES = 60_000;

describe.each([
  ["float64", 1e-9],
  ["float32", 2e-5],
] as const)("%s", (precision, tolerance) => {
  const engine = nativeEngine({ precision, threads: 1 });
  let loaded: ReferenceProblem | undefined;
  const reference = (): ReferenceProblem => (loaded ??= loadReference(ROOT!, precision));
  afterAll(async () => {
    loaded = undefined;
    await engine.close();
  });

  test.each([20, 50, 100, 200, 500, 1000, 2000])(
    "T = %i: reverse is exact, drmad with T/10 samples is the published one",
    { timeout: 2 * MINUTES },
    async (steps) => {
      // The engine is compared with the reference interpreter once: programs differ in T alone.
      const rollout = await rolloutOf(reference().experiment(steps), engine, { trustEngine: steps > 20 });
      const exact = await numbersOf(rollout, reverse());
      expect(relativeError(flat(exact.gradient), reference().vector(`exact_${steps}`))).toBeLessThan(tolerance);
      const published = await numbersOf(rollout, drmad({ samples: "T/10" }));
      const expected = reference().vector(`drmad_published_${steps}`);
      expect(relativeError(flat(published.gradient), expected)).toBeLessThan(tolerance);
      expect(rollout.unverified).toEqual([]);
    },
  );

  if (precision !== "float64") return;
  test.each([20, 200])(
    "T = %i: reverse agrees with central differences, whose error falls fourfold with the step halved",
    { timeout: 3 * MINUTES },
    async (steps) => {
      const rollout = await rolloutOf(reference().experiment(steps), engine);
      const check = await checkHypergradient(rollout, reverse(), { directions: 2, tolerance: 1e-6 });
      expect(check.deterministic).toBe(true);
      expect(check.directions.map(({ direction }) => direction)).toEqual(["gradient", "random 1", "random 2"]);
      for (const { direction, best, roundingFloor, fall, passed } of check.directions) {
        expect(passed, direction).toBe(true);
        expect(best.error, direction).toBeLessThan(Math.max(1e-6, 4 * roundingFloor));
        expect(Math.abs(fall! - 4), direction).toBeLessThan(0.2);
      }
    },
  );
});
