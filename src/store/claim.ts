import { sql } from "kysely";
import { DrmadError } from "../errors.ts";
import type { StudyEvent, StudyState } from "../study/state.ts";
import { commitEvents, lost, writeEvent } from "./append.ts";
import { loadState } from "./load.ts";
import { thisProcess } from "./owner.ts";
import { isStale } from "./records.ts";
import type { Database } from "./sqlite.ts";
import { damaged } from "./store-error.ts";
import type { Activity, Claim } from "./store.ts";
import type { KeptState } from "./tables.ts";
import { makeStudyFolder, removeFiles, removeOthers } from "./tensor-files.ts";

export interface Place {
  readonly db: Database;
  readonly folder: string;
  readonly place: string;
  readonly staleMs: number;
  readonly onActivity: (activity: Activity) => void;
}

/**
 * Takes a study and brings what an interruption left in order. Of two processes that try, one gets it. A kill at any instant
 * leaves either the former owner's row or this one's, and in both cases all that was committed.
 */
export async function claimStudy(at: Place, id: string): Promise<Claim> {
  const { db, folder, onActivity } = at;
  onActivity("recovery begins");
  await requireSound(at);
  const { lease, before } = await take(at, id);
  const mine = { id, lease };
  let from: StudyState;
  let sequence: number;
  try {
    onActivity("recovery rows");
    makeStudyFolder(folder, id);
    const rows = await db.selectFrom("tensors").select("file").distinct().where("study", "=", id).execute();
    removeOthers(folder, id, new Set(rows.map(({ file }) => file)));
    onActivity("recovery files");
    from = await loadState(db, folder, id);
    sequence = (await db.selectFrom("studies").select("events").where("id", "=", id).executeTakeFirstOrThrow()).events;
    const { n } = await db
      .selectFrom("events")
      .select(({ fn }) => fn.countAll<number>().as("n"))
      .where("study", "=", id)
      .executeTakeFirstOrThrow();
    if (Number(n) !== sequence) throw damaged(at.place, `a study has ${n} events where ${sequence} were kept`);
  } catch (error) {
    await release(db, mine, before);
    throw error;
  }
  onActivity("recovery ends");

  let turn: Promise<void> = Promise.resolve();
  const append = async (events: readonly StudyEvent[]): Promise<void> => {
    onActivity("commit begins");
    const written = events.map((event, i) => writeEvent(folder, id, lease, sequence + i, event));
    onActivity("commit files");
    const now = Date.now();
    const dropped = await db
      .transaction()
      .execute(async (transaction) => {
        const files = await commitEvents(transaction, { id, lease, sequence }, events, written, now);
        onActivity("commit rows");
        return files;
      })
      .catch((error: unknown) => {
        removeFiles(folder, [...new Set(written.flatMap(({ rows }) => rows.map(({ file }) => file)))]);
        throw error;
      });
    sequence += events.length;
    removeFiles(folder, dropped);
    onActivity("commit ends");
  };
  return {
    from,
    append(events) {
      // One after another, whoever asks.
      const next = turn.then(() => append(events));
      turn = next.catch(() => undefined);
      return next;
    },
    async beat() {
      const [row] = await db
        .updateTable("studies")
        .set({ heartbeat: Date.now() })
        .where("id", "=", id)
        .where("lease", "=", lease)
        .where("state", "=", "running")
        .returning("stop_requested")
        .execute();
      if (row === undefined) throw lost(undefined);
      return row.stop_requested === 1;
    },
    release: async (state = before, error) => release(db, mine, state, error),
  };
}

/** @throws DrmadError malformed-file */
async function requireSound({ db, place }: Place): Promise<void> {
  const { rows } = await sql<{ quick_check: string }>`pragma quick_check(1)`.execute(db);
  const found = rows[0]?.quick_check;
  if (found !== "ok") throw damaged(place, `${found}`);
}

async function take(
  { db, staleMs }: Place,
  id: string,
): Promise<{ readonly lease: number; readonly before: KeptState }> {
  return db.transaction().execute(async (transaction) => {
    const row = await transaction.selectFrom("studies").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
    const now = Date.now();
    if (row.state === "running" && !isStale(row, now, staleMs)) {
      const seconds = Math.round((now - Number(row.heartbeat)) / 1000);
      throw new DrmadError(
        "study-running",
        `another process runs the study ${JSON.stringify(row.name)}; its last sign of life was ${seconds} s ago`,
        { hint: "Wait for it, or stop it: drmad stop NAME." },
      );
    }
    const lease = row.lease + 1;
    await transaction
      .updateTable("studies")
      .set({
        state: "running",
        lease,
        owner: thisProcess(),
        heartbeat: now,
        stop_requested: 0,
        error: null,
        updated: now,
      })
      .where("id", "=", id)
      .execute();
    // What was running and has no process any more can go on: it counts as stopped.
    return { lease, before: row.state === "running" ? "stopped" : row.state };
  });
}

async function release(
  db: Database,
  { id, lease }: { readonly id: string; readonly lease: number },
  state: KeptState,
  error?: unknown,
): Promise<void> {
  const told =
    error instanceof Error
      ? JSON.stringify({ code: error instanceof DrmadError ? error.code : "defect", message: error.message })
      : null;
  await db
    .updateTable("studies")
    .set({ state, owner: null, stop_requested: 0, error: told, updated: Date.now() })
    .where("id", "=", id)
    .where("lease", "=", lease)
    .where("state", "=", "running")
    .execute();
}
