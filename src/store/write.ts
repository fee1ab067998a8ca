import { randomUUID } from "node:crypto";
import { closeSync, fsyncSync, ftruncateSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { DrmadError } from "../errors.ts";

/**
 * Writes a file so that at any moment, whatever is killed or loses power, `path` holds either what it held before or
 * all of `bytes`: they go to a new file in the same folder, which takes the name when it is safely on disk. On return
 * the file is durable. A process that dies leaves at most a file `.NAME.….tmp` beside it.
 *
 * Errors: `write-failed` when the folder is missing, or the file cannot be written (no permission, disk full); the
 * old file is untouched then.
 */
export function writeFileAtomic(path: string, bytes: Uint8Array): void {
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}.tmp`);
  attempt(path, () => {
    try {
      writeDurably(temporary, bytes);
      renameSync(temporary, path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
    syncFolder(dirname(path));
  });
}

function attempt<T>(path: string, write: () => T): T {
  try {
    return write();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DrmadError("write-failed", `Cannot write ${JSON.stringify(path)}: ${reason}.`, {
      hint: "Check that the folder is there, that you may write in it, and that the disk has room.",
      cause,
    });
  }
}

/** Pieces of a file, one after another. */
export interface FileSink {
  write(piece: Uint8Array): void;
  /** Begins the file anew. */
  restart(): void;
}

/** The same for a file that is made piece by piece: none of them is held. */
export async function writeFilePieces(path: string, make: (sink: FileSink) => Promise<void>): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}.tmp`);
  const file = attempt(path, () => openSync(temporary, "wx"));
  let end = 0;
  try {
    await make({
      write: (piece) =>
        attempt(path, () => {
          writeFully(file, piece, end);
          end += piece.length;
        }),
      restart: () =>
        attempt(path, () => {
          ftruncateSync(file);
          end = 0;
        }),
    });
    attempt(path, () => {
      fsyncSync(file);
      renameSync(temporary, path);
      syncFolder(dirname(path));
    });
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
}

/** All of the bytes, to a place in the file. */
function writeFully(file: number, bytes: Uint8Array, to = 0): void {
  for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at, bytes.length - at, to + at);
}

function writeDurably(path: string, bytes: Uint8Array): void {
  const file = openSync(path, "wx");
  try {
    writeFully(file, bytes);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** The new name is durable only when its folder is. Windows cannot open folders and keeps names in a journal anyway. */
export function syncFolder(path: string): void {
  if (process.platform === "win32") return;
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
