import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { DrmadError, requireOptions, type OptionNames } from "../errors.ts";
import { claimStudy } from "./claim.ts";
import { decodeEvent } from "./event-codec.ts";
import { loadState, tensorsOf } from "./load.ts";
import { isStale, requireName, rowOf, summaryOfRow, type StudyRow } from "./records.ts";
import { requireSchema, upgradeSchema } from "./schema.ts";
import { openSqlite, type Database } from "./sqlite.ts";
import type { Activity, NewStudy, Store } from "./store.ts";
import { tensorFolder } from "./tensor-files.ts";
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
 * Opens a store of studies: an SQLite file with a folder of safetensors files beside it (`PATH.tensors`). Any number of
 * processes may have it open, and each study is written by one of them at a time. Not for file systems shared by machines,
 * where SQLite's locks cannot be trusted.
 *
 * Errors: `file-not-found` where there is none and none shall be made; `write-failed`; `malformed-file` for a damaged file or
 * one of another kind; `store-version` for one of a newer drmad, or an older one that is to be upgraded first.
 */
export async function open(path: string, options: StoreOptions = {}): Promise<Store> {
  requireOptions("study.open", options, { create: "boolean?", staleSeconds: "number?", onActivity: "function?" });
  const { create = true, staleSeconds = STALE_SECONDS, onActivity = () => undefined } = options;
  const place = resolve(path);
  const db = await database(place, create);
  try {
    await requireSchema(db);
  } catch (error) {
    await db.destroy();
    throw error;
  }
  const folder = tensorFolder(place);
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
      const row = rowOf(study, randomUUID(), hash, Date.now());
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
      const now = Date.now();
      return rows.map((row) => summaryOfRow(row, now, staleMs));
    },
    get: async (name) => summaryOfRow(await rowBy(name), Date.now(), staleMs),
    async events(name, from = 0) {
      const { id } = await rowBy(name);
      const rows = await db
        .selectFrom("events")
        .select(["sequence", "at", "json"])
        .where("study", "=", id)
        .where("sequence", ">=", from)
        .orderBy("sequence")
        .execute();
      return rows.map(({ sequence, at, json }) => ({ sequence, at: new Date(Number(at)), event: decodeEvent(json) }));
    },
    tensors: async (name, sequence) => tensorsOf(db, folder, (await rowBy(name)).id, sequence),
    state: async (name) => loadState(db, folder, (await rowBy(name)).id),
    claim: async (name) => claimStudy({ db, folder, place, staleMs, onActivity }, (await rowBy(name)).id),
    async requestStop(name) {
      const { id } = await rowBy(name);
      await db.transaction().execute(async (transaction) => {
        const row = await transaction.selectFrom("studies").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
        if (row.state !== "running") {
          throw new DrmadError("study-not-running", `the study ${JSON.stringify(name)} is ${row.state}`, {
            hint: "Only a running study can be stopped.",
          });
        }
        const gone = isStale(row, Date.now(), staleMs);
        const change = gone
          ? ({ state: "stopped", owner: null, updated: Date.now() } as const)
          : { stop_requested: 1, updated: Date.now() };
        await transaction.updateTable("studies").set(change).where("id", "=", id).execute();
      });
    },
    close: () => db.destroy(),
  };
}

/** Brings a store of an older drmad to this one's schema; see `open` for errors. */
export async function upgrade(path: string): Promise<void> {
  const db = await database(resolve(path), false);
  try {
    await upgradeSchema(db);
    await requireSchema(db);
  } finally {
    await db.destroy();
  }
}

async function database(place: string, create: boolean): Promise<Database> {
  const fresh = !existsSync(place);
  if (fresh && !create) {
    throw new DrmadError("file-not-found", `there is no store ${JSON.stringify(place)}`, {
      hint: "A store is made by drmad tune --study NAME; name another with --store.",
    });
  }
  if (fresh) makeFolder(dirname(place));
  await requireWhole(place);
  return openSqlite(place);
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
