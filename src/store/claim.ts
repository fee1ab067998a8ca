import { DrmadError } from "../errors.ts";
import type { StudyState } from "../study/state.ts";
import { commitEvents, lost, writeEvent, type WrittenEvent } from "./append.ts";
import type { Backend } from "./backend.ts";
import { loadState } from "./load.ts";
import { thisProcess } from "./owner.ts";
import { isStale } from "./records.ts";
import { damaged } from "./store-error.ts";
import type { Activity, Claim } from "./store.ts";
import type { KeptState } from "./tables.ts";

export interface Place extends Backend {
  readonly staleMs: number;
  readonly onActivity: (activity: Activity) => void;
}

/**
 * Takes a study and brings what an interruption left in order. Of two processes that try, one gets it. A kill at any instant
 * leaves either the former owner's row or this one's, and in both cases all that was committed.
 */
export async function claimStudy(at: Place, id: string): Promise<Claim> {
  const { db, bytes, onActivity } = at;
  onActivity("recovery begins");
  await at.requireSound();
  const { lease, before } = await take(at, id);
  const mine = { id, lease };
  let from: StudyState;
  let sequence: number;
  try {
    onActivity("recovery rows");
    await bytes.begin(id);
    const all = await bytes.list(id);
    const rows = await db.selectFrom("tensors").select("file").distinct().where("study", "=", id).execute();
    const referred = new Set(rows.map(({ file }) => file));
    await bytes.remove(all.flatMap(({ file }) => (referred.has(file) ? [] : [file])));
    onActivity("recovery files");
    from = await loadState(at, id);
    sequence = (await db.selectFrom("studies").select("events").where("id", "=", id).executeTakeFirstOrThrow()).events;
    const { n } = await db
      .selectFrom("events")
      .select(({ fn }) => fn.countAll<number>().as("n"))
      .where("study", "=", id)
      .executeTakeFirstOrThrow();
    if (Number(n) !== sequence) throw damaged(at.place, `a study has ${n} events where ${sequence} were kept`);
  } catch (error) {
    await release(at, mine, before);
    throw error;
  }
  onActivity("recovery ends");

  let turn: Promise<void> = Promise.resolve();
  let told = from.info;
  /** Whether a connection broke before it said what became of the last commit. */
  let unsure = false;
  const append: Claim["append"] = async (events, whole = async (event) => event) => {
    onActivity("commit begins");
    if (unsure) await requireNotKept(at, mine, sequence);
    unsure = false;
    const written: WrittenEvent[] = [];
    for (const [i, event] of events.entries()) {
      if (event.type === "start") told = event;
      written.push(await writeEvent(bytes, id, lease, sequence + i, await whole(event), told));
    }
    onActivity("commit files");
    const now = await at.now();
    const dropped = await db
      .transaction()
      .execute(async (transaction) => {
        const files = await commitEvents(transaction, { id, lease, sequence }, events, written, now);
        onActivity("commit rows");
        return files;
      })
      .catch(async (error: unknown) => {
        // A connection that broke does not say whether the transaction was committed: that is asked before more is written.
        unsure = error instanceof DrmadError && error.code === "store-unreachable";
        const files = [...new Set(written.flatMap(({ rows }) => rows.map(({ file }) => file)))];
        if (!unsure) await bytes.remove(files).catch(() => undefined);
        throw error;
      });
    sequence += events.length;
    // The events are kept, whatever becomes of what nothing refers to any more: the next claim removes it as well.
    await bytes.remove(dropped).catch(() => undefined);
    onActivity("commit ends");
  };
  return {
    from,
    append(events, whole) {
      // One after another, whoever asks.
      const next = turn.then(() => append(events, whole));
      turn = next.catch(() => undefined);
      return next;
    },
    async beat() {
      const [row] = await db
        .updateTable("studies")
        .set({ heartbeat: await at.now() })
        .where("id", "=", id)
        .where("lease", "=", lease)
        .where("state", "=", "running")
        .returning("stop_requested")
        .execute();
      if (row === undefined) throw lost(undefined);
      return row.stop_requested === 1;
    },
    release: async (state = before, error) => release(at, mine, state, error),
  };
}

/** What a broken connection left unsaid is asked before anything is written in its place. */
async function requireNotKept(
  { db, place }: Place,
  { id, lease }: { readonly id: string; readonly lease: number },
  sequence: number,
): Promise<void> {
  const row = await db
    .selectFrom("studies")
    .select(["name", "events", "lease"])
    .where("id", "=", id)
    .executeTakeFirst();
  if (row === undefined || row.lease !== lease) throw lost(row);
  if (row.events === sequence) return;
  const what = `the connection to ${place} broke as the study ${JSON.stringify(row.name)} was written, and the step was kept`;
  throw new DrmadError("write-failed", what, { hint: "Nothing is lost: go on after it with drmad resume NAME." });
}

async function take(
  { db, staleMs, now: clock }: Place,
  id: string,
): Promise<{ readonly lease: number; readonly before: KeptState }> {
  return db.transaction().execute(async (transaction) => {
    const row = await transaction
      .selectFrom("studies")
      .selectAll()
      .where("id", "=", id)
      .forUpdate()
      .executeTakeFirstOrThrow();
    const now = await clock(transaction);
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
  { db, now }: Backend,
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
    .set({ state, owner: null, stop_requested: 0, error: told, updated: await now() })
    .where("id", "=", id)
    .where("lease", "=", lease)
    .where("state", "=", "running")
    .execute();
}
