import type { Transaction } from "kysely";
import type { NdArray } from "../data/dataset.ts";
import { DrmadError } from "../errors.ts";
import type { StudyEvent } from "../study/state.ts";
import { encodeEvent } from "./event-codec.ts";
import type { StudyRow } from "./records.ts";
import { dropUnkept, keepOf } from "./retention.ts";
import type { Tables, TensorTable } from "./tables.ts";
import { writeTensors, type TensorBytes } from "./tensor-bytes.ts";
import { thumbnailOf, type Told } from "./tensor-thumbnail.ts";
import { summaryOf } from "./tensor-summary.ts";

/** Of an optimiser only the latest state is ever needed. */
const PASSING = /^(?:kept|at)\/optimizer(?:\/|$)/;

/** Whether an array is one of an optimiser's, by its place in the event. */
export const isPassing = (path: string): boolean => PASSING.test(path);

export interface WrittenEvent {
  readonly type: string;
  readonly json: string;
  readonly rows: readonly TensorTable[];
}

/** Writes the arrays of an event, which nothing refers to yet. `told` is how its study began. */
export async function writeEvent(
  at: TensorBytes,
  study: string,
  lease: number,
  sequence: number,
  event: StudyEvent,
  told: Told | undefined,
): Promise<WrittenEvent> {
  const { json, tensors } = encodeEvent(event);
  const step = stepOf(event);
  const rows: TensorTable[] = [];
  for (const part of ["lasting", "passing"] as const) {
    const chosen: Readonly<Record<string, NdArray>> = Object.fromEntries(
      Object.entries(tensors).filter(([name]) => isPassing(name) === (part === "passing")),
    );
    if (Object.keys(chosen).length === 0) continue;
    // The lease is in the name, so that a process that lost the study cannot change what its successor wrote.
    const name = `${String(sequence).padStart(6, "0")}-${lease}${part === "passing" ? "-optimizer" : ""}.safetensors`;
    const file = await writeTensors(at, `${study}/${name}`, chosen);
    rows.push(...tensorRows(chosen, { study, sequence, step, ...file }, told));
  }
  return { type: event.type, json, rows };
}

/** The outer step that an event's arrays are of. */
export const stepOf = (event: StudyEvent): number =>
  event.type === "step" ? event.step : event.type === "result" ? event.best : 0;

/** What is looked up of the arrays in one file. */
export const tensorRows = (
  tensors: Readonly<Record<string, NdArray>>,
  of: Pick<TensorTable, "study" | "sequence" | "step" | "file" | "sha256">,
  told: Told | undefined,
): readonly TensorTable[] =>
  Object.entries(tensors).map(([name, array]) => ({
    ...of,
    name,
    part: isPassing(name) ? "passing" : "lasting",
    ...summaryOf(array),
    thumbnail: thumbnailOf(tensors, name, told),
  }));

/** Rows at a time: SQLite takes at most 32,766 values in a statement. */
export const ROWS = 500;

/**
 * Makes written events part of a study, within a transaction.
 * @returns files that nothing refers to any more, once it is committed
 * @throws DrmadError study-lost
 */
export async function commitEvents(
  db: Transaction<Tables>,
  study: { readonly id: string; readonly lease: number; readonly sequence: number },
  events: readonly StudyEvent[],
  written: readonly WrittenEvent[],
  now: number,
): Promise<readonly string[]> {
  const { id, lease, sequence } = study;
  const row = await db.selectFrom("studies").selectAll().where("id", "=", id).forUpdate().executeTakeFirst();
  if (row === undefined || row.lease !== lease || row.state !== "running") throw lost(row);
  await db
    .insertInto("events")
    .values(written.map(({ type, json }, i) => ({ study: id, sequence: sequence + i, type, json, lease, at: now })))
    .execute();
  const tensors = written.flatMap(({ rows }) => rows);
  for (let at = 0; at < tensors.length; at += ROWS)
    await db
      .insertInto("tensors")
      .values(tensors.slice(at, at + ROWS))
      .execute();
  const changes = events.reduce<Changes>(changesBy, {
    steps: row.steps,
    outer_steps: row.outer_steps,
    best_step: row.best_step,
    best_loss: row.best_loss,
    start_loss: row.start_loss,
  });
  await db
    .updateTable("studies")
    .set({ ...changes, events: sequence + events.length, heartbeat: now, updated: now })
    .where("id", "=", id)
    .execute();
  const passed = await dropPassed(db, id, sequence, written);
  return [...passed, ...(await dropUnkept(db, id, keepOf(row), { steps: changes.steps, best: changes.best_step }))];
}

export type Changes = Pick<StudyRow, "steps" | "outer_steps" | "best_step" | "best_loss" | "start_loss">;

/** A study's row after an event. */
export function changesBy(row: Changes, event: StudyEvent): Changes {
  if (event.type === "start") return { ...row, outer_steps: event.outerSteps };
  if (event.type !== "step") return row;
  const { step, valid } = event;
  return {
    ...row,
    steps: step + 1,
    ...(step === 0 && { start_loss: valid.loss }),
    ...(event.best && { best_step: step, best_loss: valid.loss }),
  };
}

/** A step that was kept makes the optimiser's states before it useless. */
async function dropPassed(
  db: Transaction<Tables>,
  study: string,
  sequence: number,
  written: readonly WrittenEvent[],
): Promise<readonly string[]> {
  const at = written.findLastIndex(({ type }) => type === "step");
  if (at < 0) return [];
  const rows = await db
    .deleteFrom("tensors")
    .where("study", "=", study)
    .where("part", "=", "passing")
    .where("sequence", "<", sequence + at)
    .returning("file")
    .execute();
  return [...new Set(rows.map(({ file }) => file))];
}

export const lost = (row: Pick<StudyRow, "name"> | undefined): DrmadError =>
  new DrmadError("study-lost", `another process has taken over the study ${JSON.stringify(row?.name ?? "")}`, {
    hint: "Nothing that was kept is lost: the other process goes on with it. Stop one of the two.",
  });
