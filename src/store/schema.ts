import type { Kysely, Transaction } from "kysely";
import { DrmadError } from "../errors.ts";
import type { Dialect } from "./backend.ts";
import { ofAnotherProgram } from "./store-error.ts";
import type { Tables } from "./tables.ts";

/** Brings a store from a version to the next; the first makes its tables. */
export type Migration = (db: Transaction<Tables>, dialect: Dialect) => Promise<void>;

/** `text`, `integer`, `bigint` and `double precision` mean the same to SQLite and to PostgreSQL. */
async function createTables(db: Transaction<Tables>, dialect: Dialect): Promise<void> {
  await db.schema
    .createTable("studies")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("name", "text", (c) => c.notNull().unique())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("tags", "text", (c) => c.notNull())
    .addColumn("notes", "text", (c) => c.notNull())
    .addColumn("experiment", "text", (c) => c.notNull())
    .addColumn("source", "text")
    .addColumn("hash", "text")
    .addColumn("options", "text", (c) => c.notNull())
    .addColumn("lease", "integer", (c) => c.notNull())
    .addColumn("owner", "text")
    .addColumn("heartbeat", "bigint", (c) => c.notNull())
    .addColumn("stop_requested", "integer", (c) => c.notNull())
    .addColumn("error", "text")
    .addColumn("created", "bigint", (c) => c.notNull())
    .addColumn("updated", "bigint", (c) => c.notNull())
    .addColumn("events", "integer", (c) => c.notNull())
    .addColumn("steps", "integer", (c) => c.notNull())
    .addColumn("outer_steps", "integer")
    .addColumn("best_step", "integer")
    .addColumn("best_loss", "double precision")
    .addColumn("start_loss", "double precision")
    .execute();
  await db.schema
    .createTable("events")
    .addColumn("study", "text", (c) => c.notNull().references("studies.id").onDelete("cascade"))
    .addColumn("sequence", "integer", (c) => c.notNull())
    .addColumn("type", "text", (c) => c.notNull())
    .addColumn("json", "text", (c) => c.notNull())
    .addColumn("lease", "integer", (c) => c.notNull())
    .addColumn("at", "bigint", (c) => c.notNull())
    .addPrimaryKeyConstraint("events_key", ["study", "sequence"])
    .execute();
  await db.schema
    .createTable("tensors")
    .addColumn("study", "text", (c) => c.notNull())
    .addColumn("sequence", "integer", (c) => c.notNull())
    .addColumn("name", "text", (c) => c.notNull())
    .addColumn("step", "integer", (c) => c.notNull())
    .addColumn("part", "text", (c) => c.notNull())
    .addColumn("file", "text", (c) => c.notNull())
    .addColumn("sha256", "text", (c) => c.notNull())
    .addColumn("dtype", "text", (c) => c.notNull())
    .addColumn("shape", "text", (c) => c.notNull())
    .addColumn("least", "double precision")
    .addColumn("most", "double precision")
    .addColumn("mean", "double precision")
    .addColumn("histogram", "text")
    .addColumn("thumbnail", dialect.blob)
    .addPrimaryKeyConstraint("tensors_key", ["study", "sequence", "name"])
    .addForeignKeyConstraint("tensors_of_event", ["study", "sequence"], "events", ["study", "sequence"], (c) =>
      c.onDelete("cascade"),
    )
    .execute();
  await dialect.createMore(db);
}

/**
 * Before there was a column for it, and while its version was not counted, a study that had come as a file differed in that no
 * process here had ever given a sign of life for what it had done.
 */
async function addImported(db: Transaction<Tables>, dialect: Dialect): Promise<void> {
  if ((await dialect.columnNames(db, "studies")).includes("imported")) return;
  await db.schema
    .alterTable("studies")
    .addColumn("imported", "integer", (c) => c.notNull().defaultTo(0))
    .execute();
  await db.updateTable("studies").set({ imported: 1 }).where("heartbeat", "=", 0).where("events", ">", 0).execute();
}

export const MIGRATIONS: readonly Migration[] = [createTables, addImported];

/** The version that a store has; undefined for an empty database. */
async function versionOf(db: Kysely<Tables>, dialect: Dialect): Promise<number | undefined> {
  const names = await dialect.tableNames(db);
  if (names.length === 0) return undefined;
  if (!names.includes("drmad_schema")) {
    throw ofAnotherProgram();
  }
  return (await db.selectFrom("drmad_schema").select("version").executeTakeFirst())?.version ?? 0;
}

/**
 * That the tables are as they should be.
 * @returns whether there are any: an empty database is left as it is
 * @throws DrmadError store-version for another version, malformed-file for a database of another program
 */
export async function hasSchema(
  db: Kysely<Tables>,
  dialect: Dialect,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<boolean> {
  const newest = migrations.length;
  const found = await versionOf(db, dialect);
  if (found === undefined) return false;
  if (found > newest) {
    throw new DrmadError("store-version", `the store has schema ${found}; this drmad knows schemas up to ${newest}`, {
      hint: "Use the drmad that wrote it, or a later one; nothing was changed.",
    });
  }
  if (found < newest) {
    throw new DrmadError("store-version", `the store has schema ${found}, and this drmad needs schema ${newest}`, {
      hint: "Bring it up to date with drmad storage upgrade and the same --store, or study.upgrade(path); keep a copy if an older drmad shall read it too.",
    });
  }
  return true;
}

/** The same, and the tables are made where there are none. */
export async function requireSchema(
  db: Kysely<Tables>,
  dialect: Dialect,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<void> {
  if (!(await hasSchema(db, dialect, migrations))) await upgradeSchema(db, dialect, migrations);
}

/**
 * Brings a store to the newest schema, in one transaction: all of it or nothing. A newer one is left alone.
 * @returns the version that it had; 0 for an empty database
 */
export async function upgradeSchema(
  db: Kysely<Tables>,
  dialect: Dialect,
  migrations: readonly Migration[] = MIGRATIONS,
  require: (db: Transaction<Tables>) => Promise<void> = async () => undefined,
): Promise<number> {
  return db.transaction().execute(async (transaction) => {
    await dialect.lockSchema(transaction);
    // Another process may have been quicker.
    const found = (await versionOf(transaction, dialect)) ?? 0;
    if (found >= migrations.length) return found;
    if (found > 0) await require(transaction);
    for (const migrate of migrations.slice(found)) await migrate(transaction, dialect);
    if (found === 0) {
      await transaction.schema
        .createTable("drmad_schema")
        .ifNotExists()
        .addColumn("version", "integer", (c) => c.notNull())
        .execute();
    }
    await transaction.deleteFrom("drmad_schema").execute();
    await transaction.insertInto("drmad_schema").values({ version: migrations.length }).execute();
    return found;
  });
}
