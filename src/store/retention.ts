import type { Transaction } from "kysely";
import { DrmadError } from "../errors.ts";
import type { StudyEvent } from "../study/state.ts";
import { encodeEvent } from "./event-codec.ts";
import type { StudyRow } from "./records.ts";
import { encodeSafetensors } from "./safetensors.ts";
import type { Tables } from "./tables.ts";

/**
 * Of which outer steps a study keeps the arrays, besides the first, the best and the last: `all`, `every:N` (steps whose number
 * N divides) or `last:N`. Losses and metrics of all steps are kept in any case.
 */
export type Keep = "all" | `every:${number}` | `last:${number}`;

const RULE = /^(?:all|(?<kind>every|last):(?<n>[1-9]\d{0,8}))$/;

/** @throws DrmadError invalid-argument */
export function requireKeep(keep: unknown): asserts keep is Keep {
  if (typeof keep === "string" && RULE.test(keep)) return;
  throw new DrmadError("invalid-argument", `keep: ${JSON.stringify(keep)}`, {
    hint: "Give all, every:N or last:N; the first, the best and the last step are kept in any case.",
  });
}

/** Whether a step's arrays are kept once `last` is the last one. */
export function isKept(keep: Keep, step: number, last: number, best: number | null): boolean {
  if (step === 0 || step === best || step >= last) return true;
  const { kind, n } = RULE.exec(keep)?.groups ?? {};
  if (kind === undefined) return true;
  return kind === "every" ? step % Number(n) === 0 : step > last - Number(n);
}

/** Of how many steps the arrays are kept at most, at the end. */
export function mostKept(keep: Keep, outerSteps: number): number {
  const { kind, n } = RULE.exec(keep)?.groups ?? {};
  const all = outerSteps + 1;
  // With the first, and the best or the last where the rule would leave it out.
  const more = kind === "every" ? Math.ceil(all / Number(n)) + 2 : Number(n) + 2;
  return kind === undefined ? all : Math.min(all, more);
}

export const keepOf = ({ options }: Pick<StudyRow, "options">): Keep =>
  (JSON.parse(options) as { readonly keep?: Keep }).keep ?? "all";

export interface Forecast {
  readonly keep: Keep;
  /** Of how many steps the arrays are kept at the end, if all of them run. */
  readonly steps: number;
  readonly bytesPerStep: number;
  readonly bytes: number;
  /** Bytes that there is room for; absent where that cannot be asked. */
  readonly free?: number;
}

const sized = (event: object): number => encodeSafetensors(encodeEvent(event).tensors).length;

/** How large a study becomes: a step has three numbers for each hyperparameter, and the optimiser's state is kept once. */
export function forecastOf(
  start: Extract<StudyEvent, { type: "start" }>,
  keep: Keep,
  free: number | undefined,
): Forecast {
  const { point, optimizer } = start.at;
  const values = Object.fromEntries(
    Object.entries(point).map(([name, data]) => [name, { data, shape: [data.length] }]),
  );
  const bytesPerStep = sized({ kept: { point, optimizer: null, found: { gradient: point, value: 0 } }, values });
  const steps = mostKept(keep, start.outerSteps);
  // The start's, the result's, and the optimiser's while the next one is written.
  const once = sized({ at: { point } }) + sized({ values }) + 2 * sized({ optimizer });
  const bytes = steps * bytesPerStep + once;
  return { keep, steps, bytesPerStep, bytes, ...(free !== undefined && { free }) };
}

/** Takes the arrays of steps that a rule does not keep out of a study's tables. @returns the files that nothing refers to then */
export async function dropUnkept(
  db: Transaction<Tables>,
  study: string,
  keep: Keep,
  { steps, best }: { readonly steps: number; readonly best: number | null },
): Promise<readonly string[]> {
  if (keep === "all") return [];
  const rows = await db
    .selectFrom("tensors")
    .innerJoin("events", (join) =>
      join.onRef("events.study", "=", "tensors.study").onRef("events.sequence", "=", "tensors.sequence"),
    )
    .select(["tensors.sequence", "tensors.step", "tensors.file"])
    .distinct()
    .where("tensors.study", "=", study)
    .where("events.type", "=", "step")
    .execute();
  const dropped = rows.filter(({ step }) => !isKept(keep, step, steps - 1, best));
  if (dropped.length === 0) return [];
  const sequences = [...new Set(dropped.map(({ sequence }) => sequence))];
  for (let at = 0; at < sequences.length; at += MOST)
    await db
      .deleteFrom("tensors")
      .where("study", "=", study)
      .where("sequence", "in", sequences.slice(at, at + MOST))
      .execute();
  return [...new Set(dropped.map(({ file }) => file))];
}

/** Values in a statement. */
const MOST = 1000;
