import { Kysely, PostgresDialect, sql, type PostgresPoolClient, type PostgresQueryResult } from "kysely";
import type { Client, Pool, PoolClient } from "pg";
import { DrmadError } from "../errors.ts";
import type { Backend, Dialect } from "./backend.ts";
import { isBroken, postgresError } from "./postgres-error.ts";
import type { Tables } from "./tables.ts";
import { tableBytes } from "./tensor-table.ts";

export const isPostgres = (path: string): boolean => /^postgres(?:ql)?:\/\//i.test(path);

/** A URL as it may be shown and kept: without its password, be it well formed or not. A path is as it is. */
export const withoutPassword = (path: string): string =>
  isPostgres(path)
    ? path.replace(/^([a-z]+:\/\/[^:@/?]*):.*@/is, "$1@").replaceAll(/([?&])(?:ssl)?password=[^&]*/gi, "$1")
    : path;

/** Any number that all of ours agree on. */
const SCHEMA_LOCK = 0x64726d61;
const CONNECT_MS = 10_000;
const CONNECTIONS = 4;

/**
 * What is acknowledged is on disk; nobody waits for ever, and a process that was suspended within a transaction does not
 * keep others out.
 */
const SETTINGS = [
  "set synchronous_commit = on",
  "set lock_timeout = '30s'",
  "set idle_in_transaction_session_timeout = '60s'",
].join("; ");

export const POSTGRES: Dialect = {
  blob: "bytea",
  async tableNames(db) {
    const { rows } = await sql<{ name: string }>`
      select table_name as name from information_schema.tables where table_schema = current_schema()`.execute(db);
    return rows.map(({ name }) => name);
  },
  async columnNames(db, table) {
    const { rows } = await sql<{ name: string }>`
      select column_name as name from information_schema.columns
      where table_schema = current_schema() and table_name = ${table}`.execute(db);
    return rows.map(({ name }) => name);
  },
  async lockSchema(db) {
    await sql`select pg_advisory_xact_lock(${sql.lit(SCHEMA_LOCK)})`.execute(db);
  },
  async createMore(db) {
    await db.schema
      .createTable("tensor_bytes")
      .addColumn("study", "text", (c) => c.notNull().references("studies.id").onDelete("cascade"))
      .addColumn("file", "text", (c) => c.notNull())
      .addColumn("piece", "integer", (c) => c.notNull())
      .addColumn("bytes", "bytea", (c) => c.notNull())
      .addPrimaryKeyConstraint("tensor_bytes_key", ["file", "piece"])
      .execute();
    await db.schema.createIndex("tensor_bytes_of_study").on("tensor_bytes").column("study").execute();
  },
};

/** The URL without what is secret in it, put together from what it was understood as. */
function placeOf({ user, host, port, database }: Client): string {
  const at = host.startsWith("/") ? `/${database}?host=${host}` : `${host}:${port}/${database}`;
  return `postgres://${user === undefined || user === "" ? "" : `${user}@`}${at}`;
}

function understood(Parsed: typeof Client, url: string): string {
  try {
    return placeOf(new Parsed({ connectionString: url }));
  } catch {
    // Neither the URL nor the error, which may hold the password.
    throw new DrmadError("invalid-argument", "the URL of the store cannot be read", {
      hint: "Write postgres://USER@HOST:PORT/DATABASE, with special characters as %xx, and the password in PGPASSWORD.",
    });
  }
}

/** A connection whose errors are ours. */
function ours(client: PoolClient, place: string): PostgresPoolClient {
  let broken = false;
  return {
    async query<R>(text: unknown, values?: readonly unknown[]): Promise<PostgresQueryResult<R>> {
      // The server has rolled back what a broken connection began, and the error to tell is the first.
      if (broken && text === "rollback") return { command: "SELECT", rowCount: 0, rows: [] };
      try {
        return (await client.query(text as string, values as unknown[])) as unknown as PostgresQueryResult<R>;
      } catch (error) {
        broken ||= isBroken(error);
        throw postgresError(error, place);
      }
    },
    release: () => client.release(broken),
  } as PostgresPoolClient;
}

const poolOf = (pool: Pool, place: string) => ({
  async connect() {
    try {
      return ours(await pool.connect(), place);
    } catch (error) {
      throw postgresError(error, place);
    }
  },
  end: () => pool.end(),
});

/** Counts and times are numbers: all of ours are below 2⁵³. */
const INT8 = 20;

/**
 * Opens a database of a PostgreSQL server, for any number of processes on any number of machines. Rows that a transaction is
 * to change are locked as it reads them.
 *
 * Errors, at opening and later: `store-unreachable` where no server answers, or it has no such user, password or database;
 * `write-failed`; `malformed-file` for a damaged one.
 */
export async function postgresBackend(url: string): Promise<Backend> {
  const { Client: Parsed, Pool: Connections, types } = await import("pg");
  const place = understood(Parsed, url);
  const pool = new Connections({
    connectionString: url,
    application_name: "drmad",
    max: CONNECTIONS,
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    allowExitOnIdle: true,
    types: {
      getTypeParser: ((oid: number, format?: "text" | "binary") =>
        oid === INT8 ? Number : types.getTypeParser(oid, format)) as typeof types.getTypeParser,
    },
  });
  // An idle connection that breaks is replaced; the next query tells what is wrong.
  pool.on("error", () => undefined);
  pool.on("connect", (client) => {
    // One that breaks in use fails its query as well, which tells it; without a listener it would end the process.
    client.on("error", () => undefined);
    // Queued before all else; where it fails, so does what comes next.
    void client.query(SETTINGS).catch(() => undefined);
  });
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: poolOf(pool, place) }) });
  return {
    db,
    dialect: POSTGRES,
    place,
    bytes: tableBytes(db, place),
    bytesWithin: (transaction) => tableBytes(transaction, place),
    async letWait(transaction) {
      await sql`set local idle_in_transaction_session_timeout = 0`.execute(transaction);
    },
    async revision() {
      // A sign of life is a change as well: whoever shows studies looks again, at little cost.
      const { rows } = await sql<{ changes: string }>`
        select concat_ws(' ', count(*), max(updated), max(heartbeat), sum(events), sum(lease)) as changes
        from studies`.execute(db);
      return rows[0]!.changes;
    },
    async now(within = db) {
      const { rows } = await sql<{ ms: number }>`
        select floor(extract(epoch from clock_timestamp()) * 1000)::float8 as ms`.execute(within);
      return rows[0]!.ms;
    },
    // The server sees to that.
    requireSound: async () => undefined,
  };
}
