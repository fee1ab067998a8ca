import { DrmadError } from "../errors.ts";
import type { StopReason } from "./events.ts";

/** Whether the lowest loss lies at least `patience` steps back, and the first `coarse` updates do so too. */
export const plateaued = (losses: readonly number[], patience: number, coarse = 0): boolean => {
  const best = losses.indexOf(Math.min(...losses));
  return losses.length - 1 - Math.max(best, coarse) >= patience;
};

/** Why a study ends, with one sentence more where there is something to say. */
export interface Stop {
  readonly reason: StopReason;
  readonly detail?: string;
}

const STOPS: readonly StopReason[] = [
  "cancelled",
  "non-finite",
  "not-stationary",
  "not-converged",
  "invalid-experiment",
];

/** What ends a run early but keeps what it reached; undefined for any other error. */
export function stopOf(error: unknown): Stop | undefined {
  if (!(error instanceof DrmadError)) return undefined;
  const reason = STOPS.find((code) => code === error.code);
  return reason && { reason, detail: error.message };
}
