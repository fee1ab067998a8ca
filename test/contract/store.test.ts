import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, test } from "vitest";
import type { Store } from "../../src/store/store.ts";
import { fold, nothingYet, type StudyEvent } from "../../src/study/state.ts";
import { failure } from "../oracle/measure.ts";
import { startEvent } from "../server/studies.ts";
import { begun, point, postgres, sqlite, start, step, STEPS, storesOf } from "./stores.ts";

describe.each([sqlite, postgres])("$name", (kind) => {
  const { place, here, behind, filesOf } = storesOf(kind);

  describe("a store", () => {
    test("gives back the state that was folded, from any process", async () => {
      const store = await here();
      await begun(store, "one", ...STEPS);
      const { last, bestPoint, ...rest } = await (await here()).state("one");
      const whole = [start, ...STEPS].reduce(fold, nothingYet);
      expect(bestPoint).toEqual(whole.bestPoint);
      expect(last).toEqual(whole.last);
      expect(rest.steps).toEqual(whole.steps);
      expect(Object.is(rest.steps[0]!.train.loss, -0)).toBe(true);
      expect(Object.is(last!.point["u"]![1], -0)).toBe(true);
      expect(rest.best).toBe(1);
    });

    test("before its first step, the state is where it starts", async () => {
      const store = await here();
      await begun(store);
      expect((await store.state("one")).start).toEqual({ point: point(0), optimizer: { k: 0 } });
    });

    test("lists studies with what a list needs, newest first", async () => {
      const store = await here();
      await store.create({
        name: "waiting",
        experiment: "e",
        tags: ["a", "b"],
        notes: "n",
        source: "abc",
        options: { k: 1 },
      });
      await begun(store, "one", ...STEPS);
      const [one, waiting] = await store.list();
      expect(waiting).toMatchObject({
        state: "waiting",
        tags: ["a", "b"],
        notes: "n",
        options: { k: 1 },
        steps: 0,
        best: null,
      });
      expect(waiting!.hash).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
      expect(one).toMatchObject({ name: "one", state: "running", steps: 3, outerSteps: 3, best: { step: 1, loss: 2 }, startLoss: 5 }); // prettier-ignore
      expect(await store.get("one")).toEqual(one);
    });

    test("keeps a summary of each tensor, and of the optimiser's states the latest only", async () => {
      const store = await here();
      await begun(store, "one", ...STEPS);
      const { db } = await behind();
      const rows = await db.selectFrom("tensors").selectAll().orderBy("sequence").orderBy("name").execute();
      const value = rows.find(({ name, step: at }) => name === "values/u" && at === 2)!;
      expect(value).toMatchObject({ dtype: "F64", shape: "[3,1]", least: 2, most: 4, mean: 8 / 3, part: "lasting" });
      const counts = JSON.parse(value.histogram!) as number[];
      expect([counts[0], counts.at(-1), counts.reduce((a, b) => a + b)]).toEqual([2, 1, 3]);
      expect(new Set(rows.filter(({ part }) => part === "passing").map(({ sequence }) => sequence))).toEqual(
        new Set([3]),
      );
      expect((await filesOf()).filter((file) => file.includes("optimizer"))).toHaveLength(1);
      expect(new Set(rows.map(({ file }) => file.split("/")[1]))).toEqual(new Set(await filesOf()));
    });

    test("draws values and hypergradients as it keeps them, in a claim that goes on and in an import too", async () => {
      const store = await here();
      const at = { point: point(0), optimizer: { k: 0 } };
      const told = { ...startEvent, at, tensors: [{ name: "u", shape: [3, 1], perStep: true, transform: "identity" }] } as StudyEvent; // prettier-ignore
      await store.create({ name: "one", experiment: "e" });
      const first = await store.claim("one");
      for (const event of [told, ...STEPS.slice(0, 2)]) await first.append([event]);
      await first.release("stopped");
      const next = await store.claim("one");
      await next.append([STEPS[2]!]);
      await next.release("stopped");
      const found = await store.thumbnails("one", "values/u", 100);
      expect([found.kept, found.least, found.most]).toEqual([3, 0, 4]);
      expect(found.frames.map((frame) => frame.step)).toEqual([0, 1, 2]);
      // Steps of training lie to the right.
      for (const { thumbnail } of found.frames) expect(thumbnail).toMatchObject({ rows: 1, columns: 3 });
      expect([...found.frames[2]!.thumbnail!.levels]).toEqual([0, 0, 253]);
      const gradient = await store.thumbnails("one", "kept/found/gradient/u", 100);
      expect(gradient.frames[1]!.thumbnail).toMatchObject({ warp: "signed", least: -1, most: -0 });
      expect(gradient.frames[1]!.thumbnail!.levels[2]).toBe(254);
      for (const path of ["kept/point/u", "kept/optimizer/mean/u"])
        expect((await store.thumbnails("one", path, 100)).frames.at(-1)).toEqual({ step: 2, thumbnail: null });
      expect((await store.thumbnails("one", "values/none", 100)).frames).toEqual([]);
      // Of many, both ends and the best.
      expect((await store.thumbnails("one", "values/u", 2)).frames.map((frame) => frame.step)).toEqual([0, 1, 2]);
      await store.importStudy(await store.exportStudy("one"), { as: "two" });
      for (const path of ["values/u", "kept/found/gradient/u"])
        expect(await store.thumbnails("two", path, 100)).toEqual(await store.thumbnails("one", path, 100));
    });

    test("gives the events from a number on, and their arrays", async () => {
      const store = await here();
      await begun(store, "one", ...STEPS);
      const events = await store.events("one", 2);
      expect(events.map(({ sequence, event }) => [sequence, event.type])).toEqual([[2, "step"], [3, "step"]]); // prettier-ignore
      expect(events[0]!.event).not.toHaveProperty("kept");
      expect(Object.keys(await store.tensors("one", 1)).sort()).toEqual(["kept/found/gradient/u", "kept/point/u", "values/u"]); // prettier-ignore
    });

    test("many tensors in one step are kept", async () => {
      const store = await here();
      const many = Object.fromEntries(Array.from({ length: 700 }, (_, i) => [`u${i}`, Float64Array.of(i)]));
      const big = { ...(step(0, 1, true) as object), kept: { point: many, optimizer: null } } as unknown as StudyEvent;
      await begun(store, "one", big);
      expect((await store.state("one")).bestPoint).toEqual(many);
    });

    test.each([
      ["a name that is there", async (store: Store) => begun(store).then(() => begun(store)), "study-exists"],
      ["a name that is not", (store: Store) => store.get("none"), "study-not-found"],
      ["an empty name", (store: Store) => store.create({ name: " ", experiment: "e" }), "invalid-argument"],
      ["a name of two lines", (store: Store) => store.create({ name: "a\nb", experiment: "e" }), "invalid-argument"],
      ["a long name", (store: Store) => store.create({ name: "a".repeat(201), experiment: "e" }), "invalid-argument"],
    ] as const)("%s is refused", async (_, act, code) => {
      await expect(act(await here())).rejects.toMatchObject(failure(code));
    });

    test("is not made where none shall be", async () => {
      await expect(here({ create: false })).rejects.toMatchObject(failure("file-not-found", "there is no store"));
      if (kind === sqlite) expect(existsSync(dirname(place()))).toBe(false);
      else expect(await (await behind()).dialect.tableNames((await behind()).db)).toEqual([]);
    });
  });

  describe("a study is written by one process at a time", () => {
    test("one that lives is locked", async () => {
      const store = await here();
      const claim = await begun(store);
      await expect((await here()).claim("one")).rejects.toMatchObject(failure("study-running", "sign of life was"));
      await claim.release("stopped");
      expect((await store.get("one")).state).toBe("stopped");
      expect((await (await here()).claim("one")).from.info).toMatchObject({ outerSteps: 3 });
    });

    test("one without a sign of life is stale, and whoever takes it shuts the former one out", async () => {
      const store = await here({ staleSeconds: 0.2 });
      const former = await begun(store, "one", STEPS[0]!);
      expect((await store.get("one")).state).toBe("running");
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect((await store.get("one")).state).toBe("stale");
      const claim = await store.claim("one");
      await claim.append([STEPS[1]!]);
      await expect(former.append([STEPS[1]!])).rejects.toMatchObject(failure("study-lost"));
      await expect(former.beat()).rejects.toMatchObject(failure("study-lost"));
      await former.release("failed");
      expect((await store.get("one")).state).toBe("running");
      expect((await store.state("one")).steps).toHaveLength(2);
      expect((await filesOf()).filter((file) => file.includes("-1-optimizer"))).toEqual([]);
    });

    test("a sign of life from a clock that was set back since does not lock it", async () => {
      const store = await here();
      await begun(store);
      const { db } = await behind();
      await db
        .updateTable("studies")
        .set({ heartbeat: Date.now() + 3_600_000 })
        .execute();
      expect((await store.get("one")).state).toBe("stale");
    });

    test("one whose process is gone is stale at once", async () => {
      const store = await here();
      await begun(store);
      const { db } = await behind();
      const { owner } = await db.selectFrom("studies").select("owner").executeTakeFirstOrThrow();
      const [machine] = JSON.parse(owner!) as [string, number];
      // Above the highest number that Linux gives.
      await db.updateTable("studies").set({ owner: JSON.stringify([machine, 2 ** 22 + 1]) }).execute(); // prettier-ignore
      expect((await store.get("one")).state).toBe(process.platform === "linux" ? "stale" : "running");
      await db.updateTable("studies").set({ owner: JSON.stringify(["another machine", 2 ** 22 + 1]) }).execute(); // prettier-ignore
      expect((await store.get("one")).state).toBe("running");
    });

    test("what an interruption left uncommitted is removed, and nothing else", async () => {
      const store = await here();
      const claim = await begun(store, "one", ...STEPS);
      await claim.release("stopped");
      const before = await filesOf();
      const { bytes } = await behind();
      const [study] = await bytes.studies();
      for (const name of ["000009-1.safetensors", ".000009-1.safetensors.x.tmp"])
        await bytes.write(`${study}/${name}`, Buffer.from("torn"));
      await store.claim("one");
      expect(await filesOf()).toEqual(before);
    });

    test("a request to stop is seen at the next sign of life; a stale study stops at once", async () => {
      const store = await here({ staleSeconds: 0.3 });
      const claim = await begun(store);
      expect(await claim.beat()).toBe(false);
      await store.requestStop("one");
      expect((await store.get("one")).stopping).toBe(true);
      expect(await claim.beat()).toBe(true);
      await new Promise((resolve) => setTimeout(resolve, 400));
      await store.requestStop("one");
      expect(await store.get("one")).toMatchObject({ state: "stopped", stopping: false });
      await expect(store.requestStop("one")).rejects.toMatchObject(failure("study-not-running", "is stopped"));
    });

    test("a failure is kept with its error", async () => {
      const store = await here();
      const claim = await begun(store);
      await claim.release("failed", new RangeError("too much"));
      expect(await store.get("one")).toMatchObject({ state: "failed", error: { code: "defect", message: "too much" } });
    });
  });
});
