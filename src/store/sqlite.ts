import type { DatabaseSync } from "@photostructure/sqlite";
import {
  CompiledQuery,
  Kysely,
  SqliteAdapter,
  SqliteDriver,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
  type DatabaseConnection,
  type SelectModifierNode,
  type SqliteDatabase,
} from "kysely";
import type { Backend, Database, Dialect } from "./backend.ts";
import { hold } from "./held.ts";
import { damaged, isBusy, ofAnotherProgram, storeError } from "./store-error.ts";
import type { Tables } from "./tables.ts";
import { folderBytes, tensorFolder } from "./tensor-files.ts";

/** How long a statement waits for others that write; transactions here take milliseconds. */
const PATIENCE_MS = 30_000;
/** Of that, how long at a time without letting this thread do anything else: whoever has the lock may be in it. */
const BUSY_MS = 5;

/** Node's own SQLite, or the package with the same interface where Node has none (before 22.13). */
async function sqlite(): Promise<typeof DatabaseSync> {
  // By a name that is not known when the program is compiled, for the types of Node 20 do not have it.
  const builtIn: string = "node:sqlite";
  const found: unknown = await import(builtIn).catch(() => import("@photostructure/sqlite"));
  return (found as typeof import("@photostructure/sqlite")).DatabaseSync;
}

async function patiently<T>(path: string, run: () => T | Promise<T>): Promise<T> {
  for (const begin = performance.now(); ;) {
    try {
      return await run();
    } catch (error) {
      if (!isBusy(error) || performance.now() - begin > PATIENCE_MS) throw storeError(error, path);
      await new Promise((resolve) => setTimeout(resolve, BUSY_MS * (1 + Math.random())));
    }
  }
}

/**
 * A transaction takes the lock for writing at its begin, so that it waits there, and in WAL nothing of it waits later: what
 * is tried again has done nothing.
 */
class ImmediateDriver extends SqliteDriver {
  readonly #path: string;

  constructor(database: SqliteDatabase, path: string) {
    super({ database });
    this.#path = path;
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    const connection = await super.acquireConnection();
    return {
      executeQuery: (query) => patiently(this.#path, () => connection.executeQuery(query)),
      streamQuery: (query, size) => connection.streamQuery(query, size),
    };
  }

  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("begin immediate"));
  }

  /** A full disk ends a transaction by itself, and the error to tell is that one. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await super.rollbackTransaction(connection).catch((error: unknown) => {
      if (!String(error).includes("no transaction is active")) throw error;
    });
  }
}

/** SQLite has no locks of rows, and needs none: a transaction here has the whole database to itself. */
class WithoutRowLocks extends SqliteQueryCompiler {
  protected override visitSelectModifier(node: SelectModifierNode): void {
    if (node.modifier !== "ForUpdate") super.visitSelectModifier(node);
  }
}

export const SQLITE: Dialect = {
  blob: "blob",
  async tableNames(db) {
    const { rows } = await sql<{ name: string }>`select name from sqlite_master where type = 'table'`.execute(db);
    return rows.map(({ name }) => name);
  },
  async columnNames(db, table) {
    const { rows } = await sql<{ name: string }>`select name from pragma_table_info(${table})`.execute(db);
    return rows.map(({ name }) => name);
  },
  // A transaction has the lock from its begin.
  lockSchema: async () => undefined,
  createMore: async () => undefined,
};

/** An SQLite file with the folder of safetensors files beside it. */
export async function sqliteBackend(path: string): Promise<Backend> {
  const db = await openSqlite(path, true);
  return {
    db,
    dialect: SQLITE,
    place: path,
    bytes: folderBytes(tensorFolder(path)),
    now: async () => Date.now(),
    revision: () => revisionOf(db),
    async requireSound() {
      const { rows } = await sql<{ quick_check: string }>`pragma quick_check(1)`.execute(db);
      const found = rows[0]?.quick_check;
      if (found !== "ok") throw damaged(path, `${found}`);
    },
  };
}

/**
 * Opens an SQLite file, which is made where there is none, for any number of processes at a time. What is committed is on
 * disk (WAL, synchronous FULL).
 *
 * Errors, at opening and later: `malformed-file` for what is no database or a damaged one; `write-failed` where it cannot be
 * written (no folder, no permission, disk full).
 * @param ours whether to refuse another program's, before anything of it is changed
 */
export async function openSqlite(path: string, ours = false): Promise<Database> {
  const Connection = await sqlite();
  const [open, release] = await patiently(path, () => [new Connection(path), hold(path)] as const);
  try {
    if (ours) await patiently(path, () => requireOurs(open));
    open.exec(`pragma busy_timeout = ${BUSY_MS}; pragma synchronous = full; pragma foreign_keys = on`);
    await patiently(path, () => open.exec("pragma journal_mode = wal"));
  } catch (error) {
    open.close();
    release();
    throw storeError(error, path);
  }
  const database: SqliteDatabase = {
    close() {
      try {
        // So that the file alone is the whole database, where nobody else has it open.
        open.exec("pragma wal_checkpoint(truncate)");
      } catch {
        // On a full or damaged disk the log beside it has what the file lacks; what is wrong was told when it was written.
      }
      open.close();
      release();
    },
    prepare(text) {
      const statement = open.prepare(text);
      type Values = Parameters<typeof statement.all>;
      return {
        // Statements that give no rows give an empty list.
        reader: true,
        all: (values) => statement.all(...(values as Values)),
        run: (values) => statement.run(...(values as Values)),
        iterate: (values) => statement.iterate(...(values as Values)),
      };
    },
  };
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new ImmediateDriver(database, path),
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new WithoutRowLocks(),
    },
  });
}

/** WAL is a property of the file, so that even opening it as ours would change another program's. */
function requireOurs(open: InstanceType<typeof DatabaseSync>): void {
  const tables = open.prepare("select name from sqlite_master where type = 'table'").all() as { name: string }[];
  if (tables.length > 0 && !tables.some(({ name }) => name === "drmad_schema")) throw ofAnotherProgram();
}

/** What others commit changes the one (sqlite.org/pragma.html#pragma_data_version), rows that this connection writes the other. */
export async function revisionOf(db: Database): Promise<string> {
  const { rows } = await sql<{ others: number; own: number }>`
    select data_version as others, total_changes() as own from pragma_data_version`.execute(db);
  return `${rows[0]!.others} ${rows[0]!.own}`;
}
