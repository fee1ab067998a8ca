import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import type { Backend } from "../../src/store/backend.ts";
import { open, upgrade } from "../../src/store/open.ts";
import { thisProcess } from "../../src/store/owner.ts";
import { MIGRATIONS, upgradeSchema } from "../../src/store/schema.ts";
import { sqliteBackend } from "../../src/store/sqlite.ts";
import type { Store } from "../../src/store/store.ts";
import { failure } from "../oracle/measure.ts";
import { postgres, sqlite, STEPS, storesOf } from "./stores.ts";

/** Kept by drmad as it was when a store had schema 1: a study that is done, one that was stopped, one that waits. */
const FIXTURE = fileURLToPath(new URL("schema-1/studies.db", import.meta.url));
const NEWEST = MIGRATIONS.length;
const TABLES = ["studies", "events", "tensors"] as const;

/** Rows of studies as schema 1 has them, and all others. */
async function rowsOf({ db }: Backend): Promise<unknown> {
  const all = [];
  for (const name of TABLES) {
    const { rows } = await sql<Record<string, unknown>>`select * from ${sql.table(name)}`.execute(db);
    all.push(rows.map((row) => JSON.stringify(Object.entries({ ...row, imported: 0 }).sort())).sort());
  }
  return all;
}

const importedIn = async (store: Store): Promise<unknown> =>
  Object.fromEntries((await store.list()).map(({ name, imported }) => [name, imported]));
const version = ({ db }: Backend): Promise<unknown> => db.selectFrom("drmad_schema").selectAll().execute();

