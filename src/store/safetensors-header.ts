import { quoted } from "../data/limits.ts";

/** One tensor as the header describes it; nothing but the types is checked yet. */
export interface TensorEntry {
  /** Offset of its description in the header. */
  readonly at: number;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Its bytes, counted from the end of the header. */
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: ReadonlyMap<string, string>;
}

/** Reports a problem at an offset of the header by throwing. */
export type Fail = (at: number, problem: string) => never;

/**
 * The JSON header of a safetensors file, read by its own grammar: an object of objects of a fixed form. `JSON.parse`
 * would let the second of two equal names win, take 1e3 and 1.0 for whole numbers, and recurse as deep as the file
 * asks. Offsets in errors count bytes.
 */
export function parseHeader(bytes: Uint8Array, fail: Fail): SafetensorsHeader {
  const cursor: Cursor = { bytes, at: 0, fail };
  // The format demands it, so that nobody is tempted to put a byte order mark first.
  if (bytes[0] !== 0x7b) return fail(0, "the header does not start with {");
  const tensors = new Map<string, TensorEntry>();
  const metadata = new Map<string, string>();
  eachMember(cursor, (name) => {
    if (name !== "__metadata__") tensors.set(name, readEntry(cursor));
    else eachMember(cursor, (key) => metadata.set(key, readString(cursor)));
  });
  skipSpace(cursor);
  if (cursor.at < bytes.length) fail(cursor.at, "the header goes on after its end");
  return { tensors, metadata };
}

interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
  readonly fail: Fail;
}

function readEntry(cursor: Cursor): TensorEntry {
  skipSpace(cursor);
  const { at, fail } = cursor;
  let dtype: string | undefined;
  let shape: readonly number[] | undefined;
  let offsets: readonly number[] | undefined;
  eachMember(cursor, (key, keyAt) => {
    if (key === "dtype") dtype = readString(cursor);
    else if (key === "shape") shape = readIntegers(cursor);
    else if (key === "data_offsets") offsets = readIntegers(cursor);
    else fail(keyAt, `${quoted(key)} does not belong to a tensor`);
  });
  if (dtype === undefined || shape === undefined || offsets === undefined) {
    return fail(at, "a tensor lacks its dtype, shape or data_offsets");
  }
  const [begin, end] = offsets;
  if (begin === undefined || end === undefined || offsets.length !== 2)
    return fail(at, "data_offsets are not two numbers");
  return { at, dtype, shape, begin, end };
}

/** Reads an object; `read` must take the value of the key that it is given with the key's offset. */
function eachMember(cursor: Cursor, read: (key: string, at: number) => void): void {
  const keys = new Set<string>();
  expectByte(cursor, "{");
  if (takeByte(cursor, "}")) return;
  do {
    skipSpace(cursor);
    const { at } = cursor;
    const key = readString(cursor);
    if (keys.has(key)) cursor.fail(at, `${quoted(key)} stands twice in one object`);
    keys.add(key);
    expectByte(cursor, ":");
    read(key, at);
  } while (takeByte(cursor, ","));
  expectByte(cursor, "}");
}

function readIntegers(cursor: Cursor): readonly number[] {
  const numbers: number[] = [];
  expectByte(cursor, "[");
  if (takeByte(cursor, "]")) return numbers;
  do numbers.push(readInteger(cursor));
  while (takeByte(cursor, ","));
  expectByte(cursor, "]");
  return numbers;
}

function readInteger(cursor: Cursor): number {
  skipSpace(cursor);
  const { bytes, at, fail } = cursor;
  let value = 0;
  for (let digit = bytes[at]! - 48; digit >= 0 && digit <= 9; digit = bytes[++cursor.at]! - 48) {
    if (cursor.at > at && bytes[at] === 48) return fail(at, "a number starts with 0");
    value = 10 * value + digit;
    if (value > Number.MAX_SAFE_INTEGER) return fail(at, "a number is above 2^53");
  }
  return cursor.at > at ? value : fail(at, "a whole number is missing");
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** A JSON string. Its end is looked for here; its escapes are JSON's own business. */
function readString(cursor: Cursor): string {
  expectByte(cursor, '"');
  const { bytes, fail } = cursor;
  const start = cursor.at - 1;
  while (cursor.at < bytes.length && bytes[cursor.at] !== 0x22) cursor.at += bytes[cursor.at] === 0x5c ? 2 : 1;
  cursor.at++;
  try {
    return JSON.parse(utf8.decode(bytes.subarray(start, cursor.at))) as string;
  } catch {
    return fail(start, "a string has no end, or is not JSON in UTF-8");
  }
}

function skipSpace(cursor: Cursor): void {
  for (let byte = cursor.bytes[cursor.at]; byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;) {
    byte = cursor.bytes[++cursor.at];
  }
}

function takeByte(cursor: Cursor, character: string): boolean {
  skipSpace(cursor);
  const found = cursor.bytes[cursor.at] === character.charCodeAt(0);
  if (found) cursor.at++;
  return found;
}

function expectByte(cursor: Cursor, character: string): void {
  if (!takeByte(cursor, character)) cursor.fail(cursor.at, `${character} is missing`);
}
