import type { Selectable } from "kysely";
import { DrmadError } from "../errors.ts";
import { isGone } from "./owner.ts";
import type { NewStudy, State, StudySummary } from "./store.ts";
import type { StudyTable } from "./tables.ts";

export type StudyRow = Selectable<StudyTable>;

const MOST_NAME = 200;

/** @throws DrmadError invalid-argument */
export function requireName(name: string): void {
  const fault =
    typeof name !== "string" || name.trim() === ""
      ? "is empty"
      : name.length > MOST_NAME
        ? `has ${name.length} characters, more than ${MOST_NAME}`
        : /[\p{Cc}\p{Cs}]/u.test(name)
          ? "holds control characters or half of one"
          : undefined;
  if (fault === undefined) return;
  throw new DrmadError("invalid-argument", `the name of a study ${fault}`, {
    hint: `Give one line of up to ${MOST_NAME} characters.`,
  });
}

/** Whether nobody runs a study that says it runs: no sign of life for so long, or from a clock that was set back since. */
export const isStale = ({ owner, heartbeat }: StudyRow, now: number, staleMs: number): boolean =>
  Math.abs(now - Number(heartbeat)) > staleMs || isGone(owner);

export const rowOf = (study: NewStudy, id: string, hash: string | null, now: number): StudyRow => ({
  id,
  name: study.name,
  state: "waiting",
  tags: JSON.stringify(study.tags ?? []),
  notes: study.notes ?? "",
  experiment: study.experiment,
  source: study.source ?? null,
  hash,
  options: JSON.stringify(study.options ?? {}),
  imported: 0,
  lease: 0,
  owner: null,
  heartbeat: 0,
  stop_requested: 0,
  error: null,
  created: now,
  updated: now,
  events: 0,
  steps: 0,
  outer_steps: null,
  best_step: null,
  best_loss: null,
  start_loss: null,
});

export function summaryOfRow(row: StudyRow, now: number, staleMs: number): StudySummary {
  const { name, notes, experiment, source, hash, steps } = row;
  const state: State = row.state === "running" && isStale(row, now, staleMs) ? "stale" : row.state;
  return {
    name,
    state,
    tags: parsed(row.tags, name) as string[],
    notes,
    experiment,
    source,
    hash,
    options: parsed(row.options, name) as Record<string, unknown>,
    imported: row.imported === 1,
    steps,
    events: row.events,
    outerSteps: row.outer_steps,
    best: row.best_step === null ? null : { step: row.best_step, loss: row.best_loss! },
    startLoss: row.start_loss,
    error: row.error === null ? null : (parsed(row.error, name) as { code: string; message: string }),
    stopping: row.state === "running" && row.stop_requested === 1,
    created: new Date(Number(row.created)),
    updated: new Date(Number(row.updated)),
  };
}

function parsed(json: string, study: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new DrmadError(
      "malformed-file",
      `what is kept of the study ${JSON.stringify(study)} is damaged: ${String(cause)}`,
      {
        hint: "Bring the store back from a copy.",
        cause,
      },
    );
  }
}