describe.each([sqlite, postgres])("$name", (kind) => {
  const { place, here, behind } = storesOf(kind);

  /** Brings the store of schema 1 to where this test has its own. */
  async function older(): Promise<Backend> {
    if (kind === sqlite) {
      mkdirSync(dirname(place()), { recursive: true });
      cpSync(FIXTURE, place());
      cpSync(`${FIXTURE}.tensors`, `${place()}.tensors`, { recursive: true });
      return behind();
    }
    const folder = mkdtempSync(join(tmpdir(), "drmad-versions-"));
    cpSync(dirname(FIXTURE), folder, { recursive: true });
    const from = await sqliteBackend(join(folder, "studies.db"));
    const to = await behind();
    await upgradeSchema(to.db, to.dialect, MIGRATIONS.slice(0, 1));
    for (const name of TABLES) {
      const rows = await from.db.selectFrom(name).selectAll().execute();
      await to.db
        .insertInto(name)
        .values(rows as never)
        .execute();
    }
    for (const study of await from.bytes.studies())
      for (const { file } of await from.bytes.list(study)) await to.bytes.write(file, await from.bytes.read(file));
    await from.db.destroy();
    rmSync(folder, { recursive: true });
    return to;
  }

  test("a store of an older drmad is refused, by the command that upgrades it, and stays as it is", async () => {
    const backend = await older();
    const before = await rowsOf(backend);
    for (const create of [true, false])
      await expect(open(place(), { create })).rejects.toMatchObject({
        ...failure("store-version", `has schema 1, and this drmad needs schema ${NEWEST}`),
        hint: expect.stringContaining("drmad storage upgrade") as string,
      });
    expect([await version(backend), await rowsOf(backend)]).toEqual([[{ version: 1 }], before]);
  });

  test("an upgrade keeps everything, and the studies go on", async () => {
    const backend = await older();
    const before = await rowsOf(backend);
    expect(await upgrade(place())).toMatchObject({ from: 1, to: NEWEST, studies: 3 });
    expect(await upgrade(place())).toMatchObject({ from: NEWEST, to: NEWEST, studies: 3 });
    expect(await rowsOf(backend)).toEqual(before);
    const store = await here();
    expect(await store.get("done")).toMatchObject({ state: "done", tags: ["a", "b"], notes: "líne\nline", source: "text", steps: 4, imported: false }); // prettier-ignore
    expect(await store.get("waiting")).toMatchObject({ state: "waiting", options: { k: 1 } });
    expect((await store.state("done")).result?.values).toHaveProperty(["l2.0.W"]);
    const { kept, frames } = await store.thumbnails("stopped", "values/l2.0.W", 100);
    expect([kept, frames]).toEqual([2, [{ step: 0, thumbnail: null }, { step: 1, thumbnail: null }]]); // prettier-ignore
    const claim = await store.claim("stopped");
    expect(claim.from.steps).toHaveLength(2);
    await claim.append([STEPS[2]!]);
    await claim.release("stopped");
    expect((await store.state("stopped")).steps).toHaveLength(3);
    await store.create({ name: "new", experiment: "e" });
  });

  test("an upgrade that fails midway changes nothing, and succeeds later", async () => {
    const backend = await older();
    const before = await rowsOf(backend);
    // After the tables were changed, the version is.
    if (kind === sqlite)
      await sql`create trigger planted before delete on drmad_schema begin select raise(abort, 'planted'); end`.execute(backend.db); // prettier-ignore
    else {
      await sql`create function planted() returns trigger language plpgsql as $$ begin raise exception 'planted'; end $$`.execute(backend.db); // prettier-ignore
      await sql`create trigger planted before delete on drmad_schema for each row execute function planted()`.execute(backend.db); // prettier-ignore
    }
    await expect(upgrade(place())).rejects.toThrow("planted");
    expect([await version(backend), await rowsOf(backend)]).toEqual([[{ version: 1 }], before]);
    expect(await backend.dialect.columnNames(backend.db, "studies")).not.toContain("imported");
    await sql`drop trigger planted ${kind === sqlite ? sql`` : sql`on drmad_schema`}`.execute(backend.db);
    expect(await upgrade(place())).toMatchObject({ from: 1, to: NEWEST });
    expect(await rowsOf(backend)).toEqual(before);
  });

  test("no study is run while its store is upgraded", async () => {
    const backend = await older();
    const running = { state: "running", owner: thisProcess(), heartbeat: await backend.now() } as const;
    await backend.db.updateTable("studies").set(running).where("name", "=", "stopped").execute();
    await expect(upgrade(place())).rejects.toMatchObject(failure("study-running", '"stopped"'));
    expect(await version(backend)).toEqual([{ version: 1 }]);
    await backend.db.updateTable("studies").set({ heartbeat: 1 }).where("name", "=", "stopped").execute();
    expect(await upgrade(place())).toMatchObject({ from: 1 });
    expect((await (await here()).get("stopped")).state).toBe("stale");
  });

  test("what came as a file is told from what was run here, in both kinds of schema 1", async () => {
    const backend = await older();
    await backend.db.updateTable("studies").set({ heartbeat: 0 }).where("name", "in", ["done", "waiting"]).execute();
    await upgrade(place());
    expect(await importedIn(await here())).toEqual({ done: true, stopped: false, waiting: false });
    // As it was before its version was counted: the column is there already.
    await backend.db.updateTable("drmad_schema").set({ version: 1 }).execute();
    await backend.db.updateTable("studies").set({ imported: 1 }).where("name", "=", "stopped").execute();
    expect(await upgrade(place())).toMatchObject({ from: 1, to: NEWEST });
    expect(await importedIn(await here())).toEqual({ done: true, stopped: true, waiting: false });
  });

  test("a store of a newer drmad is refused and left alone, by opening and by upgrading", async () => {
    const backend = await older();
    await backend.db
      .updateTable("drmad_schema")
      .set({ version: NEWEST + 1 })
      .execute();
    const before = await rowsOf(backend);
    for (const act of [open, upgrade])
      await expect(act(place())).rejects.toMatchObject({
        ...failure("store-version", `has schema ${NEWEST + 1}; this drmad knows schemas up to ${NEWEST}`),
        hint: expect.stringContaining("Use the drmad that wrote it") as string,
      });
    expect([await version(backend), await rowsOf(backend)]).toEqual([[{ version: NEWEST + 1 }], before]);
  });
});
