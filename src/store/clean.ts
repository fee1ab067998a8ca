import { DrmadError } from "../errors.ts";
import type { Backend } from "./backend.ts";
import { isStale, type StudyRow } from "./records.ts";
import { dropUnkept, keepOf, requireKeep, type Keep } from "./retention.ts";
import type { SizedFile } from "./tensor-bytes.ts";

export interface CleanOptions {
  /** All where left out. */
  readonly names?: readonly string[];
  /** What to keep from now on, instead of what the studies were begun with. */
  readonly keep?: Keep;
  /** Tell what would be removed, and remove nothing. */
  readonly dryRun?: boolean;
}

/** What was removed, or would be. */
export interface Cleaned {
  /** Undefined for files of studies that are no more. */
  readonly study?: string;
  /** `steps`: arrays of steps that are not to be kept. `leftovers`: files that an interruption left. `study`: all of it. */
  readonly what: "steps" | "leftovers" | "study";
  readonly files: number;
  readonly bytes: number;
}

const report = (study: string | undefined, what: Cleaned["what"], files: readonly SizedFile[]): readonly Cleaned[] =>
  files.length === 0 && what !== "study"
    ? []
    : [{ ...(study !== undefined && { study }), what, files: files.length, bytes: total(files) }];
const total = (files: readonly SizedFile[]): number => files.reduce((sum, { bytes }) => sum + bytes, 0);

/**
 * Removes what studies do not keep any more, and files that nothing refers to. Safe beside processes that write: rows go in a
 * transaction that holds the study, and the leftovers of a study that says that it runs are let be, for they may be of a step
 * that is about to be committed.
 */
export async function cleanStudies(
  at: Backend,
  rows: readonly StudyRow[],
  { names, keep, dryRun = false }: CleanOptions,
): Promise<readonly Cleaned[]> {
  if (keep !== undefined) requireKeep(keep);
  const cleaned: Cleaned[] = [];
  // A folder that is there before its study's row is looked for belongs to none if there is no row.
  const folders = names === undefined ? await at.bytes.studies() : [];
  for (const { id } of rows) cleaned.push(...(await cleanOne(at, id, keep, dryRun)));
  if (folders.length === 0) return cleaned;
  // In a transaction: what is being imported has its row either before it or after it.
  await at.db.transaction().execute(async (transaction) => {
    const bytes = at.bytesWithin?.(transaction) ?? at.bytes;
    const known = new Set((await transaction.selectFrom("studies").select("id").execute()).map(({ id }) => id));
    for (const study of folders.filter((each) => !known.has(each))) {
      cleaned.push(...report(undefined, "leftovers", await bytes.list(study)));
      if (!dryRun) await bytes.removeStudy(study);
    }
  });
  return cleaned;
}

/** Ends a transaction that was only to tell. */
class Undone extends Error {}

async function cleanOne({ db, bytes }: Backend, id: string, keep: Keep | undefined, dryRun: boolean) {
  // Before the rows: what is written later is not among them.
  const all = await bytes.list(id);
  let found: { readonly name: string; readonly steps: Set<string>; readonly left: Set<string> } | undefined;
  await db
    .transaction()
    .execute(async (transaction) => {
      const row = await transaction
        .selectFrom("studies")
        .selectAll()
        .where("id", "=", id)
        .forUpdate()
        .executeTakeFirst();
      // Removed meanwhile.
      if (row === undefined) return;
      const referred = await transaction
        .selectFrom("tensors")
        .select("file")
        .distinct()
        .where("study", "=", id)
        .execute();
      const known = new Set(referred.map(({ file }) => file));
      const left = row.state === "running" ? [] : all.filter(({ file }) => !known.has(file));
      const rule = keep ?? keepOf(row);
      const steps = await dropUnkept(transaction, id, rule, { steps: row.steps, best: row.best_step });
      if (keep !== undefined) {
        const options = JSON.stringify({ ...(JSON.parse(row.options) as object), keep });
        await transaction.updateTable("studies").set({ options }).where("id", "=", id).execute();
      }
      found = { name: row.name, steps: new Set(steps), left: new Set(left.map(({ file }) => file)) };
      if (dryRun) throw new Undone();
    })
    .catch((error: unknown) => {
      if (!(error instanceof Undone)) throw error;
    });
  if (found === undefined) return [];
  const { name, steps, left } = found;
  if (!dryRun) await bytes.remove([...steps, ...left]);
  const of = (files: ReadonlySet<string>): readonly SizedFile[] => all.filter(({ file }) => files.has(file));
  return [...report(name, "steps", of(steps)), ...report(name, "leftovers", of(left))];
}

/** Removes a study with all that it has. @throws DrmadError study-running */
export async function removeStudy(
  { db, bytes, now }: Backend,
  { id, name }: StudyRow,
  staleMs: number,
  dryRun: boolean,
): Promise<Cleaned> {
  const all = await bytes.list(id);
  await db.transaction().execute(async (transaction) => {
    const row = await transaction.selectFrom("studies").selectAll().where("id", "=", id).forUpdate().executeTakeFirst();
    if (row?.state === "running" && !isStale(row, await now(transaction), staleMs)) {
      throw new DrmadError("study-running", `the study ${JSON.stringify(name)} runs, and is not removed`, {
        hint: "Stop it first: drmad stop NAME.",
      });
    }
    // Its events and the rows of its tensors go with it.
    if (!dryRun) await transaction.deleteFrom("studies").where("id", "=", id).execute();
  });
  if (!dryRun) await bytes.removeStudy(id);
  return report(name, "study", all)[0]!;
}
