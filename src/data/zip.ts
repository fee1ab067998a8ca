import { Inflate } from "fflate";
import { DrmadError } from "../errors.ts";
import { type FailAt, failsAt, MAX_BYTES, MAX_RATIO, type ParseOptions, quoted } from "./limits.ts";

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const END_SIZE = 22;
const MAX_ENTRIES = 0xffff;
const MAX_NAME = 4096;
/** Compressed bytes inflated at a time: they can become at most about 1,032 times as many. */
const PIECE = 4096;

export interface ZipOptions extends ParseOptions {
  /** How many times larger than its compressed form an entry may be, 200 unless told. */
  readonly maxRatio?: number;
}

/** Bytes by their place: an array, or a file that is read where it is asked. */
export type Bytes = Pick<Uint8Array, "length"> & { subarray(from: number, to: number): Uint8Array };

/** Numbers between two places, by their places in the whole. */
interface Window {
  u16(at: number): number;
  u32(at: number): number;
}

function windowOf(bytes: Bytes, from: number, to: number): Window {
  const part = bytes.subarray(from, to);
  const view = new DataView(part.buffer, part.byteOffset, part.byteLength);
  return { u16: (at) => view.getUint16(at - from, true), u32: (at) => view.getUint32(at - from, true) };
}

interface Entry {
  readonly name: string;
  /** Of its record in the directory, for errors. */
  readonly at: number;
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
  readonly local: number;
}

/**
 * The files in a zip archive (PKWARE's APPNOTE 6.3), stored or deflated, in the order of its directory, each to be read when it
 * is called: then it is inflated and its checksum is compared. Nothing is written anywhere, but a name that would leave a folder tells of an archive that was made to do harm.
 *
 * Errors: `malformed-file`, with the offset of what is wrong, for a damaged archive, for names that are absolute, hold `..` or
 * stand twice, for entries that overlap, or that swell to more than `maxRatio` times their size, which is seen before anything
 * is inflated and watched while it is; `unsupported` for encryption, other compressions, or more than `maxBytes` in all.
 */
export function parseZip(bytes: Bytes, options: ZipOptions = {}): ReadonlyMap<string, () => Uint8Array> {
  const { name = "zip", maxBytes = MAX_BYTES, maxRatio = MAX_RATIO } = options;
  const fail = failsAt(name, "The file is damaged, or was not written as a plain zip archive.");
  const entries = readDirectory(bytes, name, fail);
  const total = entries.reduce((sum, { size }) => sum + size, 0);
  if (total > maxBytes) {
    throw new DrmadError("unsupported", `${name} holds ${total} bytes, more than ${maxBytes}.`, {
      hint: "Split the file, or keep fewer rows in it.",
    });
  }
  for (const { at, name: entry, size, packed } of entries) {
    if (size > maxRatio * packed)
      fail(at, `${quoted(entry)} swells from ${packed} to ${size} bytes, more than ${maxRatio} times`);
  }
  let free = 0;
  const starts = new Map<Entry, number>();
  for (const entry of [...entries].sort((a, b) => a.local - b.local)) {
    if (entry.local < free) fail(entry.at, `${quoted(entry.name)} overlaps the entry before it`);
    const start = dataStart(bytes, entry, fail);
    free = start + entry.packed;
    if (free > bytes.length) fail(entry.at, `${quoted(entry.name)} goes on after the end of the file`);
    starts.set(entry, start);
  }
  return new Map(entries.map((entry) => [entry.name, () => contents(bytes, entry, starts.get(entry)!, fail)]));
}

