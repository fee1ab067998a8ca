import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { NdArray } from "../data/dataset.ts";
import { DrmadError } from "../errors.ts";
import { decodeSafetensors, encodeSafetensors } from "./safetensors.ts";
import { syncFolder, writeFileAtomic } from "./write.ts";

export interface WrittenFile {
  /** Relative to the folder of tensors. */
  readonly file: string;
  readonly sha256: string;
}

const short = (hash: string): string => hash.slice(0, 12);

/** The folder of a store's tensors lies beside its database. */
export const tensorFolder = (store: string): string => `${store}.tensors`;

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Makes the folder of a study; durable on return. */
export function makeStudyFolder(folder: string, study: string): void {
  try {
    mkdirSync(join(folder, study), { recursive: true });
    syncFolder(folder);
    syncFolder(dirname(folder));
  } catch (cause) {
    throw new DrmadError("write-failed", `cannot make a folder in ${JSON.stringify(folder)}: ${String(cause)}`, {
      hint: "Check that you may write there, and that the disk has room.",
      cause,
    });
  }
}

/** Writes tensors to a file of a new name; durable on return. Equal tensors are equal bytes. */
export function writeTensors(folder: string, file: string, tensors: Readonly<Record<string, NdArray>>): WrittenFile {
  const bytes = encodeSafetensors(tensors);
  writeFileAtomic(join(folder, file), bytes);
  return { file, sha256: sha256(bytes) };
}

/**
 * The bytes of a file that are exactly what was written.
 * Errors: `file-not-found`; `malformed-file` for other bytes than were written: torn, truncated, or changed since.
 */
export function readChecked(folder: string, { file, sha256: wanted }: WrittenFile): Uint8Array {
  const path = join(folder, file);
  const name = JSON.stringify(path);
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new DrmadError("file-not-found", `the kept tensors ${name} cannot be read: ${(cause as Error).message}`, {
      hint: "Bring the folder of tensors back from a copy; it belongs to the store beside it.",
      cause,
    });
  }
  const found = sha256(bytes);
  if (found !== wanted) {
    const what = `${name} has ${bytes.length} bytes with SHA-256 ${short(found)}…, and ${short(wanted)}… was written`;
    throw new DrmadError("malformed-file", `kept tensors are damaged: ${what}`, {
      hint: "Bring that file back from a copy; it belongs to the store beside it.",
    });
  }
  return bytes;
}

/** The tensors of such a file. */
export const readTensors = (folder: string, written: WrittenFile): Readonly<Record<string, NdArray>> =>
  decodeSafetensors(readChecked(folder, written), join(folder, written.file)).tensors;

/** Removes files of a study that nothing refers to: what an interruption left before it was committed. */
export function removeOthers(folder: string, study: string, referred: ReadonlySet<string>): void {
  for (const name of readdirSync(join(folder, study))) {
    const file = `${study}/${name}`;
    if (!referred.has(file)) rmSync(join(folder, file), { force: true });
  }
}

/** Removes all of a study that never became one. */
export const removeStudyFolder = (folder: string, study: string): void =>
  rmSync(join(folder, study), { recursive: true, force: true });

export const removeFiles = (folder: string, files: readonly string[]): void =>
  files.forEach((file) => rmSync(join(folder, file), { force: true }));

export const hasStudies = (folder: string): boolean => {
  try {
    return readdirSync(folder).length > 0;
  } catch {
    return false;
  }
};
