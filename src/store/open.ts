import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { DrmadError, requireOptions, type OptionNames } from "../errors.ts";
import type { Backend } from "./backend.ts";
import { claimStudy } from "./claim.ts";
import { cleanStudies, removeStudy } from "./clean.ts";
import { decodeEvent } from "./event-codec.ts";
import { loadEvent, loadState, tensorsOf } from "./load.ts";
import { isPostgres, postgresBackend } from "./postgres.ts";
import { isStale, requireName, rowOf, summaryOfRow, type StudyRow } from "./records.ts";
import { hasSchema, MIGRATIONS, requireSchema, upgradeSchema } from "./schema.ts";
import { sqliteBackend } from "./sqlite.ts";
import type { Activity, NewStudy, Store } from "./store.ts";
import { hasStudies, tensorFolder } from "./tensor-files.ts";
import { thumbnailsOf } from "./thumbnails.ts";
import { exportedBytes, exportStudy, importStudy } from "./transfer.ts";
import { requireWhole } from "./whole.ts";

export interface StoreOptions {
  /** Make a new store where there is none (default), or refuse. */
  readonly create?: boolean;
  /** Without a sign of life for so long, a study counts as run by nobody. Signs come every two seconds. Default 15. */
  readonly staleSeconds?: number;
  readonly onActivity?: (activity: Activity) => void;
}

const STALE_SECONDS = 15;

const NEW_STUDY: OptionNames<NewStudy> = {
  name: "text",
  tags: "list?",
  notes: "text?",
  experiment: "text",
  source: "text?",
  options: "record?",
};

function requireTags(tags: readonly unknown[]): void {
  const bad = tags.find((tag) => typeof tag !== "string");
  if (bad === undefined) return;
  throw new DrmadError("invalid-argument", `tags holds ${String(bad)}`, { hint: "Every tag must be text." });
}

/**
 * Opens a store of studies. A path is an SQLite file with a folder of safetensors files beside it (`PATH.tensors`), for any
 * number of processes of one machine: SQLite's locks cannot be trusted on file systems that machines share. A URL
 * `postgres://USER@HOST/DATABASE` is a database of a PostgreSQL server, which holds the safetensors files as well, for any
 * number of machines. Each study is written by one process at a time.
 *
 * Errors: `file-not-found` where there is none and none shall be made; `store-unreachable` where no server answers, or it does
 * not let the user in or has no such database; `write-failed`; `malformed-file` for a damaged store or a database of another
 * kind; `store-version` for one of a newer drmad, or an older one that is to be upgraded first.
 */
export async function open(path: string, options: StoreOptions = {}): Promise<Store> {
  requireOptions("study.open", options, { create: "boolean?", staleSeconds: "number?", onActivity: "function?" });
  const { create = true, staleSeconds = STALE_SECONDS, onActivity = () => undefined } = options;
  const at = await backend(path, create);
  const { db, place } = at;
  try {
    if (create || !isPostgres(path)) await requireSchema(db, at.dialect);
    else if (!(await hasSchema(db, at.dialect))) throw noStore(place);
  } catch (error) {
    await db.destroy();
    throw error;
  }
  const staleMs = 1000 * staleSeconds;

  const rowBy = async (name: string): Promise<StudyRow> => {
    const row = await db.selectFrom("studies").selectAll().where("name", "=", name).executeTakeFirst();
    if (row !== undefined) return row;
    throw new DrmadError("study-not-found", `there is no study ${JSON.stringify(name)} in ${place}`, {
      hint: "drmad runs lists the studies of a store; --store names another store.",
    });
  };

  return {
    place,
    async create(study) {
      requireOptions("create", study, NEW_STUDY);
      requireName(study.name);
      requireTags(study.tags ?? []);
      const hash = study.source === undefined ? null : createHash("sha256").update(study.source).digest("hex");
      const row = rowOf(study, randomUUID(), hash, await at.now());
      const made = await db
        .insertInto("studies")
        .values(row)
        .onConflict((conflict) => conflict.column("name").doNothing())
        .returning("id")
        .execute();
      if (made.length > 0) return;
      throw new DrmadError("study-exists", `there is a study ${JSON.stringify(study.name)} already in ${place}`, {
        hint: "Choose another name, or go on with that one: drmad resume NAME.",
      });
    },
    async list() {
      const rows = await db.selectFrom("studies").selectAll().orderBy("created", "desc").orderBy("name").execute();
      const now = await at.now();
      return rows.map((row) => summaryOfRow(row, now, staleMs));
    },
    get: async (name) => summaryOfRow(await rowBy(name), await at.now(), staleMs),
    async events(name, from = 0) {
      const { id } = await rowBy(name);
      const rows = await db
        .selectFrom("events")
        .select(["sequence", "at", "json"])
        .where("study", "=", id)
        .where("sequence", ">=", from)
        .orderBy("sequence")
        .execute();
      const found = await db.selectFrom("tensors").select("sequence").distinct().where("study", "=", id).execute();
      const withArrays = new Set(found.map(({ sequence }) => sequence));
      return rows.map(({ sequence, at, json }) => ({
        sequence,
        at: new Date(Number(at)),
        event: decodeEvent(json),
        arrays: withArrays.has(sequence),
      }));
    },
    tensors: async (name, sequence) => tensorsOf(at, (await rowBy(name)).id, sequence),
    thumbnails: async (name, path, limit) => thumbnailsOf(db, await rowBy(name), path, limit),
    event: async (name, sequence) => loadEvent(at, (await rowBy(name)).id, sequence),
    async state(name) {
      for (;;) {
        const { id, events } = await rowBy(name);
        try {
          return await loadState(at, id);
        } catch (error) {
          // A step that was kept meanwhile has replaced what was being read.
          if ((await rowBy(name)).events === events) throw error;
        }
      }
    },
    claim: async (name) => claimStudy({ ...at, staleMs, onActivity }, (await rowBy(name)).id),
    async requestStop(name) {
      const { id } = await rowBy(name);
      await db.transaction().execute(async (transaction) => {
        const row = await transaction
          .selectFrom("studies")
          .selectAll()
          .where("id", "=", id)
          .forUpdate()
          .executeTakeFirstOrThrow();
        const now = await at.now(transaction);
        if (row.state !== "running") {
          throw new DrmadError("study-not-running", `the study ${JSON.stringify(name)} is ${row.state}`, {
            hint: "Only a running study can be stopped.",
          });
        }
        const change = isStale(row, now, staleMs)
          ? ({ state: "stopped", owner: null, updated: now } as const)
          : { stop_requested: 1, updated: now };
        await transaction.updateTable("studies").set(change).where("id", "=", id).execute();
      });
    },
    async annotate(name, annotation) {
      requireOptions("annotate", annotation, { notes: "text?", tags: "list?" });
      const { id } = await rowBy(name);
      const { notes, tags } = annotation;
      requireTags(tags ?? []);
      const change = {
        ...(notes !== undefined && { notes }),
        ...(tags !== undefined && { tags: JSON.stringify(tags) }),
        updated: await at.now(),
      };
      await db.updateTable("studies").set(change).where("id", "=", id).execute();
    },
    revision: () => at.revision(),
    exportStudy: async (name) => exportedBytes(at, await rowBy(name)),
    async exportStudyTo(name, sink) {
      requireOptions("exportStudyTo", sink, { write: "function", restart: "function?" });
      await exportStudy(at, await rowBy(name), sink);
    },
    async importStudy(bytes, given = {}) {
      requireOptions("importStudy", given, { as: "text?", file: "text?" });
      return importStudy({ ...at, onActivity }, bytes, given);
    },
    free: () => at.bytes.free(),
    async clean(cleaning = {}) {
      requireOptions("clean", cleaning, { names: "list?", keep: "text?", dryRun: "boolean?" });
      const { names } = cleaning;
      const rows =
        names === undefined
          ? await db.selectFrom("studies").selectAll().orderBy("name").execute()
          : await Promise.all(names.map(rowBy));
      return cleanStudies(at, rows, cleaning);
    },
    remove: async (name, { dryRun = false } = {}) => removeStudy(at, await rowBy(name), staleMs, dryRun),
    close: () => db.destroy(),
  };
}