function readDirectory(bytes: Bytes, name: string, fail: FailAt): readonly Entry[] {
  const end = endRecord(bytes, fail);
  const last = windowOf(bytes, end, bytes.length);
  const count = last.u16(end + 10);
  const size = last.u32(end + 12);
  let at = last.u32(end + 16);
  if (last.u16(end + 4) !== 0 || last.u16(end + 6) !== 0 || last.u16(end + 8) !== count)
    return fail(end + 4, "the archive is one part of several");
  if (count === 0xffff || size === 0xffffffff || at === 0xffffffff)
    return fail(end + 10, "the archive is larger than 2 GiB");
  if (at + size !== end) return fail(end + 16, `a directory of ${size} bytes from ${at} does not end at ${end}`);
  const view = windowOf(bytes, at, end);
  const entries: Entry[] = [];
  const names = new Set<string>();
  for (let i = 0; i < count; i++) {
    if (at + 46 > end || view.u32(at) !== CENTRAL)
      return fail(Math.min(at, end), `entry ${i + 1} of ${count} is missing`);
    const flags = view.u16(at + 8);
    const method = view.u16(at + 10);
    const [nameLength, extra, comment] = [28, 30, 32].map((field) => view.u16(at + field)) as [number, number, number];
    const next = at + 46 + nameLength + extra + comment;
    if (next > end) return fail(at + 28, `entry ${i + 1} of ${count} goes on after the directory`);
    if (nameLength > MAX_NAME) return fail(at + 28, `a name of ${nameLength} bytes, more than ${MAX_NAME}`);
    const entry = readName(bytes.subarray(at + 46, at + 46 + nameLength), at + 46, fail);
    const problem = nameProblem(entry);
    if (problem !== undefined) return fail(at + 46, `the name ${quoted(entry)} ${problem}`);
    if (names.has(entry)) return fail(at + 46, `${quoted(entry)} stands twice in the archive`);
    names.add(entry);
    // Bit 0 and 13: encrypted. Bit 5: a patch.
    if ((flags & 0x2021) !== 0 || (method !== 0 && method !== 8)) {
      const what = (flags & 0x2021) === 0 ? `compressed by method ${method}` : "encrypted";
      throw new DrmadError("unsupported", `${name}: ${quoted(entry)} is ${what}, at byte ${at + 8}.`, {
        hint: "Write the archive with numpy.savez or numpy.savez_compressed.",
      });
    }
    const [crc, packed, unpacked] = [16, 20, 24].map((field) => view.u32(at + field)) as [number, number, number];
    if (method === 0 && packed !== unpacked)
      return fail(at + 20, `${quoted(entry)} is stored as ${packed} bytes of ${unpacked}`);
    const local = view.u32(at + 42);
    entries.push({ name: entry, at, method, crc, packed, size: unpacked, local });
    at = next;
  }
  return at === end ? entries : fail(at, "the directory holds more than its entries");
}

/** Where the last record begins: it ends the file, but for a comment whose length it says. */
function endRecord(bytes: Bytes, fail: FailAt): number {
  const least = Math.max(0, bytes.length - END_SIZE - 0xffff);
  const view = windowOf(bytes, least, bytes.length);
  for (let at = bytes.length - END_SIZE; at >= least; at--) {
    if (view.u32(at) === END && at + END_SIZE + view.u16(at + 20) === bytes.length) return at;
  }
  return fail(bytes.length, "no zip archive ends here");
}

function readName(bytes: Uint8Array, at: number, fail: FailAt): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return fail(at, "a name is not UTF-8");
  }
}

/** What is wrong with the name of an entry, undefined when nothing is. */
export function nameProblem(name: string): string | undefined {
  if (name === "") return "is empty";
  if (/^(?:\/|[A-Za-z]:)/.test(name)) return "is absolute";
  if (name.split("/").some((part) => part === ".." || part === ".")) return "leaves its folder";
  if (/[\\\0]/.test(name)) return "holds a backslash or a zero byte";
  return undefined;
}

/** Where the data of an entry start; the record before them must tell the same as the directory. */
function dataStart(bytes: Bytes, entry: Entry, fail: FailAt): number {
  const { local, at } = entry;
  const view = windowOf(bytes, local, Math.min(local + 30, bytes.length));
  if (local + 30 > bytes.length || view.u32(local) !== LOCAL) {
    return fail(at + 42, `${quoted(entry.name)} is not where the directory says`);
  }
  const nameLength = view.u16(local + 26);
  const start = local + 30 + nameLength + view.u16(local + 28);
  if (start > bytes.length) return fail(local + 26, `${quoted(entry.name)} has a name beyond the end of the file`);
  if (readName(bytes.subarray(local + 30, local + 30 + nameLength), local + 30, fail) !== entry.name)
    return fail(local + 30, `the directory calls this entry ${quoted(entry.name)}`);
  if (view.u16(local + 8) !== entry.method) return fail(local + 8, "the directory tells another compression");
  // All ones: told in the 64-bit field, as NumPy has it. Bit 3: told after the data. Then the directory alone is asked.
  const told = (field: number): boolean => view.u32(local + field) !== 0xffffffff;
  if ((view.u16(local + 6) & 8) === 0) {
    if (told(18) && view.u32(local + 18) !== entry.packed) return fail(local + 18, "the directory tells another size");
    if (told(22) && view.u32(local + 22) !== entry.size) return fail(local + 22, "the directory tells another size");
    if (view.u32(local + 14) !== entry.crc) return fail(local + 14, "the directory tells another checksum");
  }
  return start;
}

function contents(bytes: Bytes, entry: Entry, start: number, fail: FailAt): Uint8Array {
  const packed = bytes.subarray(start, start + entry.packed);
  const plain = entry.method === 0 ? packed : inflate(packed, entry, start, fail);
  const crc = crc32(plain);
  if (crc !== entry.crc)
    return fail(start, `${quoted(entry.name)} does not have its checksum: ${hex(crc)}, not ${hex(entry.crc)}`);
  return plain;
}

const hex = (word: number): string => word.toString(16).padStart(8, "0");

