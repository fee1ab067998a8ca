import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { readBytes } from "../data/open.ts";
import type { Bytes } from "../data/zip.ts";
import { DrmadError } from "../errors.ts";

/**
 * Opens a file to read parts of it where they are asked for, so that no more than those are held; one that is compressed by
 * gzip is read whole instead.
 * Errors: `file-not-found` for what is no regular file or may not be read; those of `readBytes` for a compressed one.
 */
export async function withFileBytes<T>(path: string, use: (bytes: Bytes) => Promise<T>): Promise<T> {
  const file = opened(path);
  try {
    const { size } = fstatSync(file);
    const bytes: Bytes = { length: size, subarray: (from, to) => part(file, path, from, Math.min(to, size)) };
    const [first, second] = bytes.subarray(0, 2);
    return await use(first === 0x1f && second === 0x8b ? readBytes(path) : bytes);
  } finally {
    closeSync(file);
  }
}

function opened(path: string): number {
  try {
    // Opening a pipe would wait for a writer, so look before.
    if (statSync(path).isFile()) return openSync(path, "r");
  } catch (cause) {
    throw unreadable(path, cause instanceof Error ? cause.message : String(cause), cause);
  }
  throw unreadable(path, "it is not a regular file");
}

function part(file: number, path: string, from: number, to: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(0, to - from));
  for (let at = 0; at < bytes.length;) {
    const read = readSync(file, bytes, at, bytes.length - at, from + at);
    if (read === 0) throw unreadable(path, "it became shorter while it was read");
    at += read;
  }
  return bytes;
}

const unreadable = (path: string, reason: string, cause?: unknown): DrmadError =>
  new DrmadError("file-not-found", `Cannot read ${JSON.stringify(path)}: ${reason}.`, {
    hint: "Check the path, and that you may read the file.",
    cause,
  });
