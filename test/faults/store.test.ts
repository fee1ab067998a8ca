import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs"; // prettier-ignore
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { claimStudy } from "../../src/store/claim.ts";
import { open, upgrade } from "../../src/store/open.ts";
import { openSqlite, sqliteBackend } from "../../src/store/sqlite.ts";
import type { Store } from "../../src/store/store.ts";
import type { StudyEvent } from "../../src/study/state.ts";
import { failure } from "../oracle/measure.ts";

/** Which call of the disk fails from now on, counted from 1. */
const disk = vi.hoisted(() => ({
  calls: 0,
  failAt: Infinity,
  failing<A extends unknown[], R>(call: (...given: A) => R): (...given: A) => R {
    return (...given) => {
      if (++disk.calls < disk.failAt) return call(...given);
      throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    };
  },
}));
vi.mock("node:fs", async (importOriginal) => {
  const fs = await importOriginal<typeof import("node:fs")>();
  return {
    ...fs,
    openSync: disk.failing(fs.openSync),
    writeSync: disk.failing(fs.writeSync as (file: number, bytes: Uint8Array, at: number) => number),
    fsyncSync: disk.failing(fs.fsyncSync),
    renameSync: disk.failing(fs.renameSync),
  };
});

let folder: string;
let place: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "drmad-faults-"));
  place = join(folder, "studies.db");
});
afterEach(() => {
  disk.failAt = Infinity;
  rmSync(folder, { recursive: true });
});

const point = (u: number) => ({ u: Float64Array.of(u, 2, 3) });
const start = { type: "start", at: { point: point(0), optimizer: null }, outerSteps: 9 } as unknown as StudyEvent;
const step = (n: number): StudyEvent => ({
  type: "step",
  best: true,
  step: n,
  seconds: 0,
  train: { loss: 1 },
  valid: { loss: 9 - n },
  kept: { point: point(n), optimizer: { mean: point(n) }, found: { gradient: point(-n), value: 1 } },
});
async function withStore<T>(use: (store: Store) => Promise<T>): Promise<T> {
  const store = await open(place);
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}
/** A stopped study of so many steps. */
const keep = (steps: number): Promise<void> =>
  withStore(async (store) => {
    await store.create({ name: "one", experiment: "e" });
    const claim = await store.claim("one");
    for (const event of [start, ...Array.from({ length: steps }, (_, n) => step(n))]) await claim.append([event]);
    await claim.release("stopped");
  });
const stepsIn = (): Promise<number> => withStore(async (store) => (await store.state("one")).steps.length);
const tensorFiles = (): string[] => {
  const [study] = readdirSync(`${place}.tensors`);
  return readdirSync(join(`${place}.tensors`, study!)).map((file) => join(`${place}.tensors`, study!, file));
};

/** Damages the last step's file. */
const torn = (change: (path: string, size: number) => void): void => {
  const path = tensorFiles().findLast((file) => !file.includes("optimizer"))!;
  change(path, statSync(path).size);
};

describe("tensor files", () => {
  test.each([
    ["truncated", (path: string, size: number) => truncateSync(path, size - 1), "malformed-file"],
    ["empty", (path: string) => truncateSync(path, 0), "malformed-file"],
    ["longer", (path: string) => writeFileSync(path, "x", { flag: "a" }), "malformed-file"],
    ["gone", (path: string) => rmSync(path), "file-not-found"],
    ["of other bits", (path: string) => { const bytes = readFileSync(path); bytes[bytes.length - 1]! ^= 1; writeFileSync(path, bytes); }, "malformed-file"], // prettier-ignore
    ["another program's", (path: string) => writeFileSync(path, "hello"), "malformed-file"],
  ] as const)("that are %s are an error by name, and the study stays as it is", async (_, change, code) => {
    await keep(3);
    torn(change);
    await withStore(async (store) => {
      await expect(store.claim("one")).rejects.toMatchObject(failure(code, ".safetensors"));
      expect(await store.get("one")).toMatchObject({ state: "stopped", steps: 3 });
      expect(await store.events("one")).toHaveLength(4);
    });
  });
});

