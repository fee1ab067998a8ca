import type { NdArray } from "../data/dataset.ts";
import { fold, nothingYet, type StudyEvent, type StudyState } from "../study/state.ts";
import type { Backend } from "./backend.ts";
import { decodeEvent } from "./event-codec.ts";
import { readTensors } from "./tensor-bytes.ts";

/** The arrays of an event, from files that are exactly what was written. */
export async function tensorsOf(
  { db, bytes }: Pick<Backend, "db" | "bytes">,
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
  const files = [];
  for (const row of rows) files.push(await readTensors(bytes, row));
  return Object.assign({}, ...files) as Record<string, NdArray>;
}

/** A study's events, folded, with the arrays of those steps that what follows depends on. */
export async function loadState(at: Pick<Backend, "db" | "bytes">, study: string): Promise<StudyState> {
  const rows = await at.db
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
      const tensors = await tensorsOf(at, study, sequence);
      event = i === best && i !== last ? pointOnly(json, tensors) : decodeEvent(json, tensors);
    }
    state = fold(state, event);
  }
  return state;
}

/** What a former best step still has: where it was taken. */
function pointOnly(json: string, tensors: Readonly<Record<string, NdArray>>): StudyEvent {
  const event = JSON.parse(json) as { kept?: object };
  const kept = { ...event.kept, optimizer: null };
  return decodeEvent(JSON.stringify({ ...event, kept }), tensors);
}
