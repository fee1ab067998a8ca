import type { Kysely, Transaction } from "kysely";
import type { Tables } from "./tables.ts";
import type { TensorBytes } from "./tensor-bytes.ts";

export type Database = Kysely<Tables>;

/** What two kinds of databases say differently; all other queries are the same. */
export interface Dialect {
  /** The type of a column of bytes. */
  readonly blob: "blob" | "bytea";
  /** Tables that are there, where ours would be. */
  tableNames(db: Kysely<Tables>): Promise<readonly string[]>;
  columnNames(db: Kysely<Tables>, table: keyof Tables): Promise<readonly string[]>;
  /** Within a transaction: others that change the schema wait. */
  lockSchema(db: Transaction<Tables>): Promise<void>;
  /** Makes what else it needs besides the tables that both have. */
  createMore(db: Transaction<Tables>): Promise<void>;
}

/** An open database with the tensors that belong to it. */
export interface Backend {
  readonly db: Database;
  readonly dialect: Dialect;
  /** For messages: never with a password. */
  readonly place: string;
  readonly bytes: TensorBytes;
  /** The same within a transaction; only where they lie in the database, and refer to their study's row. */
  bytesWithin?(transaction: Transaction<Tables>): TensorBytes;
  /** Lets a transaction that only reads wait for its caller for as long as that takes; only where there is a limit. */
  letWait?(transaction: Transaction<Tables>): Promise<void>;
  /** Another text whenever anything was committed since, by whatever process. */
  revision(): Promise<string>;
  /** Milliseconds since 1970 by the one clock that all who write here share; asked within a transaction where one is given. */
  now(db?: Kysely<Tables>): Promise<number>;
  /** That it is not damaged. @throws DrmadError malformed-file */
  requireSound(): Promise<void>;
}
