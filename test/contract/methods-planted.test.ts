import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nativeEngine } from "../../src/engine/onnx/session.ts";
import { DrmadError } from "../../src/errors.ts";
import type { Hypergradient, Method } from "../../src/hypergradient/method.ts";
import { reverse } from "../../src/hypergradient/reverse.ts";
import { truncated } from "../../src/hypergradient/truncated.ts";
import { mapPoint } from "../../src/data/point.ts";
import type { Point } from "../../src/data/point.ts";
import type { Rollout } from "../../src/rollout/rollout.ts";
import { CLAUSES, openBench, type Bench } from "./clauses.ts";
import { TINY_NAMES } from "./tiny.ts";

/** The test of the contract: methods that break one clause each, and the clause must go red. */
const engine = nativeEngine({ precision: "float64", threads: 1 });
let bench: Bench;
beforeAll(async () => {
  bench = await openBench(TINY_NAMES[1]!, engine);
});
afterAll(() => engine.close());

const broken = (run: (rollout: Rollout) => Promise<Hypergradient>) => (): Method => ({ ...reverse(), run });
/** reverse with another result. */
const giving = (change: (right: Hypergradient, rollout: Rollout) => object): (() => Method) =>
  broken(async (rollout) => {
    const right = await reverse().run(rollout);
    return { ...right, ...change(right, rollout) } as Hypergradient;
  });
const scaled = (point: Point, factor: number): Point => mapPoint(point, (v) => factor * v);

let calls = 0;
let remembered: Point | undefined;
const PLANTS: readonly (readonly [clause: keyof typeof CLAUSES, bug: string, make: () => Method])[] = [
  ["value, direct part and final state are plain training's", "a value one bit off", giving(({ value }) => ({ value: value * (1 + 2 ** -52) }))], // prettier-ignore
  ["value, direct part and final state are plain training's", "no direct part", giving(({ direct }) => ({ direct: scaled(direct, 0) }))], // prettier-ignore
  [
    "value, direct part and final state are plain training's",
    "the state of the start",
    broken(async (rollout) => {
      const { final, ...rest } = await reverse().run(rollout);
      rollout.free(final);
      return { ...rest, final: await rollout.start() };
    }),
  ],
  ["a finite number for every coordinate, by name", "a coordinate missing", giving(({ gradient }) => ({ gradient: { ...gradient, rate: gradient["rate"]!.subarray(1) } }))], // prettier-ignore
  ["a finite number for every coordinate, by name", "a tensor missing", giving(({ gradient: { rate } }) => ({ gradient: { rate } }))], // prettier-ignore
  ["a finite number for every coordinate, by name", "a number that is none", giving(({ gradient }) => ({ gradient: scaled(gradient, NaN) }))], // prettier-ignore
  ["leaves the final state with the engine, and nothing else", "a state left behind", broken((rollout) => rollout.start().then(() => reverse().run(rollout)))], // prettier-ignore
  ["leaves the final state with the engine, and nothing else", "a final state freed", giving(({ final }, rollout) => (rollout.free({ b: final["weights/0.b"]! }), {}))], // prettier-ignore
  ["the same bits again", "a call that remembers the one before", giving(({ gradient }) => ({ gradient: scaled(gradient, 1 + calls++) }))], // prettier-ignore
  ["at another point it is that point's, and back again", "the first point's result for ever", giving(({ gradient }) => ({ gradient: (remembered ??= gradient) }))], // prettier-ignore
  [
    "the same bits in chunks of any length",
    "a result that the lengths of chunks have a say in",
    broken(async (rollout) => {
      const start = await rollout.start();
      const { final, kept } = await rollout.train(start, { keep: ["weights/0.b"] });
      rollout.free(start, final, ...kept.map(({ tensors }) => tensors));
      const right = await reverse().run(rollout);
      return { ...right, gradient: scaled(right.gradient, 1 + kept.length * 1e-15) };
    }),
  ],
  [
    "progress never goes back, and comes to its end",
    "a training more than it says",
    broken(async (rollout) => {
      rollout.free((await reverse().run(rollout)).final);
      return reverse().run(rollout);
    }),
  ],
  [
    "cancelled at any sign of progress, it says so and leaves nothing",
    "a start that is not freed",
    broken(async (rollout) => {
      const start = await rollout.start();
      const right = await reverse().run(rollout);
      rollout.free(start);
      return right;
    }),
  ],
  [
    "cancelled at any sign of progress, it says so and leaves nothing",
    "an error of no code",
    broken((rollout) => reverse().run(rollout).catch((error: unknown) => Promise.reject(new Error("failed", { cause: error })))), // prettier-ignore
  ],
  [
    "where training diverges it is a typed error, and leaves nothing",
    "an error that says nothing to do",
    broken((rollout) =>
      reverse()
        .run(rollout)
        .catch(() => Promise.reject(new DrmadError("non-finite", "no number"))),
    ),
  ],
  ["what claims to be exact equals central differences", "a truncation that claims to be exact", broken((rollout) => truncated({ steps: 18 }).run(rollout))], // prettier-ignore
  ["what claims to be exact equals central differences", "one number of many is off by a millionth and a half", giving(({ gradient }) => ({ gradient: mapPoint(gradient, (v, name, i) => (name === "rate" && i === 4 ? v * (1 + 1.5e-6) : v)) }))], // prettier-ignore
];

test("reverse itself keeps every clause", async () => {
  const right = { make: reverse };
  for (const clause of Object.values(CLAUSES)) await clause(bench, right);
});

test("a bug is planted for every clause", () => {
  expect([...new Set(PLANTS.map(([clause]) => clause))].sort()).toEqual(Object.keys(CLAUSES).sort());
});

describe("red", () => {
  test.each(PLANTS)("%s: %s", async (clause, _, make) => {
    calls = 0;
    remembered = undefined;
    await expect(CLAUSES[clause](bench, { make })).rejects.toThrow();
  });
});
