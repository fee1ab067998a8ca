import type { FailAt } from "./limits.ts";

const QUOTE = 0x22;
const RETURN = 0x0d;
const NEWLINE = 0x0a;
/** Bytes of one field: a quotation mark that is never closed would take in the rest of the file. */
const MAX_FIELD = 2 ** 16;

/** Up to so many bytes, letters one by one are faster than a decoder. */
const SHORT = 24;

/** Goes through a CSV file field by field. Its properties tell of the field read last. */
export interface Fields {
  /** Where the field starts, and where the next one would be read. */
  readonly start: number;
  readonly at: number;
  /** Whether the field ends its row. */
  readonly last: boolean;
  /** Whether nothing is left. */
  readonly done: boolean;
  next(): void;
  /** Without its quotation marks. */
  text(): string;
  /** Its number; NaN when it is none. */
  number(): number;
  /** Reads from an earlier place again. */
  back(at: number): void;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const NUMBER = /^[ \t]*([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[ \t]*$/;

/**
 * The fields of a file by RFC 4180: rows end in CR LF, or LF alone; a field in quotation marks may hold separators, line ends,
 * and quotation marks written twice; a quotation mark anywhere else is an error.
 */
export function csvFields(bytes: Uint8Array, from: number, separator: number, fail: FailAt): Fields {
  let at = from;
  let start = from;
  // What the field holds, without its quotation marks.
  let [inner, end] = [from, from];
  let escaped = false;
  let last = false;

  const close = (): void => {
    const byte = bytes[at];
    last = byte !== separator;
    if (at >= bytes.length || byte === separator || byte === NEWLINE) at++;
    else if (byte === RETURN && bytes[at + 1] === NEWLINE) at += 2;
    else
      fail(at, byte === RETURN ? "a carriage return without a line feed" : "something after a closing quotation mark");
    at = Math.min(at, bytes.length);
  };
  const tooLong = (): void => {
    if (at - start > MAX_FIELD) fail(start, `a field of more than ${MAX_FIELD} bytes; a quotation mark may be open`);
  };
  const quotedField = (): void => {
    inner = ++at;
    escaped = false;
    for (; ; at++) {
      if (at >= bytes.length) fail(start, "a quotation mark is never closed");
      tooLong();
      if (bytes[at] !== QUOTE) continue;
      if (bytes[at + 1] !== QUOTE) break;
      escaped = true;
      at++;
    }
    end = at++;
  };
  const text = (): string => {
    if (end - inner <= SHORT && !escaped) {
      let short = "";
      for (let i = inner; i < end && bytes[i]! < 0x80; i++) short += String.fromCharCode(bytes[i]!);
      if (short.length === end - inner) return short;
    }
    try {
      const found = utf8.decode(bytes.subarray(inner, end));
      return escaped ? found.replaceAll('""', '"') : found;
    } catch {
      return fail(inner, "a field is not UTF-8");
    }
  };

  return {
    get start() {
      return start;
    },
    get at() {
      return at;
    },
    get last() {
      return last;
    },
    get done() {
      return at >= bytes.length;
    },
    next() {
      start = at;
      escaped = false;
      if (bytes[at] === QUOTE) quotedField();
      else {
        inner = at;
        for (; at < bytes.length; at++) {
          const byte = bytes[at];
          if (byte === separator || byte === NEWLINE || byte === RETURN) break;
          if (byte === QUOTE) fail(at, "a quotation mark inside a field that does not start with one");
          tooLong();
        }
        end = at;
      }
      close();
    },
    text,
    number() {
      // Whole numbers of few digits, as pixels are, need no text.
      let value = 0;
      let i = inner;
      for (; i < end && i < inner + 15; i++) {
        const digit = bytes[i]! - 48;
        if (digit < 0 || digit > 9) break;
        value = 10 * value + digit;
      }
      if (i === end && end > inner) return value;
      const [, digits] = NUMBER.exec(text()) ?? [];
      return digits === undefined ? NaN : Number(digits);
    },
    back(to) {
      at = to;
      last = false;
    },
  };
}
