import { DrmadError } from "../errors.ts";

/** SQLite's primary result codes (sqlite.org/rescode.html). */
const DAMAGED = [11, 26];
const BUSY = [5, 6];
const UNWRITABLE = [3, 8, 10, 13, 14];

/** An error of SQLite as one of ours; any other as it is. */
export function storeError(error: unknown, path: string): unknown {
  const { errcode, message } = (error ?? {}) as { readonly errcode?: unknown; readonly message?: string };
  if (typeof errcode !== "number") return error;
  const primary = errcode & 0xff;
  const name = JSON.stringify(path);
  if (DAMAGED.includes(primary)) return damaged(path, `${message}`, error);
  if (BUSY.includes(primary)) {
    return new DrmadError("write-failed", `the store ${name} stayed locked by another process: ${message}`, {
      hint: "See which program has the file open, and try again when it is done.",
      cause: error,
    });
  }
  if (!UNWRITABLE.includes(primary)) return error;
  return new DrmadError("write-failed", `the store ${name} cannot be opened or written: ${message}`, {
    hint: "Check that its folder is there, that you may write in it, and that the disk has room; what was kept is safe.",
    cause: error,
  });
}

export const damaged = (path: string, how: string, cause?: unknown): DrmadError =>
  new DrmadError("malformed-file", `the store ${JSON.stringify(path)} is damaged: ${how}`, {
    hint: "Bring the file, with those beside it that begin with its name, back from a copy, or name another with --store.",
    cause,
  });
