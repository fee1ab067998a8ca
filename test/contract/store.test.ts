import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { fold, nothingYet, type StudyEvent } from "../../src/study/state.ts";
import type { Backend } from "../../src/store/backend.ts";
import { open, type StoreOptions } from "../../src/store/open.ts";
import { postgresBackend, withoutPassword } from "../../src/store/postgres.ts";
import { sqliteBackend } from "../../src/store/sqlite.ts";
import type { Store } from "../../src/store/store.ts";
import { buildFirst } from "../cli/run-cli.ts";
import { failure } from "../oracle/measure.ts";
import { needs } from "../optional.ts";
import { noPostgres, startPostgres, type Postgres } from "../postgres.ts";
import { write } from "../faults/write.ts";

/** A kind of store: where the next one is, and what lies behind it. */
interface Kind {
  readonly name: string;
  readonly missing: () => string | undefined;
  begin(): Promise<void>;
  /** A place where there is no store yet. */
  fresh(): string;
  backend(place: string): Promise<Backend>;
  /** Forgets the store. */
  forget(): void;
  end(): Promise<void>;
}

let folder: string;
const sqlite: Kind = {
  name: "SQLite",
  missing: () => undefined,
  begin: async () => undefined,
  fresh: () => join((folder = mkdtempSync(join(tmpdir(), "drmad-store-"))), "below", "studies.db"),
  backend: sqliteBackend,
  forget: () => rmSync(folder, { recursive: true }),
  end: async () => undefined,
};

let server: Postgres | undefined;
let databases = 0;
const postgres: Kind = {
  name: "PostgreSQL",
  missing: noPostgres,
  async begin() {
    if (noPostgres() === undefined) server = await startPostgres();
  },
  fresh: () => server?.database(`studies ${++databases}`.replace(" ", "_")) ?? "",
  backend: postgresBackend,
  forget: () => undefined,
  end: async () => server?.stop(),
};

