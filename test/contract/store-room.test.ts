import { describe, expect, test } from "vitest";
import type { Store } from "../../src/store/store.ts";
import { fold, nothingYet, type StudyEvent } from "../../src/study/state.ts";
import { buildFirst } from "../cli/run-cli.ts";
import { write } from "../faults/write.ts";
import { failure } from "../oracle/measure.ts";
import { begun, postgres, sqlite, start, step, STEPS, storesOf } from "./stores.ts";

const long = (count: number): StudyEvent[] =>
  Array.from({ length: count }, (_, n) => step(n, n === 2 ? 1 : 9 - n / 10, n === 0 || n === 2));
const stepsWithArrays = async (store: Store, name = "one"): Promise<number[]> => {
  const kept = [];
  for (const { sequence, event } of await store.events(name))
    if (event.type === "step" && Object.keys(await store.tensors(name, sequence)).length > 0) kept.push(event.step);
  return kept;
};
const withKeep = async (store: Store, keep: string, count: number, name = "one") => {
  await store.create({ name, experiment: "e", options: { keep } });
  const claim = await store.claim(name);
  for (const event of [start, ...long(count)]) await claim.append([event]);
  return claim;
};

describe.each([sqlite, postgres])("$name", (kind) => {
  buildFirst();
  const { place, here, behind, filesOf } = storesOf(kind);

  describe("room", () => {
    test.each([
      ["all", [0, 1, 2, 3, 4, 5, 6, 7, 8]],
      ["every:3", [0, 2, 3, 6, 8]],
      ["last:2", [0, 2, 7, 8]],
      ["last:1", [0, 2, 8]],
    ])(
      "a study that keeps %s has the arrays of those steps, of the first, the best and the last",
      async (keep, kept) => {
        const store = await here();
        const claim = await withKeep(store, keep, 9);
        expect(await stepsWithArrays(store)).toEqual(kept);
        const whole = [start, ...long(9)].reduce(fold, nothingYet);
        const found = await store.state("one");
        expect([found.bestPoint, found.last, found.steps]).toEqual([whole.bestPoint, whole.last, whole.steps]);
        const lasting = (await filesOf()).filter((file) => !file.includes("optimizer"));
        expect(lasting).toHaveLength(kept.length + 1);
        expect(await store.event("one", 1)).toHaveProperty("kept");
        expect((await store.event("one", 2)) as object).toHaveProperty(keep === "all" ? "kept" : "valid");
        await claim.release("stopped");
        await claim.release();
        expect((await (await here()).claim("one")).from.last).toEqual(whole.last);
      },
    );

    test("is made by a rule for later, beside a process that writes, and a look removes nothing", async () => {
      const store = await here();
      const claim = await withKeep(store, "all", 8);
      const other = await here();
      const files = await filesOf();
      const would = await other.clean({ keep: "last:1", dryRun: true });
      expect(would).toMatchObject([{ study: "one", what: "steps", files: 5 }]);
      expect(would[0]!.bytes).toBeGreaterThan(5 * 100);
      expect(await filesOf()).toEqual(files);
      expect(await other.clean({ keep: "last:1" })).toEqual(would);
      expect(await stepsWithArrays(store)).toEqual([0, 2, 7]);
      await claim.append([step(8, 9, false)]);
      expect(await stepsWithArrays(store)).toEqual([0, 2, 8]);
      expect((await store.state("one")).steps).toHaveLength(9);
      expect(await other.clean()).toEqual([]);
    });

    test("is made of what an interruption left, but not of a study that says that it runs", async () => {
      const store = await here();
      const claim = await begun(store, "one", ...STEPS);
      const before = await filesOf();
      const { bytes } = await behind();
      const [study] = await bytes.studies();
      await bytes.write(`${study}/000009-1.safetensors`, Buffer.from("torn"));
      expect(await store.clean()).toEqual([]);
      await claim.release("stopped");
      expect(await store.clean()).toEqual([{ study: "one", what: "leftovers", files: 1, bytes: 4 }]);
      expect(await filesOf()).toEqual(before);
    });

    test("is made by removing a study that nobody runs, for good", async () => {
      const store = await here();
      const claim = await begun(store, "one", ...STEPS);
      await begun(store, "two", ...STEPS);
      await expect(store.remove("one")).rejects.toMatchObject(failure("study-running", "runs"));
      await claim.release("done");
      const files = (await filesOf()).length;
      expect(await store.remove("one", { dryRun: true })).toMatchObject({ study: "one", what: "study", files: 5 });
      expect(await filesOf()).toHaveLength(files);
      await store.remove("one");
      expect(await filesOf()).toHaveLength(files - 5);
      await expect(store.get("one")).rejects.toMatchObject(failure("study-not-found"));
      await expect(claim.append([STEPS[0]!])).rejects.toMatchObject({ code: expect.stringMatching(/study-lost|write-failed/) }); // prettier-ignore
      expect((await store.state("two")).steps).toHaveLength(3);
      await expect(store.remove("none")).rejects.toMatchObject(failure("study-not-found"));
      await expect(store.clean({ keep: "some" as never })).rejects.toMatchObject(failure("invalid-argument"));
    });
  });

  describe("several processes with one store", () => {
    test("two that write and one that reads: none is ever told that it is locked", async () => {
      const steps = 60;
      const writers = { over: false };
      const store = await here();
      const writing = Promise.all([write(place(), "a", steps), write(place(), "b", steps)]).finally(
        () => (writers.over = true),
      );
      let reads = 0;
      while (!writers.over) {
        for (const { name } of await store.list()) {
          const events = await store.events(name);
          expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, i) => i));
          const { steps: known } = await store.state(name);
          expect(known.map(({ step: n }) => n)).toEqual(known.map((_, i) => i));
          reads++;
        }
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      expect(await writing).toEqual(["0", "0"]);
      for (const name of ["a", "b"]) expect((await store.state(name)).steps).toHaveLength(steps);
      expect(reads).toBeGreaterThan(20);
    });

    test("of four that want one study, one gets it", async () => {
      const store = await here();
      await store.create({ name: "one", experiment: "e" });
      const ends = await Promise.all(Array.from({ length: 4 }, () => write(place(), "one", 5)));
      expect(ends.filter((end) => end === "0").length).toBeGreaterThanOrEqual(1);
      for (const end of ends) expect(end).toMatch(/^(0|study-running\n3)$/);
      const steps = (await store.events("one")).flatMap(({ event }) => (event.type === "step" ? [event.step] : []));
      expect(steps).toEqual(steps.map((_, i) => i));
      expect(steps.length % 5).toBe(0);
    });

    test("many open a new one at once", async () => {
      const stores = await Promise.all(Array.from({ length: 8 }, () => here()));
      await Promise.all(stores.map((store, i) => store.create({ name: `${i}`, experiment: "e" })));
      expect(await stores[0]!.list()).toHaveLength(8);
    });
  });
});
