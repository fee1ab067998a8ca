import type { Transaction } from "kysely";
import { createHash, randomUUID } from "node:crypto";
import type { NdArray } from "../data/dataset.ts";
import type { Bytes } from "../data/zip.ts";
import { DrmadError } from "../errors.ts";
import type { StudyEvent } from "../study/state.ts";
import type { Backend } from "./backend.ts";
import { changesBy, isPassing, ROWS, stepOf, tensorRows } from "./append.ts";
import { decodeEvent } from "./event-codec.ts";
import { decodeKept, isWhole } from "./load.ts";
import { requireName, rowOf, type StudyRow } from "./records.ts";
import { decodeSafetensors } from "./safetensors.ts";
import type { Activity, ImportOptions } from "./store.ts";
import { decodeStudy, writeStudy, type PackedEvent, type PackedStudy, type ReadableTensors } from "./study-file.ts";
import type { Tables, TensorTable } from "./tables.ts";
import type { Told } from "./tensor-thumbnail.ts";
import { readChecked, sha256, type TensorBytes } from "./tensor-bytes.ts";

type Place = Pick<Backend, "db" | "bytes" | "bytesWithin" | "letWait"> & {
  readonly onActivity?: (activity: Activity) => void;
};

/** A study that runs may drop a file of the optimiser's state between two looks. */
const TRIES = 5;

/** Where an export goes, piece by piece. */
export interface StudySink {
  write(piece: Uint8Array): Promise<void> | void;
  /** Forgets what was written: a study that runs has dropped a file meanwhile. Where it is left out, that ends the export. */
  restart?(): void;
}

/** All of a study in one file, as its last committed event left it; one that runs is `stopped` in it. */
export async function exportStudy(at: Place, row: StudyRow, sink: StudySink): Promise<void> {
  for (let left = TRIES; ; left--) {
    try {
      return await exportOnce(at, row.id, sink);
    } catch (error) {
      const gone = error instanceof DrmadError && error.code === "file-not-found";
      if (!gone || left === 1 || sink.restart === undefined) throw error;
      sink.restart();
    }
  }
}

/** The same in memory. */
export async function exportedBytes(at: Place, row: StudyRow): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  await exportStudy(at, row, { write: (piece) => void pieces.push(piece), restart: () => void pieces.splice(0) });
  return new Uint8Array(Buffer.concat(pieces));
}

async function exportOnce({ db, bytes, bytesWithin, letWait }: Place, id: string, { write }: StudySink): Promise<void> {
  const written = (from: TensorBytes, study: PackedStudy): Promise<void> =>
    writeStudy(study, ({ file, sha256: hash }) => readChecked(from, { file: `${id}/${file}`, sha256: hash }), write);
  // One snapshot of all tables: a step that is committed meanwhile is in none of them.
  const snapshot = db.transaction().setIsolationLevel("repeatable read");
  const study = await snapshot.execute(async (transaction) => {
    // Whoever takes the pieces may be slow, and keeps nobody out.
    await letWait?.(transaction);
    const found = await packed(transaction, id);
    if (bytesWithin !== undefined) await written(bytesWithin(transaction), found);
    return found;
  });
  // Files are read after it, so that nobody who writes waits for them.
  if (bytesWithin === undefined) await written(bytes, study);
}

async function packed(transaction: Transaction<Tables>, id: string): Promise<PackedStudy> {
  const files = await transaction
    .selectFrom("tensors")
    .select(["sequence", "file", "sha256"])
    .distinct()
    .where("study", "=", id)
    .orderBy("sequence")
    .orderBy("file")
    .execute();
  const row = await transaction.selectFrom("studies").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
  const events = await transaction
    .selectFrom("events")
    .selectAll()
    .where("study", "=", id)
    .orderBy("sequence")
    .execute();
  const { name, state, notes, experiment, source, lease } = row;
  return {
    name,
    state: state === "running" ? "stopped" : state,
    tags: JSON.parse(row.tags) as string[],
    notes,
    experiment,
    source,
    options: JSON.parse(row.options) as Record<string, unknown>,
    error: row.error === null ? null : (JSON.parse(row.error) as { code: string; message: string }),
    lease,
    created: Number(row.created),
    updated: Number(row.updated),
    events: events.map((event) => ({
      type: event.type,
      json: event.json,
      at: Number(event.at),
      lease: event.lease,
      files: files
        .filter(({ sequence }) => sequence === event.sequence)
        .map(({ file, sha256: hash }) => ({ file: file.slice(file.lastIndexOf("/") + 1), sha256: hash })),
    })),
  };
}

/**
 * Brings a study from a file into a store: all of it, or nothing. Every hash is compared, every event and every array that the
 * rest depends on is read before anything is written; then it is read again, and no more than one event's arrays are held.
 * @returns the name that it has now
 * @throws DrmadError malformed-file, store-version, study-exists, invalid-argument for a name that is none, write-failed
 */
