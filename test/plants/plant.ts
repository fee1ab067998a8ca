import type { LegName } from "./legs.ts";

/** A bug: text of one source file, each piece of which occurs there once, and what stands there instead. */
export interface Plant {
  readonly name: string;
  readonly file: string;
  readonly edits: readonly (readonly [text: string, instead: string])[];
  /** Each of them goes red. */
  readonly legs: readonly LegName[];
}

export const SWEEP = "src/rollout/sweep.ts";
export const RUN_SWEEP = "src/rollout/run-sweep.ts";
export const ROWS = "const rows = await shared.rowTable(chunk);";
/** Rows of other steps on the way back. */
export const rowsBack = (row: string): Plant["edits"] => [
  [ROWS, `${ROWS} if (problem.batch !== undefined) { const t0 = chunk.from; const others = new Int32Array((chunk.to - t0) * problem.batch); for (let t = t0; t < chunk.to; t++) others.set(problem.sampler(${row}), (t - t0) * problem.batch); Object.assign(rows, { rows: await engine.load({ data: others, shape: [chunk.to - t0, problem.batch] }) }); }`], // prettier-ignore
];
