import type { LoggedEvent, StudySummary } from "./store.ts";

/** The three times of a study that could be taken for each other, in seconds. */
export interface StudyTimes {
  /** Wall clock of the process that ran it last, from its first event on. */
  readonly run: number;
  /** What its outer steps took in all processes together, with those that a fork took over; its result's own figure once it has one. */
  readonly study: number;
  /** Wall clock since it was begun, with every pause. */
  readonly sinceBegun: number;
}

/** Each up to the last event, or up to now while it runs; undefined for a study that has not begun. */
export function timesOf(
  { state, created }: Pick<StudySummary, "state" | "created">,
  logged: readonly LoggedEvent[],
  now: Date = new Date(),
): StudyTimes | undefined {
  const begun = logged.findLast(({ event }) => event.type === "start" || event.type === "resume");
  const last = logged.at(-1);
  if (begun === undefined || last === undefined) return undefined;
  const until = state === "running" ? now : last.at;
  const since = (from: Date): number => Math.max(0, (until.getTime() - from.getTime()) / 1000);
  const steps = logged.reduce((sum, { event }) => sum + (event.type === "step" ? event.seconds : 0), 0);
  const result = last.event.type === "result" ? last.event.seconds : undefined;
  return { run: since(begun.at), study: result ?? steps, sinceBegun: since(created) };
}
