import { afterAll, beforeAll, describe, test } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import { CLAUSES, expectRefusal, openBench, type Bench, type Clause } from "./clauses.ts";
import { LISTED, type Listed } from "./methods.ts";
import type { TinyName } from "./tiny.ts";

type ClauseName = keyof typeof CLAUSES;
export const ALL = Object.keys(CLAUSES) as ClauseName[];
/** The clauses that one run of a method answers: what is slow elsewhere is left to one engine. */
export const OF_ONE_RUN: readonly ClauseName[] = [
  "value, direct part and final state are plain training's",
  "a finite number for every coordinate, by name",
  "leaves the final state with the engine, and nothing else",
  "what claims to be exact equals central differences",
];

/** Every method under some clauses, on some tiny problems, on an engine. */
export function holdEveryMethod(
  name: string,
  open: () => Engine | Promise<Engine>,
  clauses: readonly ClauseName[],
  problems: readonly TinyName[],
): void {
  describe(name, () => {
    let engine: Engine;
    const benches = new Map<TinyName, Promise<Bench>>();
    beforeAll(async () => {
      engine = await open();
    });
    afterAll(() => engine.close());

    describe.each(problems)("%s", (problem) => {
      /** A clause, or, where the method refuses the problem, that it does so as it should. */
      async function check(clause: Clause, listed: Listed): Promise<void> {
        if (!benches.has(problem)) benches.set(problem, openBench(problem, engine, clauses === ALL));
        const bench = (await benches.get(problem))!;
        const single = engine.description.precision === "float32" ? listed.refusesFloat32 : undefined;
        const refusal = listed.refuses?.[problem] ?? single;
        await (refusal === undefined ? clause(bench, listed) : expectRefusal(bench, listed.make, refusal));
      }
      describe.each(LISTED)("%s", (_, listed) => {
        test.each(clauses)("%s", (clause) => check(CLAUSES[clause], listed));
      });
    });
  });
}
