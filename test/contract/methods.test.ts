import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openEngine } from "../../src/engine/choose.ts";
import type { Engine, Precision } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/onnx/session.ts";
import { referenceEngine } from "../../src/engine/reference/engine.ts";
import { CLAUSES, expectRefusal, openBench, type Bench, type Clause } from "./clauses.ts";
import { METHODS, type Listed } from "./methods.ts";
import { TINY_NAMES, type TinyName } from "./tiny.ts";

/** Every method, on every tiny problem, on every engine: what all of them owe. */
const native = (precision: Precision): Engine => nativeEngine({ precision, threads: 1 });
const hosted = async (precision: Precision): Promise<Engine> =>
  (await openEngine({ engine: "native", precision, worker: true })).engine;

const ALL = Object.keys(CLAUSES) as (keyof typeof CLAUSES)[];
/** The clauses that one run of a method answers: what is slow elsewhere is left to one engine. */
const OF_ONE_RUN: typeof ALL = [
  "value, direct part and final state are plain training's",
  "a finite number for every coordinate, by name",
  "leaves the final state with the engine, and nothing else",
  "what claims to be exact equals central differences",
];
const ENGINES: readonly (readonly [
  name: string,
  open: () => Engine | Promise<Engine>,
  clauses: typeof ALL,
  problems: readonly TinyName[],
])[] = [
  ["native float64", () => native("float64"), ALL, TINY_NAMES],
  ["native float32", () => native("float32"), OF_ONE_RUN, TINY_NAMES],
  ["reference", referenceEngine, OF_ONE_RUN, TINY_NAMES],
  ["native float32 in a thread of its own", () => hosted("float32"), ALL, [TINY_NAMES[2]!]],
  ["native float64 in a thread of its own", () => hosted("float64"), OF_ONE_RUN, [TINY_NAMES[0]!, TINY_NAMES[1]!]],
];
const LISTED = Object.values(METHODS).flatMap((calls) => calls.map((listed) => [listed.make().name, listed] as const));

describe.each(ENGINES)("%s", (_, open, clauses, problems) => {
  let engine: Engine;
  const benches = new Map<TinyName, Promise<Bench>>();
  beforeAll(async () => {
    engine = await open();
  });
  afterAll(() => engine.close());

  describe.each(problems)("%s", (name) => {
    /** A clause, or, where the method refuses the problem, that it does so as it should. */
    async function check(clause: Clause, listed: Listed): Promise<void> {
      if (!benches.has(name)) benches.set(name, openBench(name, engine));
      const bench = (await benches.get(name))!;
      const single = engine.description.precision === "float32" ? listed.refusesFloat32 : undefined;
      const refusal = listed.refuses?.[name] ?? single;
      await (refusal === undefined ? clause(bench, listed) : expectRefusal(bench, listed.make, refusal));
    }
    describe.each(LISTED)("%s", (_, listed) => {
      test.each(clauses)("%s", (clause) => check(CLAUSES[clause], listed));
    });
  });
});

test("on every problem something is exact, and something refuses elsewhere what it cannot serve", () => {
  expect(LISTED.filter(([, { make }]) => make().exact)).toHaveLength(5);
  for (const name of TINY_NAMES.slice(1)) expect(LISTED.some(([, { refuses }]) => refuses?.[name])).toBe(true);
});
