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

type Parts = Readonly<Record<string, unknown>>;

/** Whether all arrays that a part of an event names are there. */
const hasAll = (part: unknown, tensors: object): boolean => {
  if (typeof part !== "object" || part === null) return true;
  const [[kind, path] = ["", ""], ...more] = Object.entries(part);
  if (more.length === 0 && /^\$(?:scalar|values|array)$/.test(kind))
    return typeof path === "string" && Object.hasOwn(tensors, path);
  return Object.values(part).every((each) => hasAll(each, tensors));
};

/** A position without its optimiser's state, where that is not kept any more; nothing where its point is not. */
function still(part: unknown, tensors: object): unknown {
  if (typeof part !== "object" || part === null) return undefined;
  const { optimizer, ...rest } = part as Parts;
  if (!hasAll(rest, tensors)) return undefined;
  return hasAll(optimizer, tensors) ? part : { ...rest, optimizer: { $undefined: true } };
}

/** An event with those of its arrays that are kept still; what held others is left out. */
export function decodeKept(json: string, tensors: Readonly<Record<string, NdArray>>): StudyEvent {
  const { kept, at, values, ...rest } = JSON.parse(json) as Parts;
  const position = typeof at === "object" ? still(at, tensors) : at;
  const [keptStill, valuesStill] = [still(kept, tensors), hasAll(values, tensors) ? values : undefined];
  return decodeEvent(
    JSON.stringify({
      ...rest,
      ...(position !== undefined && { at: position }),
      ...(keptStill !== undefined && { kept: keptStill }),
      ...(valuesStill !== undefined && { values: valuesStill }),
    }),
    tensors,
  );
}

/** Whether an event must have all of its arrays: the result, and that where the next step begins. `last` is the last step. */
export const isWhole = (type: string, i: number, last: number): boolean =>
  i === last || type === "result" || (["start", "fork"].includes(type) && i > last);

/** A study's events, folded, with the arrays of those that what follows depends on. */
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
    const next = isWhole(type, i, last ?? -1);
    const part = i === best || type === "start";
    if (!next && !part) {
      state = fold(state, bare[i]!);
      continue;
    }
    const tensors = await tensorsOf(at, study, sequence);
    state = fold(state, next ? decodeEvent(json, tensors) : decodeKept(json, tensors));
  }
  return state;
}

/** One event, with what is still kept of its arrays. */
export async function loadEvent(
  at: Pick<Backend, "db" | "bytes">,
  study: string,
  sequence: number,
): Promise<StudyEvent | undefined> {
  const row = await at.db
    .selectFrom("events")
    .select("json")
    .where("study", "=", study)
    .where("sequence", "=", sequence)
    .executeTakeFirst();
  return row && decodeKept(row.json, await tensorsOf(at, study, sequence));
}