export async function importStudy(at: Place, bytes: Bytes, { as, file = "the file" }: ImportOptions): Promise<string> {
  const study = decodeStudy(bytes, file);
  const name = as ?? study.name;
  requireName(name);
  const id = randomUUID();
  const last = study.events.findLastIndex(({ type }) => type === "step");
  const start = study.events.find(({ type }) => type === "start");
  const begun = start && decodeEvent(start.json);
  const told = begun?.type === "start" ? begun : undefined;
  const read = study.events.map((event, i) => readEvent(event, id, i, file, isWhole(event.type, i, last), told));
  requireResumable(study, read, file);
  await requireNew(at, name);
  at.onActivity?.("import begins");
  const writeAll = async (to: TensorBytes): Promise<void> => {
    await to.begin(id);
    for (const { files } of study.events)
      for (const each of files) {
        await to.write(`${id}/${each.file}`, checkedBytes(each, file));
        at.onActivity?.("import files");
      }
  };
  const { bytesWithin } = at;
  try {
    // Files are written before anybody is kept out by a transaction.
    if (bytesWithin === undefined) await writeAll(at.bytes);
    await insert(at, { ...study, name }, id, read, async (transaction) => {
      if (bytesWithin !== undefined) return writeAll(bytesWithin(transaction));
      // Until now nothing referred to them.
      const there = new Set((await at.bytes.list(id)).map(({ file: own }) => own));
      if (study.events.every(({ files }) => files.every(({ file: own }) => there.has(`${id}/${own}`)))) return;
      throw new DrmadError("write-failed", "the store was cleaned while the study was imported", {
        hint: "Nothing was imported; import it again.",
      });
    });
  } catch (error) {
    if (bytesWithin === undefined) await at.bytes.removeStudy(id);
    throw error;
  }
  at.onActivity?.("import ends");
  return name;
}

function checkedBytes({ file, sha256: wanted, read }: ReadableTensors, name: string): Uint8Array {
  const bytes = read();
  if (sha256(bytes) !== wanted) throw malformed(name, `${file} does not have its SHA-256`);
  return bytes;
}

/** What the rest of an import needs of an event; its arrays are let go. */
interface ReadEvent {
  /** Without arrays. */
  readonly event: StudyEvent;
  /** Whether a step has the point that it was taken at. */
  readonly kept: boolean;
  readonly rows: readonly TensorTable[];
}

const malformed = (file: string, problem: string): DrmadError =>
  new DrmadError("malformed-file", `${file}: ${problem}`, {
    hint: "The file is damaged; export or fetch it again. Nothing was imported.",
  });

/** An event with all of its arrays; the optimiser's state is only there at the latest step. */
function readEvent(
  { json, files }: PackedEvent<ReadableTensors>,
  id: string,
  i: number,
  name: string,
  whole: boolean,
  told: Told | undefined,
): ReadEvent {
  const tensors: Record<string, NdArray> = Object.create(null) as Record<string, NdArray>;
  const bare = decodeEvent(json);
  const rows = files.flatMap((each) => {
    const { file, sha256: wanted } = each;
    const found = decodeSafetensors(checkedBytes(each, name), `${name}: ${file}`).tensors;
    const passing = file.includes("-optimizer");
    for (const [path, array] of Object.entries(found)) {
      if (path in tensors || isPassing(path) !== passing)
        throw malformed(
          name,
          `event ${i} has the array ${JSON.stringify(path)} twice, or in a file that it does not belong to`,
        );
      tensors[path] = array;
    }
    return tensorRows(
      found,
      { study: id, sequence: i, step: stepOf(bare), file: `${id}/${file}`, sha256: wanted },
      told,
    );
  });
  const event = whole ? decodeEvent(json, tensors) : decodeKept(json, tensors);
  // Any other has all of its arrays or, where they are not kept, none; but the optimiser's.
  if (files.length > 0 && lacks(json, event)) decodeEvent(json, tensors);
  const problem = arraysProblem(event);
  if (problem !== undefined) throw malformed(name, `event ${i} ${problem}`);
  return { event: bare, kept: event.type === "step" && event.kept !== undefined, rows };
}

/** Whether something that the text of an event names could not be made of its arrays. */
function lacks(json: string, event: StudyEvent): boolean {
  const named = JSON.parse(json) as Readonly<Record<string, unknown>>;
  const made = event as Readonly<Record<string, unknown>>;
  return ["kept", "at", "values"].some((key) => named[key] !== undefined && made[key] === undefined);
}

const isArrays = (value: unknown, is: (array: unknown) => boolean): boolean =>
  typeof value === "object" && value !== null && !Array.isArray(value) && Object.values(value).every(is);
