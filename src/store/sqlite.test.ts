import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Database } from "./backend.ts";
import { openSqlite } from "./sqlite.ts";

let folder: string;
let db: Database;
let other: Database;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "drmad-sqlite-"));
  db = await openSqlite(join(folder, "a.db"));
  other = await openSqlite(join(folder, "a.db"));
  await sql`create table t (x real)`.execute(db);
});
afterEach(async () => {
  await db.destroy();
  await other.destroy();
  rmSync(folder, { recursive: true });
});
const count = async (): Promise<number> => (await sql`select x from t`.execute(other)).rows.length;

test("a transaction that fails leaves nothing, and tells why it failed", async () => {
  const fail = db.transaction().execute(async (transaction) => {
    await sql`insert into t values (1)`.execute(transaction);
    throw new RangeError("why");
  });
  await expect(fail).rejects.toThrow("why");
  expect(await count()).toBe(0);
});

test("so does one that SQLite itself has ended, as it does on a full disk", async () => {
  const fail = db.transaction().execute(async (transaction) => {
    await sql`insert into t values (1)`.execute(transaction);
    await sql`rollback`.execute(transaction);
    throw new RangeError("the disk is full");
  });
  await expect(fail).rejects.toThrow("the disk is full");
  expect(await count()).toBe(0);
});

test("whoever wants a lock that this thread holds waits without holding it up", async () => {
  const slow = db.transaction().execute(async (transaction) => {
    await sql`insert into t values (1)`.execute(transaction);
    await new Promise((resolve) => setTimeout(resolve, 200));
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  await sql`insert into t values (2)`.execute(other);
  await slow;
  expect(await count()).toBe(2);
});

test("the file alone is the database once all have closed it", async () => {
  await sql`insert into t values (${2 ** 0.5}), (${Infinity}), (${-1e308})`.execute(db);
  await other.destroy();
  await db.destroy();
  const bytes = readFileSync(join(folder, "a.db"));
  rmSync(folder, { recursive: true });
  folder = mkdtempSync(join(tmpdir(), "drmad-sqlite-"));
  const { writeFileSync } = await import("node:fs");
  writeFileSync(join(folder, "a.db"), bytes);
  db = await openSqlite(join(folder, "a.db"));
  other = await openSqlite(join(folder, "a.db"));
  const { rows } = await sql<{ x: number }>`select x from t`.execute(other);
  expect(rows.map(({ x }) => x)).toEqual([2 ** 0.5, Infinity, -1e308]);
});