/** What an upgrade did. */
export interface Upgraded {
  readonly place: string;
  /** Versions of the schema, before and after; the same where there was nothing to do. */
  readonly from: number;
  readonly to: number;
  /** Number of studies in it. */
  readonly studies: number;
}

/**
 * Brings a store of an older drmad to this one's schema, in one transaction: where it fails, the store is what it was. Older
 * drmads do not read it any more.
 *
 * Errors: those of `open`, and `study-running` where a process is at work on a study, which may be an older drmad's.
 */
export async function upgrade(path: string): Promise<Upgraded> {
  const at = await backend(path, false);
  const { db, dialect, place } = at;
  try {
    if ((await dialect.tableNames(db)).length === 0) throw noStore(place);
    const from = await upgradeSchema(db, dialect, MIGRATIONS, async (transaction) => {
      const now = await at.now(transaction);
      const rows = await transaction.selectFrom("studies").selectAll().where("state", "=", "running").execute();
      const running = rows.find((row) => !isStale(row, now, 1000 * STALE_SECONDS));
      if (running === undefined) return;
      throw new DrmadError("study-running", `a process runs the study ${JSON.stringify(running.name)} in ${place}`, {
        hint: "Wait for it, or stop it: drmad stop NAME, with the drmad that began it. Nothing was changed.",
      });
    });
    await requireSchema(db, dialect);
    const { n } = await db.selectFrom("studies").select(({ fn }) => fn.countAll<number>().as("n")).executeTakeFirstOrThrow(); // prettier-ignore
    return { place, from, to: Math.max(from, MIGRATIONS.length), studies: Number(n) };
  } finally {
    await db.destroy();
  }
}

const noStore = (place: string): DrmadError =>
  new DrmadError("file-not-found", `there is no store ${JSON.stringify(place)}`, {
    hint: "A store is made by drmad tune --study NAME; name another with --store.",
  });

async function backend(path: string, create: boolean): Promise<Backend> {
  if (isPostgres(path)) return postgresBackend(path);
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(path)?.[1];
  if (scheme !== undefined) {
    throw new DrmadError("invalid-argument", `a store cannot be at a URL that begins with ${scheme}://`, {
      hint: "Give the path of a file, or postgres://USER@HOST/DATABASE.",
    });
  }
  const place = resolve(path);
  if (existsSync(place) && statSync(place).isDirectory()) {
    throw new DrmadError("write-failed", `${JSON.stringify(place)} is a folder, and a store is a file`, {
      hint: "Name a file in it, such as drmad.db.",
    });
  }
  const fresh = !existsSync(place);
  const empty = fresh || (statSync(place).size === 0 && !existsSync(`${place}-wal`));
  if (empty && !create && !hasStudies(tensorFolder(place))) throw noStore(place);
  if (fresh) makeFolder(dirname(place));
  await requireWhole(place);
  return sqliteBackend(place);
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (cause) {
    throw new DrmadError("write-failed", `cannot make the folder ${JSON.stringify(path)}: ${String(cause)}`, {
      hint: "Name a store in a folder that you may write to.",
      cause,
    });
  }
}
