import type { DatabaseSync } from "@photostructure/sqlite";
import {
  CompiledQuery,
  Kysely,
  SqliteAdapter,
  SqliteDriver,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type DatabaseConnection,
  type SqliteDatabase,
} from "kysely";
import { storeError } from "./store-error.ts";
import type { Tables } from "./tables.ts";

export type Database = Kysely<Tables>;

/** How long a statement waits for another process that writes; transactions here take milliseconds. */
const BUSY_MS = 30_000;

/** Node's own SQLite, or the package with the same interface where Node has none (before 22.13). */
async function sqlite(): Promise<typeof DatabaseSync> {
  // By a name that is not known when the program is compiled, for the types of Node 20 do not have it.
  const builtIn: string = "node:sqlite";
  const found: unknown = await import(builtIn).catch(() => import("@photostructure/sqlite"));
  return (found as typeof import("@photostructure/sqlite")).DatabaseSync;
}

/** A transaction that will write takes the lock at its begin, so that it waits there and never fails halfway. */
class ImmediateDriver extends SqliteDriver {
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("begin immediate"));
  }
}

/**
 * Opens an SQLite file, which is made where there is none, for any number of processes at a time. What is committed is on
 * disk (WAL, synchronous FULL).
 *
 * Errors, at opening and later: `malformed-file` for what is no database or a damaged one; `write-failed` where it cannot be
 * written (no folder, no permission, disk full).
 */
export async function openSqlite(path: string): Promise<Database> {
  const Connection = await sqlite();
  const guarded = <T>(run: () => T): T => {
    try {
      return run();
    } catch (error) {
      throw storeError(error, path);
    }
  };
  const open = guarded(() => new Connection(path));
  const setUp = `pragma busy_timeout = ${BUSY_MS}; pragma synchronous = full; pragma foreign_keys = on`;
  try {
    await patiently(() => open.exec(`${setUp}; pragma journal_mode = wal`));
  } catch (error) {
    open.close();
    throw storeError(error, path);
  }
  const database: SqliteDatabase = {
    close: () => open.close(),
    prepare(sql) {
      const statement = guarded(() => open.prepare(sql));
      type Values = Parameters<typeof statement.all>;
      return {
        // Statements that give no rows give an empty list.
        reader: true,
        all: (values) => guarded(() => statement.all(...(values as Values))),
        run: (values) => guarded(() => statement.run(...(values as Values))),
        iterate: (values) => statement.iterate(...(values as Values)),
      };
    },
  };
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new ImmediateDriver({ database }),
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  });
}

/** Two processes that open a new file at once: the change to WAL does not heed the busy timeout. */
async function patiently(run: () => void): Promise<void> {
  for (const begin = performance.now(); ;) {
    try {
      return run();
    } catch (error) {
      const busy = (error as { readonly errcode?: number }).errcode === 5;
      if (!busy || performance.now() - begin > BUSY_MS) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
