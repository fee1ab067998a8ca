import type { NdArray } from "../data/dataset.ts";
import { fold, nothingYet, type StudyEvent, type StudyState } from "../study/state.ts";
import { decodeEvent } from "./event-codec.ts";
import type { Database } from "./sqlite.ts";
import { readTensors } from "./tensor-files.ts";

/** The arrays of an event, from files that are exactly what was written. */
export async function tensorsOf(
  db: Database,
  folder: string,
  study: string,
  sequence: number,
): Promise<Readonly<Record<string, NdArray>>> {
  const rows = await db
    .selectFrom("tensors")
    .select(["file", "sha256"])
    .distinct()
    .where("study", "=", study)
    .where("sequence", "=", sequence)
    .orderBy("file")
    .execute();
  return Object.assign({}, ...rows.map((row) => readTensors(folder, row))) as Record<string, NdArray>;
}

/** A study's events, folded, with the arrays of those steps that what follows depends on. */
export async function loadState(db: Database, folder: string, study: string): Promise<StudyState> {
  const rows = await db
    .selectFrom("events")
    .select(["sequence", "type", "json"])
    .where("study", "=", study)
    .orderBy("sequence")
    .execute();
  const bare = rows.map(({ json }) => decodeEvent(json));
  const steps = bare.flatMap((event, i) => (event.type === "step" ? [{ i, best: event.best }] : []));
  const [last, best] = [steps.at(-1)?.i, steps.findLast((step) => step.best)?.i];
  let state = nothingYet;
  for (const [i, { sequence, type, json }] of rows.entries()) {
    const numbers = i === last || i === best || type === "result" || (type === "start" && steps.length === 0);
    let event = bare[i]!;
    if (numbers) {
      const tensors = await tensorsOf(db, folder, study, sequence);
      event = i === best && i !== last ? pointOnly(json, tensors) : decodeEvent(json, tensors);
    }
    state = fold(state, event);
  }
  return state;
}

/** What a former step still has: where it was taken. */
export function pointOnly(json: string, tensors: Readonly<Record<string, NdArray>>): StudyEvent {
  const event = JSON.parse(json) as Readonly<Record<string, unknown>>;
  const bare = ["kept", "at"].flatMap((key) => {
    const position = event[key];
    return typeof position === "object" && position !== null ? [[key, { ...position, optimizer: null }] as const] : [];
  });
  return decodeEvent(JSON.stringify({ ...event, ...Object.fromEntries(bare) }), tensors);
}
