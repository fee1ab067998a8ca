import { mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { DrmadError } from "../../errors.ts";
import { writeFileAtomic } from "../../store/write.ts";
import { fileKind } from "../file-kind.ts";

/** A file of an export: its path, and its bytes. */
export type Written = readonly [path: string, bytes: Uint8Array];

/**
 * Looks, before anything is read or drawn, whether a path can be written.
 * @throws DrmadError folder-not-empty where something lies there already, file-not-found where its folder is missing
 */
export function requireFree(path: string, force: boolean): void {
  const kind = fileKind(path);
  if (kind === "folder" || kind === "other" || (kind === "file" && !force)) {
    const what = kind === "file" ? "is there already" : "is no file";
    throw new DrmadError("folder-not-empty", `${JSON.stringify(path)} ${what}`, {
      hint: kind === "file" ? "Name another with --out, or overwrite it with --force." : "Name a file with --out.",
    });
  }
  const parent = dirname(resolve(path));
  if (fileKind(parent) === "folder") return;
  throw new DrmadError("file-not-found", `there is no folder ${JSON.stringify(parent)} to write to`, {
    hint: "Make it first, or name another place with --out.",
  });
}

/** The same for a folder of several files, which is made where it is not there. */
export function requireFolder(path: string, names: readonly string[], force: boolean): void {
  const kind = fileKind(path);
  if (kind !== undefined && kind !== "folder") {
    throw new DrmadError("folder-not-empty", `${JSON.stringify(path)} is a file`, {
      hint: "Name a folder with --out.",
    });
  }
  const taken = names.find((name) => fileKind(join(path, name)) !== undefined);
  if (kind === "folder" && taken !== undefined) requireFree(join(path, taken), force);
}

/** Writes each file whole or not at all: to a name of its own beside, which then becomes the one that was asked for. */
export function writeAll(files: readonly Written[]): void {
  for (const [path, bytes] of files) {
    const parent = dirname(resolve(path));
    try {
      mkdirSync(parent, { recursive: true });
    } catch (cause) {
      throw new DrmadError("write-failed", `cannot make the folder ${JSON.stringify(parent)}: ${String(cause)}`, {
        hint: "Name a place that you may write to with --out.",
        cause,
      });
    }
    writeFileAtomic(path, bytes);
  }
}
