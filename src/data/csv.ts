import { DrmadError, requireOptions } from "../errors.ts";
import { csvFields, type Fields } from "./csv-fields.ts";
import type { NdArray } from "./dataset.ts";
import { type FailAt, failsAt, MAX_BYTES, MAX_ELEMENTS, type ParseOptions, quoted } from "./limits.ts";

const MAX_COLUMNS = 2 ** 18;
/** What stands for a missing value in many files: a first row of these names no columns. */
const MISSING = /^[ \t]*[+-]?(?:nan|na|n\/a|null|inf|infinity|\?)[ \t]*$/i;
const MAX_CLASSES = 2 ** 16;
const SEPARATORS = { ",": 0x2c, ";": 0x3b, "\t": 0x09 } as const;

/** How the columns of a CSV file are read. */
export interface CsvColumns {
  /**
   * Whether the first row names the columns. Unless told, it does when none of its fields is a number and does not when all are;
   * anything between has to be told.
   */
  readonly header?: boolean;
  /** The column of the classes, by its name or its number: from 0, or from the last, which is −1. */
  readonly label?: string | number;
  /** The column of the numbers to predict, instead of classes. */
  readonly target?: string | number;
  /** A comma unless told. */
  readonly separator?: keyof typeof SEPARATORS;
}

export interface CsvOptions extends CsvColumns, ParseOptions {}

export interface CsvTable {
  /** Names of the columns of `x`, or their numbers in the file where no row names them. */
  readonly columns: readonly string[];
  /** Float64Array [rows, columns]. */
  readonly x: NdArray;
  /** The class as Int32Array [rows], or the target as Float64Array [rows, 1]; undefined where neither is asked for. */
  readonly y?: NdArray;
  /** What each class is called in the file: by size where all are whole numbers, or else by alphabet. */
  readonly classes?: readonly string[];
}

/**
 * The numbers in a CSV file (RFC 4180): UTF-8, with or without a header, in rows of equal length. Every field besides the labels
 * must be a number; a missing value is an error, for nothing can be put in its place that is right for every data set. Labels are
 * any texts: class i is the i-th of `classes`.
 *
 * Errors: `malformed-file`, with the row, the column and the offset, for anything else; `invalid-argument` when there is no such
 * column, or when it has to be told whether there is a header. Rows count from 1, the header among them.
 */
export function parseCsv(bytes: Uint8Array, options: CsvOptions = {}): CsvTable {
  requireOptions("parseCsv", options, {
    name: "text?",
    maxBytes: "number?",
    header: "boolean?",
    label: "text or number?",
    target: "text or number?",
    separator: "text?",
  });
  return readTable(bytes, options);
}

/** `parseCsv`, of options that are known to be some. */
export function readTable(bytes: Uint8Array, options: CsvOptions): CsvTable {
  const { name = "csv", maxBytes = MAX_BYTES, label, target, separator = "," } = options;
  const code = SEPARATORS[separator] as number | undefined;
  if (code === undefined) throw wrong(`The separator is ${quoted(String(separator))}`, 'Give ",", ";" or "\\t".');
  if (label !== undefined && target !== undefined)
    throw wrong(`${name} has both a label and a target`, "Give label for classes, or target for numbers to predict.");
  const fail = failsAt(
    name,
    "Every field but the label must be a number: name the label, leave other columns out, and keep rows of the same columns, in UTF-8.",
  );
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff))
    return fail(0, "the file is UTF-16, not UTF-8");
  const from = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0; // a byte order mark
  if (bytes.length === from) return fail(from, "the file is empty");

  const fields = csvFields(bytes, from, code, fail);
  const columns = readColumns(fields, options.header, name, fail);
  const chosen = columnOf(columns, label ?? target, name);
  const width = columns.names.length - (chosen === undefined ? 0 : 1);
  if (width === 0) return fail(from, "there is no column besides the one to predict");
  if (!columns.header) fields.back(from);

  // Of each kind an upper bound: a row takes a line end, and a field takes two bytes.
  const lines = countLines(bytes, fields.at);
  const most = Math.min(lines * width, Math.ceil((bytes.length + 1) / 2));
  if (most > MAX_ELEMENTS || most * 8 > Math.min(maxBytes, MAX_BYTES))
    return fail(fields.at, `${lines} rows of ${width} numbers, more than ${maxBytes} bytes in memory`);
  const x = new Float64Array(most);
  const y = chosen === undefined ? undefined : label === undefined ? new Float64Array(lines) : new Int32Array(lines);
  const classes = new Map<string, number>();
  let row = columns.header ? 2 : 1;
  let rows = 0;
  for (let at = 0; !fields.done; row++, rows++) {
    for (let column = 0; column < columns.names.length; column++) {
      fields.next();
      if (fields.last !== (column === columns.names.length - 1)) {
        const found = fields.last ? `only ${column + 1}` : `more than ${columns.names.length}`;
        return fail(fields.start, `row ${row} has ${found} of ${columns.names.length} columns`);
      }
      const place = (): string => `row ${row}, column ${column} (${quoted(columns.names[column]!)})`;
      if (column !== chosen) x[at++] = numberOf(fields, place, fail);
      else if (label === undefined) y![rows] = numberOf(fields, place, fail);
      else y![rows] = classOf(fields, classes, place, fail);
    }
  }
  if (rows === 0) return fail(bytes.length, "there is no row of data");
  const table = {
    columns: columns.names.filter((_, i) => i !== chosen),
    x: { data: rows * width === most ? x : x.slice(0, rows * width), shape: [rows, width] },
  };
  if (y === undefined) return table;
  if (y instanceof Float64Array) return { ...table, y: { data: y.slice(0, rows), shape: [rows, 1] } };
  const sorted = sortedClasses([...classes.keys()]);
  const order = new Map(sorted.map((text, i) => [classes.get(text)!, i]));
  return { ...table, y: { data: y.slice(0, rows).map((first) => order.get(first)!), shape: [rows] }, classes: sorted };
}

