import { randomUUID } from "node:crypto";
import { accessSync, constants, existsSync, mkdirSync, readdirSync, renameSync, rmSync, rmdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { DrmadError } from "../errors.ts";
import { writeFileAtomic } from "../store/write.ts";
import { fileKind } from "./file-kind.ts";

/** Where the files of a run go: the folder that was asked for, or a new one below `runs`. */
export type Destination = { readonly folder: string } | { readonly below: string };

/** Files by name; the one named last says that all are there. */
export type RunFiles = readonly (readonly [name: string, bytes: Uint8Array])[];

/**
 * Looks, before anything runs, whether results can be written where they should go. Nothing is written yet.
 * @throws DrmadError folder-not-empty, write-failed
 */
export function destination(out: string | undefined): Destination {
  if (out === undefined) {
    const below = resolve("runs");
    requireWritable(below);
    return { below };
  }
  const folder = resolve(out);
  const kind = fileKind(folder);
  if (kind !== undefined && kind !== "folder") {
    throw new DrmadError("folder-not-empty", `--out ${JSON.stringify(out)} is a file`, { hint: "Name a new folder." });
  }
  if (kind === "folder" && readdirSync(folder).length > 0) {
    throw new DrmadError("folder-not-empty", `--out ${JSON.stringify(out)} already holds files`, {
      hint: "Name a new or an empty folder, or leave --out away to get a new one below runs.",
    });
  }
  requireWritable(folder);
  return { folder };
}

function requireWritable(path: string): void {
  let nearest = path;
  while (!existsSync(nearest)) nearest = dirname(nearest);
  try {
    if (fileKind(nearest) !== "folder") throw new Error("it is a file");
    accessSync(nearest, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw cannotWrite(nearest, cause);
  }
}

const cannotWrite = (path: string, cause: unknown): DrmadError =>
  new DrmadError("write-failed", `cannot write into ${JSON.stringify(path)}: ${(cause as Error).message}`, {
    hint: "Name a folder that you may write to with --out.",
    cause,
  });

/**
 * Writes a run's files so that a folder has all of them or does not exist: they are written to a hidden folder beside, which then
 * takes the name. Into an empty folder that existed before they move one after another, the last one last.
 * @param stem of the folder's name below `runs`, where a number makes it new
 * @returns the folder; another than the one asked for where that was filled meanwhile
 */
export function writeRun(to: Destination, stem: string, files: RunFiles): string {
  const wanted = "folder" in to ? to.folder : join(to.below, stem);
  const existed = "folder" in to && existsSync(wanted);
  const parent = existed ? wanted : dirname(wanted);
  const temporary = join(parent, `.drmad-${randomUUID()}.tmp`);
  const clean = (): void => rmSync(temporary, { recursive: true, force: true });
  // A second Ctrl-C may end the process in the middle.
  process.on("exit", clean);
  try {
    mkdirSync(temporary, { recursive: true });
    for (const [name, bytes] of files) writeFileAtomic(join(temporary, name), bytes);
    if (existed && readdirSync(wanted).length === 1) {
      for (const [name] of files) renameSync(join(temporary, name), join(wanted, name));
      rmdirSync(temporary);
      return wanted;
    }
    return claim(temporary, wanted, "below" in to || existed);
  } catch (cause) {
    throw cause instanceof DrmadError ? cause : cannotWrite(parent, cause);
  } finally {
    clean();
    process.off("exit", clean);
  }
}

/** Gives the folder its name, or that name with the first number that nobody has yet. */
function claim(temporary: string, wanted: string, numbered: boolean): string {
  for (let n = numbered ? nextNumber(wanted) : 0; ; n++) {
    const name = n === 0 ? wanted : `${wanted}-${n}`;
    try {
      // Refused for a folder that holds anything, so that of two runs that want a name one gets it.
      if (!existsSync(name)) {
        renameSync(temporary, name);
        return name;
      }
    } catch (error) {
      if (!existsSync(name)) throw error;
    }
  }
}

/** One above the highest number in use. */
const nextNumber = (wanted: string): number => Math.max(0, ...numbersOf(wanted)) + 1;

/** The numbers that folders of this name have had put behind it. */
export const numbersOf = (wanted: string): readonly number[] =>
  (existsSync(dirname(wanted)) ? readdirSync(dirname(wanted)) : [])
    .map((name) => join(dirname(wanted), name))
    .filter((path) => path.startsWith(`${wanted}-`))
    .map((path) => path.slice(wanted.length + 1))
    .filter((rest) => /^\d{1,9}$/.test(rest))
    .map(Number);

/** An experiment's name as that of a folder. */
export const stemOf = (name: string): string =>
  name.replaceAll(/[^A-Za-z0-9._-]+/g, "-").replace(/^[.-]+/, "") || "run";