describe("a database", () => {
  test("truncated anywhere is an error, never a store with less in it", async () => {
    await keep(8);
    const whole = readFileSync(place);
    const sizes = [0, 1, 100, 511, 4095, ...Array.from({ length: whole.length / 4096 - 1 }, (_, i) => 4096 * (i + 1))];
    expect(sizes.length).toBeGreaterThan(10);
    for (const size of [...sizes, whole.length - 1]) {
      writeFileSync(place, whole.subarray(0, size));
      await expect(open(place)).rejects.toMatchObject({ code: "malformed-file" });
    }
    writeFileSync(place, whole);
    expect(await stepsIn()).toBe(8);
  });

  test("with other bits in it loses nothing silently", async () => {
    await keep(4);
    const whole = readFileSync(place);
    for (let at = 0; at < whole.length; at += 397) {
      const bytes = Buffer.from(whole);
      bytes[at]! ^= 0x10;
      writeFileSync(place, bytes);
      const outcome = await stepsIn().then(
        String,
        (error: unknown) => (error as { code?: string }).code ?? String(error),
      );
      // A bit in text of a study's own is text; what steps there are is never fewer.
      expect(["4", "malformed-file", "study-not-found", "store-version", "file-not-found"]).toContain(outcome);
    }
  });

  test.each([
    ["long text", "these are no tables, ".repeat(500)],
    ["text shorter than a database", "hi\n"],
    ["JSON", '{ "name": "drmad" }'],
  ])("that is %s is no store, and is not changed", async (_, text) => {
    writeFileSync(place, text);
    for (const act of [open, (path: string) => open(path, { create: false }), upgrade])
      await expect(act(place)).rejects.toMatchObject({
        ...failure("malformed-file", "is not a store of drmad: it is not a database"),
        hint: expect.stringContaining("such as runs/drmad.db") as string,
      });
    expect([readFileSync(place, "utf8"), readdirSync(folder)]).toEqual([text, ["studies.db"]]);
  });

  test("of another program is no store, and is not changed", async () => {
    const theirs = await openSqlite(place);
    await sql`pragma journal_mode = delete`.execute(theirs);
    await sql`create table theirs (x integer)`.execute(theirs);
    await theirs.destroy();
    const bytes = readFileSync(place);
    for (const act of [open, upgrade])
      await expect(act(place)).rejects.toMatchObject(failure("malformed-file", "tables of another program"));
    expect([readFileSync(place).equals(bytes), readdirSync(folder)]).toEqual([true, ["studies.db"]]);
  });

  test("that is empty is a store only once one is to be made", async () => {
    writeFileSync(place, "");
    await expect(open(place, { create: false })).rejects.toMatchObject(failure("file-not-found", "there is no store"));
    expect([readFileSync(place).length, readdirSync(folder)]).toEqual([0, ["studies.db"]]);
    await keep(1);
    expect(await stepsIn()).toBe(1);
  });

  test("that is a folder, or lies in a file, is an error", async () => {
    mkdirSync(place);
    await expect(open(place)).rejects.toMatchObject(failure("write-failed", "is a folder"));
    await expect(open("https://example.org/studies")).rejects.toMatchObject(failure("invalid-argument", "https://"));
    writeFileSync(join(folder, "file"), "");
    await expect(open(join(folder, "file", "studies.db"))).rejects.toMatchObject(failure("write-failed"));
  });

  test("copied while a process writes it holds what was committed", async () => {
    await withStore(async (store) => {
      await store.create({ name: "one", experiment: "e" });
      const claim = await store.claim("one");
      for (const event of [start, step(0), step(1)]) await claim.append([event]);
      const copy = join(folder, "copy");
      mkdirSync(copy);
      // What a power cut leaves: the log was never folded into the database.
      for (const end of ["", "-wal", ".tensors"])
        if (existsSync(place + end)) cpSync(place + end, join(copy, `studies.db${end}`), { recursive: true });
      const other = await open(join(copy, "studies.db"));
      expect((await other.state("one")).steps).toHaveLength(2);
      await other.close();
    });
  });
});

describe("a full disk", () => {
  test("at any call that writes tensors: the commit fails whole, and succeeds once there is room", async () => {
    await keep(1);
    await withStore(async (store) => {
      for (let k = 1, failed = true; failed; k++) {
        const claim = await store.claim("one");
        const { length } = await store.events("one");
        [disk.calls, disk.failAt] = [0, k];
        failed = await claim.append([step(length - 1), { type: "warning", message: "w" }]).then(
          () => false,
          (error: unknown) => {
            expect(error).toMatchObject(failure("write-failed", "ENOSPC"));
            return true;
          },
        );
        disk.failAt = Infinity;
        const { length: after } = await store.events("one");
        expect(after).toBe(failed ? length : length + 2);
        await claim.release("stopped");
        expect((await store.state("one")).steps).toHaveLength(failed ? length - 1 : length);
        // Two files: open, write, fsync, rename, and open and fsync of the folder.
        expect(k).toBeLessThanOrEqual(13);
        if (!failed) expect(k).toBe(13);
      }
    });
  });

  test("for the database itself: the commit fails whole, and succeeds once there is room", async () => {
    await keep(1);
    const backend = await sqliteBackend(place);
    const { db } = backend;
    const { id } = await db.selectFrom("studies").select("id").executeTakeFirstOrThrow();
    const at = { ...backend, staleMs: 1e9, onActivity: () => undefined };
    const claim = await claimStudy(at, id);
    const { page_count: pages } = (await sql<{ page_count: number }>`pragma page_count`.execute(db)).rows[0]!;
    await sql`pragma max_page_count = ${sql.lit(pages)}`.execute(db);
    const long: StudyEvent = { type: "warning", message: "w".repeat(100_000) };
    const files = tensorFiles();
    await expect(claim.append([step(1), long])).rejects.toMatchObject(failure("write-failed", "full"));
    expect(tensorFiles()).toEqual(files);
    expect(await stepsIn()).toBe(1);
    await sql`pragma max_page_count = 1000000`.execute(db);
    await claim.append([step(1), long]);
    await claim.release("stopped");
    await db.destroy();
    expect(await stepsIn()).toBe(2);
  });
});
