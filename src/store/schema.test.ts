import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { afterEach, beforeEach, expect, test } from "vitest";
import { failure } from "../../test/oracle/measure.ts";
import { open, upgrade } from "./open.ts";
import { MIGRATIONS, requireSchema, upgradeSchema, type Migration } from "./schema.ts";
import type { Database } from "./backend.ts";
import { openSqlite, SQLITE } from "./sqlite.ts";

let folder: string;
let path: string;
let db: Database;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "drmad-schema-"));
  path = join(folder, "studies.db");
  db = await openSqlite(path);
});
afterEach(async () => {
  await db.destroy();
  rmSync(folder, { recursive: true });
});

const addColour: Migration = async (transaction) => {
  await sql`alter table studies add column colour text not null default 'none'`.execute(transaction);
};
const failing: Migration = async (transaction) => {
  await addColour(transaction, SQLITE);
  throw new RangeError("halfway");
};
const NEXT = [...MIGRATIONS, addColour];
const [OURS, LATER] = [MIGRATIONS.length, MIGRATIONS.length + 1];
const colours = async (): Promise<unknown[]> => (await sql`select colour from studies`.execute(db)).rows;

test("an older store is refused, and upgraded with all that it holds", async () => {
  await requireSchema(db, SQLITE);
  const store = await open(path);
  await store.create({ name: "one", experiment: "e" });
  await store.close();
  await expect(requireSchema(db, SQLITE, NEXT)).rejects.toMatchObject(failure("store-version", `has schema ${OURS}, and this drmad needs schema ${LATER}`)); // prettier-ignore
  await upgradeSchema(db, SQLITE, NEXT);
  await requireSchema(db, SQLITE, NEXT);
  expect(await colours()).toEqual([{ colour: "none" }]);
});

test("a newer store is refused and left alone, by opening and by upgrading", async () => {
  await requireSchema(db, SQLITE, NEXT);
  for (const act of [open, upgrade])
    await expect(act(path)).rejects.toMatchObject(
      failure("store-version", `schema ${LATER}; this drmad knows schemas up to ${OURS}`),
    );
  expect(await colours()).toEqual([]);
});

test("an upgrade that fails halfway leaves the store as it was", async () => {
  await requireSchema(db, SQLITE);
  await expect(upgradeSchema(db, SQLITE, [...MIGRATIONS, failing])).rejects.toThrow("halfway");
  await requireSchema(db, SQLITE);
  await expect(colours()).rejects.toThrow("no such column");
});

test("a database of another program is no store", async () => {
  await sql`create table theirs (x integer)`.execute(db);
  await expect(open(path)).rejects.toMatchObject(failure("malformed-file", "another program"));
});