const point = (u: number) => ({ u: Float64Array.of(u, -0, NaN) });
const start = { type: "start", at: { point: point(0), optimizer: { k: 0 } }, outerSteps: 3, method: "m" } as unknown as StudyEvent; // prettier-ignore
const step = (n: number, loss: number, best: boolean): StudyEvent => ({
  type: "step",
  best,
  step: n,
  seconds: 0.5,
  train: { loss: -0 },
  valid: { loss, wild: NaN, high: Infinity },
  kept: { point: point(n), optimizer: { k: n, mean: point(n) }, found: { gradient: point(-n), value: loss } },
  values: { u: { data: Float64Array.of(n, 2, 4), shape: [3, 1] } },
});
const STEPS = [step(0, 5, true), step(1, 2, true), step(2, 3, false)];
describe.each([sqlite, postgres])("$name", (kind) => {
  needs(kind.missing);
  buildFirst();
  beforeAll(kind.begin);
  afterAll(kind.end);

  let place: string;
  const opened: Store[] = [];
  const backends: Backend[] = [];
  beforeEach(() => void (place = kind.fresh()));
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
    for (const { db } of backends.splice(0)) await db.destroy();
    kind.forget();
  });
  const here = async (options: StoreOptions = {}): Promise<Store> => {
    const store = await open(place, options);
    opened.push(store);
    return store;
  };
  const behind = async (): Promise<Backend> => {
    const backend = await kind.backend(place);
    backends.push(backend);
    return backend;
  };
  const filesOf = async (): Promise<string[]> => {
    const { bytes } = await behind();
    const all = [];
    for (const study of await bytes.studies()) all.push(...(await bytes.list(study)));
    return all.map(({ file }) => file.split("/")[1]!);
  };
  const begun = async (store: Store, name = "one", ...events: StudyEvent[]) => {
    await store.create({ name, experiment: "e" });
    const claim = await store.claim(name);
    for (const event of [start, ...events]) await claim.append([event]);
    return claim;
  };

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
      if (kind === sqlite) expect(existsSync(join(folder, "below"))).toBe(false);
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

  describe("room", () => {
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
      const writing = Promise.all([write(place, "a", steps), write(place, "b", steps)]).finally(
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
      const ends = await Promise.all(Array.from({ length: 4 }, () => write(place, "one", 5)));
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

describe("PostgreSQL alone", () => {
  needs(noPostgres);
  let pg: Postgres;
  beforeAll(async () => {
    if (noPostgres() === undefined) pg = await startPostgres();
  });
  afterAll(() => pg?.stop());
  const opening = async (url: string): Promise<unknown> => {
    const found = await open(url).then(
      (store) => store.close(),
      (error: unknown) => error,
    );
    for (let each = found; each instanceof Error; each = each.cause)
      expect(`${each.message} ${(each as { hint?: string }).hint}`).not.toContain("hunter2");
    return found;
  };

  test("says what is wrong with an address, and never the password", async () => {
    expect(await opening("postgres://u:hunter2@127.0.0.1:9/x")).toMatchObject(
      failure("store-unreachable", "postgres://u@127.0.0.1:9/x"),
    );
    expect(await opening(pg.url("none", "postgres", "hunter2"))).toMatchObject(failure("store-unreachable", "no such database")); // prettier-ignore
    expect(await opening(pg.url("postgres", "locked", "hunter2"))).toMatchObject(failure("store-unreachable", "refuses its user")); // prettier-ignore
    expect(await opening(pg.url("postgres", "locked"))).toMatchObject(failure("store-unreachable", "refuses its user"));
    expect(await opening("postgres://u:hunter2@[/x")).toMatchObject(failure("invalid-argument", "cannot be read"));
    expect(await opening("postgres://u:hunter2@host:port/x")).toMatchObject(failure("invalid-argument"));
  });

  test("lets the right password in, and keeps it to itself", async () => {
    pg.database("secrets");
    const store = await open(pg.url("secrets", "locked", "secret"));
    expect(store.place).toMatch(/^postgres:\/\/locked@\/secrets\?host=/);
    expect(store.place).not.toContain("secret@");
    await store.close();
  });

  test.each([
    ["postgres://u:hunter2@h/d", "postgres://u@h/d"],
    ["postgres://u:hunter@2@h:5/d?password=hunter2&x=1", "postgres://u@h:5/d?x=1"],
    ["postgresql://u@h/d?sslmode=require&password=hunter2", "postgresql://u@h/d?sslmode=require&"],
    ["runs/a:b@c.db", "runs/a:b@c.db"],
  ])("%s is shown without its password", (url, shown) => expect(withoutPassword(url).replace("?&", "?")).toBe(shown));

  test("leaves a database of another program alone", async () => {
    const url = pg.database("theirs");
    pg.sql("theirs", "create table theirs (x integer)");
    expect(await opening(url)).toMatchObject(failure("malformed-file", "another program"));
  });

  test("tells of a server that goes away, loses nothing, and goes on when it is back", async () => {
    const url = pg.database("restarted");
    const store = await open(url);
    await store.create({ name: "one", experiment: "e" });
    const claim = await store.claim("one");
    await claim.append([start]);
    pg.sql("postgres", "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'restarted'");
    const outcome = await claim.append([STEPS[0]!]).then(
      () => "kept",
      (error: unknown) => error,
    );
    if (outcome !== "kept") {
      expect(outcome).toMatchObject(failure("store-unreachable"));
      await claim.append([STEPS[0]!]);
    }
    expect((await store.state("one")).steps).toHaveLength(1);
    await store.close();
  });

  test("keeps tensors of more than one piece, bit for bit", async () => {
    const backend = await postgresBackend(pg.database("pieces"));
    const store = await open(pg.database("pieces"));
    await store.create({ name: "one", experiment: "e" });
    const { id } = await backend.db.selectFrom("studies").select("id").executeTakeFirstOrThrow();
    const bytes = Uint8Array.from({ length: 2 ** 24 + 5 }, (_, i) => (i * 2654435761) >>> 24);
    await backend.bytes.write(`${id}/a`, bytes);
    expect(Buffer.compare(await backend.bytes.read(`${id}/a`), bytes)).toBe(0);
    expect(await backend.bytes.list(id)).toEqual([{ file: `${id}/a`, bytes: bytes.length }]);
    await expect(backend.bytes.read(`${id}/b`)).rejects.toMatchObject(failure("file-not-found"));
    await store.close();
    await backend.db.destroy();
  });
});
