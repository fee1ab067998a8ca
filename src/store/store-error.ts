import { DrmadError } from "../errors.ts";

/** SQLite's primary result codes (sqlite.org/rescode.html) by the message that each of them has. */
const CODES: Readonly<Record<string, number>> = {
  "access permission denied": 3,
  "database is locked": 5,
  "database table is locked": 6,
  "attempt to write a readonly database": 8,
  "disk I/O error": 10,
  "database disk image is malformed": 11,
  "database or disk is full": 13,
  "unable to open database file": 14,
  "file is not a database": 26,
};
const DAMAGED = [11, 26];
const BUSY = [5, 6];
const UNWRITABLE = [3, 8, 10, 13, 14];

/** Our own tables have these; so the text that states them has other bits than were written. */
const MISSING = /^(?:no such (?:column|table)|table \w+ has no column|malformed database schema)/;

/** Undefined for an error that is not SQLite's. The package for Node 20 leaves the code out of some of its errors. */
function codeOf(error: unknown): number | undefined {
  const { code, errcode, message } = (error ?? {}) as Readonly<Record<string, unknown>>;
  if (code !== "ERR_SQLITE_ERROR") return undefined;
  if (MISSING.test(String(message))) return DAMAGED[0];
  return typeof errcode === "number" ? errcode & 0xff : CODES[String(message)];
}

/** Whether another connection has the lock that a statement needs. */
export const isBusy = (error: unknown): boolean => BUSY.includes(codeOf(error) ?? 0);

/** An error of SQLite as one of ours; any other as it is. */
export function storeError(error: unknown, path: string): unknown {
  const code = codeOf(error);
  if (code === undefined) return error;
  const { message } = error as Error;
  const name = JSON.stringify(path);
  if (DAMAGED.includes(code)) return damaged(path, message, error);
  if (BUSY.includes(code)) {
    return new DrmadError("write-failed", `the store ${name} stayed locked by another process: ${message}`, {
      hint: "See which program has the file open, and try again when it is done.",
      cause: error,
    });
  }
  if (!UNWRITABLE.includes(code)) return error;
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

/** What was named by mistake is never written to. */
export const notStore = (path: string, why: string): DrmadError =>
  new DrmadError("malformed-file", `${JSON.stringify(path)} is not a store of drmad: ${why}`, {
    hint: "Give --store the database that drmad tune --study NAME has made, such as runs/drmad.db; the file was not changed.",
  });

export const ofAnotherProgram = (): DrmadError =>
  new DrmadError("malformed-file", "the database holds tables of another program", {
    hint: "Name another with --store; studies have a database of their own. This one was not changed.",
  });