const isPoint = (value: unknown): boolean => isArrays(value, (array) => array instanceof Float64Array);
const isNdArray = (value: unknown): boolean =>
  typeof value === "object" && value !== null && "shape" in value && "data" in value && ArrayBuffer.isView(value.data);

/** What is wrong with the arrays of an event, undefined where nothing is. */
function arraysProblem(event: StudyEvent): string | undefined {
  if (event.type === "start" || event.type === "fork")
    return isPoint(event.at?.point) ? undefined : "has no point to start from";
  if (event.type === "result") return isArrays(event.values, isNdArray) ? undefined : "has no values";
  if (event.type !== "step") return undefined;
  const { kept, values } = event;
  if (values !== undefined && !isArrays(values, isNdArray)) return "has values that are no arrays";
  if (kept === undefined) return undefined;
  if (!isPoint(kept.point)) return "has no point";
  if (kept.found === undefined) return undefined;
  return isPoint(kept.found.gradient) && typeof kept.found.value === "number" ? undefined : "has no hypergradient";
}

/** That what follows has all that it depends on: the last step whole, the best one's point. */
function requireResumable({ events }: PackedStudy, read: readonly ReadEvent[], name: string): void {
  const steps = read.flatMap(({ event, kept }, i) => (event.type === "step" ? [{ event, kept, i }] : []));
  const [last, best] = [steps.at(-1), steps.findLast(({ event }) => event.best)];
  const begun = read.findLastIndex(({ event }) => event.type === "start" || event.type === "fork");
  if (last === undefined || best === undefined || begun > last.i) {
    if (events[begun] !== undefined && !hasOptimizer(events[begun]))
      throw malformed(name, "its start lacks the optimiser's state");
    return;
  }
  if (!last.kept || !best.kept) throw malformed(name, "its last or its best step lacks the point that it was taken at");
  const ended = read.at(-1)!.event.type === "result";
  if (!ended && !hasOptimizer(events[last.i]!)) throw malformed(name, "its last step lacks the optimiser's state");
}

/** Whether an optimiser that keeps arrays or numbers has them in the file. */
const hasOptimizer = ({ json, files }: PackedEvent): boolean =>
  !/"optimizer":[^]*"\$(?:scalar|values|array)":"(?:kept|at)\/optimizer/.test(json) ||
  files.some(({ file }) => file.includes("-optimizer"));

async function requireNew({ db }: Place, name: string): Promise<void> {
  const found = await db.selectFrom("studies").select("id").where("name", "=", name).executeTakeFirst();
  if (found !== undefined) throw exists(name);
}

const exists = (name: string): DrmadError =>
  new DrmadError("study-exists", `there is a study ${JSON.stringify(name)} already`, {
    hint: "Import it under another name: --as NAME.",
  });

/** One transaction: the study is there with all of it, or not at all. */
async function insert(
  { db, onActivity }: Place,
  study: PackedStudy,
  id: string,
  read: readonly ReadEvent[],
  alsoWrite: (transaction: Transaction<Tables>) => Promise<void>,
): Promise<void> {
  const { name, tags, notes, experiment, source, options, error, state, lease, created, updated, events } = study;
  const hash = source === null ? null : createHash("sha256").update(source).digest("hex");
  const about = { name, tags, notes, experiment, options, ...(source === null ? {} : { source }) };
  const counted = read.reduce((row, { event }) => changesBy(row, event), {
    steps: 0,
    outer_steps: null,
    best_step: null,
    best_loss: null,
    start_loss: null,
  } as Parameters<typeof changesBy>[0]);
  const row: StudyRow = {
    ...rowOf(about, id, hash, created),
    ...counted,
    imported: 1,
    state,
    lease,
    updated,
    events: events.length,
    error: error === null ? null : JSON.stringify(error),
  };
  const eventRows = events.map(({ type, json, at, lease: by }, sequence) => ({
    study: id,
    sequence,
    type,
    json,
    lease: by,
    at,
  }));
  const rows = read.flatMap((event) => event.rows);
  await db.transaction().execute(async (transaction) => {
    const made = await transaction
      .insertInto("studies")
      .values(row)
      .onConflict((conflict) => conflict.column("name").doNothing())
      .returning("id")
      .execute();
    if (made.length === 0) throw exists(name);
    await alsoWrite(transaction);
    for (let at = 0; at < eventRows.length; at += ROWS)
      await transaction
        .insertInto("events")
        .values(eventRows.slice(at, at + ROWS))
        .execute();
    for (let at = 0; at < rows.length; at += ROWS)
      await transaction
        .insertInto("tensors")
        .values(rows.slice(at, at + ROWS))
        .execute();
    onActivity?.("import rows");
  });
}