const wrong = (message: string, hint: string): DrmadError =>
  new DrmadError("invalid-argument", `${message}.`, { hint });

interface Columns {
  readonly header: boolean;
  readonly names: readonly string[];
}

function readColumns(fields: Fields, header: boolean | undefined, name: string, fail: FailAt): Columns {
  const texts: string[] = [];
  let numbers = 0;
  do {
    fields.next();
    const text = fields.text();
    if (texts.length >= MAX_COLUMNS) fail(fields.start, `more than ${MAX_COLUMNS} columns`);
    texts.push(text);
    if (!Number.isNaN(fields.number()) || MISSING.test(text)) numbers++;
  } while (!fields.last);
  if (header === undefined && numbers > 0 && numbers < texts.length) {
    throw wrong(
      `${name}: ${numbers} of ${texts.length} fields of the first row are numbers or missing, so it may be a header or not`,
      "Say header: true or header: false.",
    );
  }
  const named = header ?? numbers === 0;
  return { header: named, names: named ? texts : texts.map((_, i) => String(i)) };
}

function columnOf({ names, header }: Columns, which: string | number | undefined, name: string): number | undefined {
  if (which === undefined) return undefined;
  const all = `Its columns are ${names.slice(0, 20).map(quoted).join(", ")}${names.length > 20 ? ", …" : ""}.`;
  if (typeof which === "number") {
    const column = which < 0 ? names.length + which : which;
    if (Number.isInteger(column) && column >= 0 && column < names.length) return column;
    throw wrong(`${name} has no column ${which}: it has ${names.length}`, "Columns count from 0; −1 is the last.");
  }
  if (!header)
    throw wrong(`${name} has no header, so no column is called ${quoted(which)}`, "Give the column's number, from 0.");
  const column = names.indexOf(which);
  if (column < 0) throw wrong(`${name} has no column ${quoted(which)}`, all);
  if (names.indexOf(which, column + 1) >= 0)
    throw wrong(`${name} has two columns ${quoted(which)}`, "Give the column's number, from 0.");
  return column;
}

function numberOf(fields: Fields, place: () => string, fail: FailAt): number {
  const value = fields.number();
  if (Number.isFinite(value)) return value;
  const text = fields.text();
  const problem =
    text.trim() === ""
      ? "is missing"
      : `is ${quoted(text)}, ${Number.isNaN(value) ? "not a number" : "out of the range of numbers"}`;
  return fail(fields.start, `${place()} ${problem}`);
}

/** The number of a class in order of appearance. */
function classOf(fields: Fields, classes: Map<string, number>, place: () => string, fail: FailAt): number {
  const text = fields.text();
  if (text.trim() === "") return fail(fields.start, `${place()}, the label, is missing`);
  const known = classes.get(text);
  if (known !== undefined) return known;
  if (classes.size === MAX_CLASSES) return fail(fields.start, `${place()}: more than ${MAX_CLASSES} different labels`);
  classes.set(text, classes.size);
  return classes.size - 1;
}

function sortedClasses(texts: readonly string[]): readonly string[] {
  const whole = texts.every((text) => /^-?(?:0|[1-9][0-9]{0,14})$/.test(text));
  return texts.toSorted((a, b) => (whole ? Number(a) - Number(b) : a < b ? -1 : a > b ? 1 : 0));
}

function countLines(bytes: Uint8Array, from: number): number {
  let lines = 1;
  for (let at = from; at < bytes.length; at++) if (bytes[at] === 0x0a) lines++;
  return lines;
}
