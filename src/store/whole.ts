import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { DrmadError } from "../errors.ts";
import { isHeld } from "./held.ts";
import { damaged, notStore } from "./store-error.ts";
import { hasStudies, tensorFolder } from "./tensor-files.ts";

/** SQLite's smallest page; it takes what is shorter for a new database. */
const LEAST = 512;
const HEADER = 100;
const TRIES = 3;

/**
 * That a file is one of SQLite or empty, and as long as its header says (sqlite.org/fileformat.html, 1.3), which SQLite itself
 * only sees when it reads a page that is missing. While there is a log beside it, the pages may be there.
 * @throws DrmadError malformed-file, file-not-found for one that may not be read
 */
export async function requireWhole(path: string): Promise<void> {
  for (let left = TRIES; ; left--) {
    // It was looked at when it was opened, and a look would cost the locks.
    if (isHeld(path)) return;
    requireSqlite(path);
    const problem = problemOf(path);
    if (problem === undefined) return;
    if (left === 1) throw damaged(path, problem);
    // Another process may be folding its log into it just now.
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function opened(path: string): number {
  try {
    return openSync(path, "r");
  } catch (cause) {
    throw new DrmadError("file-not-found", `the store ${JSON.stringify(path)} cannot be read: ${String(cause)}`, {
      hint: "Check who may read it, or name another with --store.",
      cause,
    });
  }
}

const MAGIC = "SQLite format 3\0";

/** SQLite takes a short file of any kind for a new database, and would write over it. */
function requireSqlite(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined || !found.isFile() || found.size === 0) return;
  const file = opened(path);
  const bytes = Buffer.alloc(Math.min(MAGIC.length, found.size));
  readSync(file, bytes, 0, bytes.length, 0);
  closeSync(file);
  if (MAGIC.startsWith(bytes.toString("latin1"))) return;
  const why = "it is not a database";
  throw hasStudies(tensorFolder(path)) ? damaged(path, why) : notStore(path, why);
}

function problemOf(path: string): string | undefined {
  const log = statSync(`${path}-wal`, { throwIfNoEntry: false });
  if (log !== undefined && log.size > 0) return undefined;
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.size < LEAST) {
    const what = found === undefined ? "missing" : `${found.size} bytes short`;
    return hasStudies(tensorFolder(path)) ? `it is ${what}, but there are studies' tensors beside it` : undefined;
  }
  if (!found.isFile()) return undefined;
  const file = opened(path);
  try {
    const bytes = Buffer.alloc(HEADER);
    readSync(file, bytes, 0, HEADER, 0);
    const pageSize = bytes.readUInt16BE(16) === 1 ? 65_536 : bytes.readUInt16BE(16);
    const length = pageSize * bytes.readUInt32BE(28);
    const { size } = fstatSync(file);
    // Only then the count of pages is of the last change.
    const counted = bytes.readUInt32BE(24) === bytes.readUInt32BE(92);
    return counted && bytes.toString("latin1", 0, 15) === "SQLite format 3" && size < length
      ? `it has ${size} of its ${length} bytes`
      : undefined;
  } finally {
    closeSync(file);
  }
}
