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
export function parseZip(bytes: Uint8Array, options: ZipOptions = {}): ReadonlyMap<string, () => Uint8Array> {
  const { name = "zip", maxBytes = MAX_BYTES, maxRatio = MAX_RATIO } = options;
  const fail = failsAt(name, "The file is damaged, or was not written as a plain zip archive.");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries = readDirectory(bytes, view, name, fail);
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
    const start = dataStart(bytes, view, entry, fail);
    free = start + entry.packed;
    if (free > bytes.length) fail(entry.at, `${quoted(entry.name)} goes on after the end of the file`);
    starts.set(entry, start);
  }
  return new Map(entries.map((entry) => [entry.name, () => contents(bytes, entry, starts.get(entry)!, fail)]));
}

function readDirectory(bytes: Uint8Array, view: DataView, name: string, fail: FailAt): readonly Entry[] {
  const end = endRecord(bytes, view, fail);
  const count = view.getUint16(end + 10, true);
  const size = view.getUint32(end + 12, true);
  let at = view.getUint32(end + 16, true);
  if (
    view.getUint16(end + 4, true) !== 0 ||
    view.getUint16(end + 6, true) !== 0 ||
    view.getUint16(end + 8, true) !== count
  )
    return fail(end + 4, "the archive is one part of several");
  if (count === 0xffff || size === 0xffffffff || at === 0xffffffff)
    return fail(end + 10, "the archive is larger than 2 GiB");
  if (at + size !== end) return fail(end + 16, `a directory of ${size} bytes from ${at} does not end at ${end}`);
  const entries: Entry[] = [];
  const names = new Set<string>();
  for (let i = 0; i < count; i++) {
    if (at + 46 > end || view.getUint32(at, true) !== CENTRAL)
      return fail(Math.min(at, end), `entry ${i + 1} of ${count} is missing`);
    const flags = view.getUint16(at + 8, true);
    const method = view.getUint16(at + 10, true);
    const [nameLength, extra, comment] = [28, 30, 32].map((field) => view.getUint16(at + field, true)) as [
      number,
      number,
      number,
    ];
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
    const [crc, packed, unpacked] = [16, 20, 24].map((field) => view.getUint32(at + field, true)) as [
      number,
      number,
      number,
    ];
    if (method === 0 && packed !== unpacked)
      return fail(at + 20, `${quoted(entry)} is stored as ${packed} bytes of ${unpacked}`);
    const local = view.getUint32(at + 42, true);
    entries.push({ name: entry, at, method, crc, packed, size: unpacked, local });
    at = next;
  }
  return at === end ? entries : fail(at, "the directory holds more than its entries");
}

/** Where the last record begins: it ends the file, but for a comment whose length it says. */
function endRecord(bytes: Uint8Array, view: DataView, fail: FailAt): number {
  for (let at = bytes.length - END_SIZE; at >= Math.max(0, bytes.length - END_SIZE - 0xffff); at--) {
    if (view.getUint32(at, true) === END && at + END_SIZE + view.getUint16(at + 20, true) === bytes.length) return at;
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
function dataStart(bytes: Uint8Array, view: DataView, entry: Entry, fail: FailAt): number {
  const { local, at } = entry;
  if (local + 30 > bytes.length || view.getUint32(local, true) !== LOCAL) {
    return fail(at + 42, `${quoted(entry.name)} is not where the directory says`);
  }
  const nameLength = view.getUint16(local + 26, true);
  const start = local + 30 + nameLength + view.getUint16(local + 28, true);
  if (start > bytes.length) return fail(local + 26, `${quoted(entry.name)} has a name beyond the end of the file`);
  if (readName(bytes.subarray(local + 30, local + 30 + nameLength), local + 30, fail) !== entry.name)
    return fail(local + 30, `the directory calls this entry ${quoted(entry.name)}`);
  if (view.getUint16(local + 8, true) !== entry.method)
    return fail(local + 8, "the directory tells another compression");
  // All ones: told in the 64-bit field, as NumPy has it. Bit 3: told after the data. Then the directory alone is asked.
  const told = (field: number): boolean => view.getUint32(local + field, true) !== 0xffffffff;
  if ((view.getUint16(local + 6, true) & 8) === 0) {
    if (told(18) && view.getUint32(local + 18, true) !== entry.packed)
      return fail(local + 18, "the directory tells another size");
    if (told(22) && view.getUint32(local + 22, true) !== entry.size)
      return fail(local + 22, "the directory tells another size");
    if (view.getUint32(local + 14, true) !== entry.crc) return fail(local + 14, "the directory tells another checksum");
  }
  return start;
}

function contents(bytes: Uint8Array, entry: Entry, start: number, fail: FailAt): Uint8Array {
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
  const named = files.map(([name, bytes]) => ({ name: new TextEncoder().encode(name), bytes, crc: crc32(bytes) }));
  const total = named.reduce((sum, { name, bytes }) => sum + 76 + 2 * name.length + bytes.length, END_SIZE);
  if (total >= MAX_BYTES || files.length >= MAX_ENTRIES) {
    throw new DrmadError(
      "invalid-argument",
      `${files.length} files of ${total} bytes are more than one archive takes.`,
      {
        hint: "Write fewer or smaller arrays into one file.",
      },
    );
  }
  const out = new Uint8Array(total);
  const view = new DataView(out.buffer);
  let at = 0;
  const put16 = (...words: number[]): void => words.forEach((word) => (view.setUint16(at, word, true), (at += 2)));
  const put32 = (...words: number[]): void => words.forEach((word) => (view.setUint32(at, word, true), (at += 4)));
  const put = (bytes: Uint8Array): void => (out.set(bytes, at), void (at += bytes.length));
  /** What both records of an entry share: version 2.0, names in UTF-8, stored, the date, and the sizes. */
  const common = ({ name, bytes, crc }: (typeof named)[number]): void => {
    put16(20, 0x800, 0, 0, 0x21);
    put32(crc, bytes.length, bytes.length);
    put16(name.length, 0);
  };
  const starts = named.map((file) => {
    const start = at;
    put32(LOCAL);
    common(file);
    put(file.name);
    put(file.bytes);
    return start;
  });
  const directory = at;
  named.forEach((file, i) => {
    put32(CENTRAL);
    put16(20);
    common(file);
    put16(0, 0, 0);
    put32(0, starts[i]!);
    put(file.name);
  });
  const size = at - directory;
  put32(END);
  put16(0, 0, files.length, files.length);
  put32(size, directory);
  put16(0);
  return out;
}
