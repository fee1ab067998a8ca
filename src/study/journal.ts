import type { Problem } from "../problem/problem.ts";
import type { TuneEvent } from "./events.ts";
import type { Fork } from "./fork.ts";
import { naturalValues } from "./session.ts";
import { fold, nothingYet, told, type StudyEvent, type StudyState } from "./state.ts";

/** Where a study is kept while it runs. */
export interface Journal {
  /** What is kept already; undefined for a study that begins. */
  readonly from?: StudyState | undefined;
  /** What a study that begins is gone on from. */
  readonly fork?: Fork | undefined;
  /** What the study is called, for errors. */
  readonly name?: string;
  /** Once it resolves, all of the events are safe; if it fails, none of them is. */
  append(events: readonly StudyEvent[]): Promise<void>;
}

/** A study as far as it has come. */
export interface Progress {
  readonly state: StudyState;
  /** Keeps events, in order and together, then folds and tells them: nothing is told before it is kept. */
  commit(...events: readonly StudyEvent[]): Promise<void>;
}

export function openProgress(
  problem: Problem,
  journal: Journal | undefined,
  emit: (event: TuneEvent) => void,
): Progress {
  let state = journal?.from ?? nothingYet;
  const withValues = (event: StudyEvent): StudyEvent =>
    event.type === "step" && event.kept ? { ...event, values: naturalValues(problem, event.kept.point) } : event;
  return {
    get state() {
      return state;
    },
    async commit(...events) {
      await journal?.append(events.map(withValues));
      state = events.reduce(fold, state);
      for (const event of events) {
        const known = told(event);
        if (known !== undefined) emit(known);
      }
    },
  };
}
