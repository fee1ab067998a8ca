import { closeSync, fstatSync, openSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { DrmadError, requireOptions } from "../errors.ts";
import type { Dataset, NdArray } from "./dataset.ts";
import { parseIdx } from "./idx.ts";
import { requireSeed } from "./random.ts";
import { mnistDataset, type MnistSizes } from "./mnist.ts";
import type { LabelledSplit } from "./split.ts";

export interface ReadLimits {
  /** Bytes of the file, and again of what it decompresses to; at most and by default 2³¹ − 1. */
  readonly maxBytes?: number;
  /** How many times larger than the file its contents may be, 200 unless told. */
  readonly maxRatio?: number;
}

/** The most that Node reads in one piece, one byte below 2 GiB. */
const MOST_BYTES = 2 ** 31 - 1;

/**
 * The bytes of a file; those of a gzip file (it starts with 1f 8b) are decompressed.
 *
 * Errors: `file-not-found` when there is no such file, or when it is no regular file or may not be read;
 * `unsupported` when it is larger than the limit; `malformed-file` when its compressed data are damaged, or swell
 * so much that they can only be meant to fill the memory.
 */
export function readBytes(path: string, limits: ReadLimits = {}): Uint8Array {
  const maxBytes = Math.min(limits.maxBytes ?? MOST_BYTES, MOST_BYTES);
  const raw = readRegularFile(path, maxBytes);
  if (raw[0] !== 0x1f || raw[1] !== 0x8b) return raw;

  const maxRatio = limits.maxRatio ?? 200;
  const most = Math.min(maxBytes, Math.floor(raw.length * maxRatio));
  try {
    return plain(gunzipSync(raw, { maxOutputLength: most }));
  } catch (cause) {
    if (codeOf(cause) !== "ERR_BUFFER_TOO_LARGE") {
      throw new DrmadError("malformed-file", `${path}: its gzip data are damaged (${messageOf(cause)}).`, {
        hint: "Fetch the file again.",
        cause,
      });
    }
    if (most === maxBytes) throw tooLarge(path, `decompresses to more than ${maxBytes} bytes`, cause);
    throw new DrmadError("malformed-file", `${path} decompresses to more than ${maxRatio} times its size.`, {
      hint: "No data set does that; decompress the file yourself if you trust it.",
      cause,
    });
  }
}

function readRegularFile(path: string, maxBytes: number): Uint8Array {
  let file: number | undefined;
  try {
    // Opening a pipe would wait for a writer, so look before.
    if (!statSync(path).isFile()) throw notFound(path, "it is not a regular file");
    file = openSync(path, "r");
    const { size } = fstatSync(file);
    if (size > maxBytes) throw tooLarge(path, `has ${size} bytes, more than ${maxBytes}`);
    return plain(readFileSync(file));
  } catch (cause) {
    if (cause instanceof DrmadError) throw cause;
    throw notFound(path, codeOf(cause) === "ENOENT" ? "there is no such file" : messageOf(cause), cause);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** The same bytes without the methods of Buffer, whose `slice` would share them. */
function plain({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function notFound(path: string, reason: string, cause?: unknown): DrmadError {
  const hint = "Check the path, and that you may read the file.";
  return new DrmadError("file-not-found", `Cannot read ${JSON.stringify(path)}: ${reason}.`, { hint, cause });
}

function tooLarge(path: string, problem: string, cause?: unknown): DrmadError {
  return new DrmadError("unsupported", `${path} ${problem}.`, {
    hint: "Split the file, or keep fewer rows in it.",
    cause,
  });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export interface MnistOptions extends MnistSizes {
  /** The folder of the four IDX files, each as it is or with `.gz`. */
  readonly folder: string;
}

/**
 * MNIST (LeCun, Cortes and Burges 1998), or any data set in its four files such as Fashion-MNIST, from a folder.
 * See `mnistDataset` for what is in it.
 *
 * Errors: those of `readBytes`, `parseIdx` and `mnistDataset`, naming the file.
 */
export function mnist(options: MnistOptions): Dataset<LabelledSplit> {
  requireOptions("mnist", options, {
    folder: "text",
    train: "number",
    valid: "number",
    test: "number",
    seed: "number?",
  });
  const { folder, ...sizes } = options;
  requireSeed("mnist", sizes.seed);
  const files = {
    trainImages: readIdx(folder, "train-images-idx3-ubyte"),
    trainLabels: readIdx(folder, "train-labels-idx1-ubyte"),
    testImages: readIdx(folder, "t10k-images-idx3-ubyte"),
    testLabels: readIdx(folder, "t10k-labels-idx1-ubyte"),
  };
  return mnistDataset(folder, files, sizes);
}

const readIdx = (folder: string, name: string): NdArray => {
  const hint =
    "Put the four files of MNIST (train-… and t10k-…, images-idx3-ubyte and labels-idx1-ubyte) into that folder.";
  const path = findFile(folder, name, hint);
  return parseIdx(readBytes(path), path);
};

/**
 * The path of a file in a folder, as it is or with `.gz`.
 *
 * Errors: `file-not-found`, with the hint, when there is neither.
 */
export function findFile(folder: string, name: string, hint: string): string {
  const path = [name, `${name}.gz`].map((file) => join(folder, file)).find(exists);
  if (path !== undefined) return path;
  const problem = `${JSON.stringify(folder)} holds neither ${name} nor ${name}.gz.`;
  throw new DrmadError("file-not-found", problem, { hint });
}

function exists(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false; // below something that is no folder, or that may not be entered
  }
}
