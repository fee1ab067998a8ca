import { createHash } from "node:crypto";
import type { NdArray } from "../data/dataset.ts";
import { DrmadError } from "../errors.ts";
import { decodeSafetensors, encodeSafetensors } from "./safetensors.ts";

export interface WrittenFile {
  /** Relative to where the tensors of all studies are: `STUDY/NAME.safetensors`. */
  readonly file: string;
  readonly sha256: string;
}

export interface SizedFile {
  readonly file: string;
  readonly bytes: number;
}

/** Where a store has its safetensors files, apart from the tables that refer to them. */
export interface TensorBytes {
  /** Makes room for a study's files. */
  begin(study: string): Promise<void>;
  /** A file of a new name; durable on return. @throws DrmadError write-failed */
  write(file: string, bytes: Uint8Array): Promise<void>;
  /** @throws DrmadError file-not-found */
  read(file: string): Promise<Uint8Array>;
  remove(files: readonly string[]): Promise<void>;
  /** All of a study's files, with those that an interruption left. */
  list(study: string): Promise<readonly SizedFile[]>;
  /** Studies that have files, those that are no more among them. */
  studies(): Promise<readonly string[]>;
  /** A study's files, and what held them. */
  removeStudy(study: string): Promise<void>;
  /** Bytes that there is room for; undefined where that cannot be asked. */
  free(): number | undefined;
  /** Where a file is, for messages. */
  where(file: string): string;
}

const short = (hash: string): string => hash.slice(0, 12);
export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Writes tensors to a file of a new name; durable on return. Equal tensors are equal bytes. */
export async function writeTensors(
  at: TensorBytes,
  file: string,
  tensors: Readonly<Record<string, NdArray>>,
): Promise<WrittenFile> {
  const bytes = encodeSafetensors(tensors);
  await at.write(file, bytes);
  return { file, sha256: sha256(bytes) };
}

/**
 * The bytes of a file that are exactly what was written.
 * Errors: `file-not-found`; `malformed-file` for other bytes than were written: torn, truncated, or changed since.
 */
export async function readChecked(at: TensorBytes, { file, sha256: wanted }: WrittenFile): Promise<Uint8Array> {
  const bytes = await at.read(file);
  const found = sha256(bytes);
  if (found !== wanted) {
    const what = `${at.where(file)} has ${bytes.length} bytes with SHA-256 ${short(found)}…, and ${short(wanted)}… was written`;
    throw new DrmadError("malformed-file", `kept tensors are damaged: ${what}`, {
      hint: "Bring that file back from a copy; it belongs to the store beside it.",
    });
  }
  return bytes;
}

/** The tensors of such a file. */
export const readTensors = async (at: TensorBytes, written: WrittenFile): Promise<Readonly<Record<string, NdArray>>> =>
  decodeSafetensors(await readChecked(at, written), at.where(written.file)).tensors;
