import type { Database } from "./backend.ts";
import type { StudyRow } from "./records.ts";
import { decodeThumbnail, type Thumbnail } from "./thumbnail.ts";

/** Small pictures of an array at the steps that keep it. */
export interface Thumbnails {
  /** Steps that keep the array. */
  readonly kept: number;
  /** Of its finite values at all of them; null where there are none. */
  readonly least: number | null;
  readonly most: number | null;
  /** In order; null where an older drmad kept the step, or the array has no values. */
  readonly frames: readonly { readonly step: number; readonly thumbnail: Thumbnail | null }[];
}

/** Pictures are read from the table alone: of all steps or, where they are more than `limit`, evenly, the best one among them. */
export async function thumbnailsOf(
  db: Database,
  { id, best_step: best }: StudyRow,
  path: string,
  limit: number,
): Promise<Thumbnails> {
  const rows = await db
    .selectFrom("tensors")
    .innerJoin("events", (join) =>
      join.onRef("events.study", "=", "tensors.study").onRef("events.sequence", "=", "tensors.sequence"),
    )
    .select(["tensors.sequence", "tensors.step", "tensors.least", "tensors.most"])
    .where("tensors.study", "=", id)
    .where("tensors.name", "=", path)
    .where("events.type", "=", "step")
    .orderBy("tensors.sequence")
    .execute();
  const chosen = spread(rows.length, limit, rows.findIndex(({ step }) => step === best)); // prettier-ignore
  const steps = new Map(chosen.map((i) => [rows[i]!.sequence, rows[i]!.step]));
  const found =
    steps.size === 0
      ? []
      : await db
          .selectFrom("tensors")
          .select(["sequence", "thumbnail"])
          .where("study", "=", id)
          .where("name", "=", path)
          .where("sequence", "in", [...steps.keys()])
          .orderBy("sequence")
          .execute();
  const finite = rows.filter(({ least }) => least !== null);
  return {
    kept: rows.length,
    least: finite.length === 0 ? null : finite.reduce((a, { least }) => Math.min(a, least!), Infinity),
    most: finite.length === 0 ? null : finite.reduce((a, { most }) => Math.max(a, most!), -Infinity),
    frames: found.map(({ sequence, thumbnail }) => ({
      step: steps.get(sequence)!,
      thumbnail: thumbnail === null ? null : decodeThumbnail(thumbnail),
    })),
  };
}

/** Places from 0 to n - 1: all, or `limit` of them evenly with both ends, and one more that must be there. */
function spread(n: number, limit: number, also: number): readonly number[] {
  const places =
    n <= limit
      ? Array.from({ length: n }, (_, i) => i)
      : Array.from({ length: limit }, (_, i) => Math.round((i * (n - 1)) / (limit - 1)));
  return also < 0 || places.includes(also) ? places : [...places, also].sort((a, b) => a - b);
}