/** In pieces, so that no more than one of them is inflated beyond the size that the directory promised. */
function inflate(packed: Uint8Array, { name, size }: Entry, start: number, fail: FailAt): Uint8Array {
  const plain = new Uint8Array(size);
  let length = 0;
  let at = 0;
  const stream = new Inflate((chunk) => {
    if (length + chunk.length > size)
      fail(start + at, `${quoted(name)} swells to more than the ${size} bytes that are told`);
    plain.set(chunk, length);
    length += chunk.length;
  });
  try {
    for (; at < packed.length; at += PIECE) stream.push(packed.subarray(at, at + PIECE), at + PIECE >= packed.length);
  } catch (cause) {
    if (cause instanceof DrmadError) throw cause;
    return fail(start + at, `the compressed data of ${quoted(name)} are damaged`);
  }
  if (length !== size)
    return fail(start + packed.length, `${quoted(name)} has ${length} bytes of the ${size} that are told`);
  return plain;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let word = byte;
  for (let bit = 0; bit < 8; bit++) word = (word & 1) === 1 ? 0xedb88320 ^ (word >>> 1) : word >>> 1;
  return word;
});

/** The checksum of zip and gzip (ISO 3309). */
export function crc32(bytes: Uint8Array): number {
  let word = 0xffffffff;
  for (const byte of bytes) word = CRC_TABLE[(word ^ byte) & 255]! ^ (word >>> 8);
  return ~word >>> 0;
}

/** A zip archive of stored files, all of them of 1 January 1980: equal contents are equal bytes. The names must be sound. */
export function encodeZip(files: readonly (readonly [name: string, bytes: Uint8Array])[]): Uint8Array {
  const total = files.reduce((sum, [name, bytes]) => sum + sizeOf(utf8(name), bytes), END_SIZE);
  requireRoom(files.length, total);
  const out = new Uint8Array(total);
  let at = 0;
  const put = (piece: Uint8Array): void => (out.set(piece, at), void (at += piece.length));
  const zip = zipPieces();
  for (const [name, bytes] of files) zip.add(name, bytes).forEach(put);
  put(zip.end());
  return out;
}

/** An archive in the making: what `add` and then `end` give, one after another, is the archive. */
export interface ZipPieces {
  /** @throws DrmadError invalid-argument where the archive becomes too large */
  add(name: string, bytes: Uint8Array): readonly Uint8Array[];
  end(): Uint8Array;
}

/** The archive of `encodeZip`, file by file: none of them is held. */
export function zipPieces(): ZipPieces {
  const files: Named[] = [];
  let [start, total] = [0, END_SIZE];
  return {
    add(name, bytes) {
      const file = { name: utf8(name), size: bytes.length, crc: crc32(bytes), start };
      total += sizeOf(file.name, bytes);
      requireRoom(files.length + 1, total);
      files.push(file);
      const { put32, put, out: header } = writer(30 + file.name.length);
      put32(LOCAL);
      put(common(file), file.name);
      start += header.length + bytes.length;
      return [header, bytes];
    },
    end() {
      const { put16, put32, put, out } = writer(total - start);
      for (const file of files) {
        put32(CENTRAL);
        put16(20);
        put(common(file));
        put16(0, 0, 0);
        put32(0, file.start);
        put(file.name);
      }
      const size = total - start - END_SIZE;
      put32(END);
      put16(0, 0, files.length, files.length);
      put32(size, start);
      put16(0);
      return out;
    },
  };
}

interface Named {
  readonly name: Uint8Array;
  readonly size: number;
  readonly crc: number;
  readonly start: number;
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
/** With both of its records. */
const sizeOf = (name: Uint8Array, bytes: Uint8Array): number => 76 + 2 * name.length + bytes.length;

function requireRoom(files: number, total: number): void {
  if (total < MAX_BYTES && files < MAX_ENTRIES) return;
  throw new DrmadError("invalid-argument", `${files} files of ${total} bytes are more than one archive takes.`, {
    hint: "Write fewer or smaller arrays into one file.",
  });
}

/** What both records of an entry share: version 2.0, names in UTF-8, stored, the date, and the sizes. */
function common({ name, size, crc }: Named): Uint8Array {
  const { put16, put32, out } = writer(26);
  put16(20, 0x800, 0, 0, 0x21);
  put32(crc, size, size);
  put16(name.length, 0);
  return out;
}

/** So many bytes, written in order. */
function writer(length: number) {
  const out = new Uint8Array(length);
  const view = new DataView(out.buffer);
  let at = 0;
  return {
    put16: (...words: number[]): void => words.forEach((word) => (view.setUint16(at, word, true), (at += 2))),
    put32: (...words: number[]): void => words.forEach((word) => (view.setUint32(at, word, true), (at += 4))),
    put: (...parts: Uint8Array[]): void => parts.forEach((part) => (out.set(part, at), (at += part.length))),
    out,
  };
}
