import { describe, expect, test } from "vitest";
import * as fc from "fast-check";
import { thrown } from "../../test/thrown.ts";
import { type CsvOptions, type CsvTable, parseCsv } from "./csv.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const read = (text: string, options: CsvOptions = {}): CsvTable =>
  parseCsv(bytesOf(text), { name: "some.csv", ...options });

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;

describe("parseCsv", () => {
  test("reads rows, header, classes and quoted fields with CR LF or LF, and no line end at the last", () => {
    const want = {
      columns: ["a", 'b "c", d'],
      x: { data: Float64Array.of(1, -2.5, 3e2, 0.5), shape: [2, 2] },
      y: { data: Int32Array.of(1, 0), shape: [2] },
      classes: ["apple, green", "pear\r\ntree"],
    };
    for (const end of ["\n", "\r\n"]) {
      for (const last of ["", end]) {
        const rows = ['a,kind,"b ""c"", d"', '1,"pear\r\ntree",-2.5', '"+3E2","apple, green", .5 '];
        expect(read(rows.join(end) + last, { label: "kind" })).toEqual(want);
      }
    }
  });

  test("numbers classes by size where they are whole numbers, and by alphabet where they are not", () => {
    expect(read("1,10\n2,9\n3,10\n", { label: -1 })).toMatchObject({ classes: ["9", "10"], y: { data: Int32Array.of(1, 0, 1) } }); // prettier-ignore
    expect(read("1,b\n2,10\n", { label: 1, header: false })).toMatchObject({ classes: ["10", "b"] });
    expect(read("1,__proto__\n2,constructor\n", { label: 1, header: false })).toMatchObject({
      classes: ["__proto__", "constructor"],
      y: { data: Int32Array.of(0, 1) },
    });
  });

  test("reads a target, other separators, a byte order mark, and files without header", () => {
    expect(read("\ufeffa;b\n1;2\n", { target: "b", separator: ";" })).toEqual({
      columns: ["a"],
      x: { data: Float64Array.of(1), shape: [1, 1] },
      y: { data: Float64Array.of(2), shape: [1, 1] },
    });
    expect(read("1\t2\n3\t4", { separator: "\t" })).toEqual({
      columns: ["0", "1"],
      x: { data: Float64Array.of(1, 2, 3, 4), shape: [2, 2] },
    });
    expect(read("1,2\n3,4\n", { header: true })).toEqual({ columns: ["1", "2"], x: { data: Float64Array.of(3, 4), shape: [1, 2] } }); // prettier-ignore
  });

  test("gives back any numbers and labels, quoted or not", () => {
    const number = fc.double({ noNaN: true, noDefaultInfinity: true });
    const label = fc
      .string({ unit: "grapheme", minLength: 1 })
      .filter((text) => text.trim() !== "" && !text.startsWith("\ufeff"));
    const rows = fc.array(fc.tuple(label, number, number, fc.boolean()), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(rows, fc.constantFrom("\n", "\r\n"), (table, end) => {
        const text = table.map(([l, a, b, q]) => [q ? quoted(String(a)) : a, quoted(l), b].join(",")).join(end);
        const { x, y, classes } = read(text, { label: 1, header: false });
        expect(x).toEqual({
          data: Float64Array.from(table.flatMap(([, a, b]) => [a + 0, b + 0])),
          shape: [table.length, 2],
        });
        expect([...y!.data].map((i) => classes![i])).toEqual(table.map(([l]) => l));
        expect(new Set(classes).size).toBe(classes!.length);
      }),
      { numRuns: 200 },
    );
  });

  test.each([
    ["nothing", "", {}, "the file is empty, at byte 0"],
    ["a header alone", "a,b\n", {}, "there is no row of data, at byte 4"],
    ["a missing value", "a,b\n1,2\n3,\n", {}, 'row 3, column 1 \\("b"\\) is missing, at byte 10'],
    [
      "a missing label",
      "a,b\n1,x\n3, \n",
      { label: "b" },
      'row 3, column 1 \\("b"\\), the label, is missing, at byte 10',
    ],
    ["a text", "a,b\n1,x\n", {}, 'row 2, column 1 \\("b"\\) is "x", not a number, at byte 6'],
    ["a first row of missing values", "nan,?\n1,2\n", {}, 'row 1, column 0 \\("0"\\) is "nan"'],
    ["nan", "1,2\n1,nan\n", {}, 'is "nan", not a number'],
    ["infinity", "1,2\n1,Infinity\n", {}, "not a number"],
    ["a hexadecimal number", "1,2\n1,0x10\n", {}, "not a number"],
    ["a number out of range", "1,2\n1,1e999\n", {}, "out of the range"],
    ["a field too few", "1,2\n3\n", {}, "row 2 has only 1 of 2 columns, at byte 4"],
    ["a field too many", "1,2\n3,4,5\n", {}, "row 2 has more than 2 of 2 columns, at byte 6"],
    ["an empty row", "1,2\n\n3,4\n", {}, "row 2 has only 1 of 2 columns, at byte 4"],
    ["a quotation mark inside", '1,2"\n', {}, "a quotation mark inside a field .*, at byte 3"],
    ["an open quotation mark", '1,2\n3,"4\n', {}, "never closed, at byte 6"],
    ["text after a quotation mark", '1,"2"3\n', {}, "after a closing quotation mark, at byte 5"],
    ["a lone carriage return", "1,2\r3,4\r", {}, "carriage return without a line feed, at byte 3"],
    ["a field without end", `1,"${"a".repeat(70_000)}"`, {}, "a field of more than 65536 bytes"],
    ["nothing but the label", "a\n1\n", { label: "a" }, "no column besides"],
  ] as const)("refuses %s and says where", (_, text, options, message) => {
    expect(() => read(text, options)).toThrowError(thrown("malformed-file", RegExp(`^some.csv: .*${message}`)));
  });

  test.each([
    ["a header that may be data", "1,b\n1,2\n", {}, /1 of 2 fields of the first row are numbers or missing/],
    ["a column that is not there", "a,b\n1,2\n", { label: "c" }, /has no column "c"/],
    ["a column beyond the last", "a,b\n1,2\n", { label: 2 }, /has no column 2/],
    ["a name without header", "1,2\n", { label: "a" }, /has no header/],
    ["a name of two columns", "a,a,b\n1,2,3\n", { label: "a" }, /has two columns "a"/],
    ["a label and a target", "a,b\n1,2\n", { label: 0, target: 1 }, /both/],
    ["another separator", "a,b\n1,2\n", { separator: "|" as "," }, /separator/],
  ])("has to be told of %s", (_, text, options, message) => {
    expect(() => read(text, options)).toThrowError(thrown("invalid-argument", message));
  });

  test("refuses other encodings", () => {
    expect(() => parseCsv(Uint8Array.of(0xff, 0xfe, 0x31, 0))).toThrowError(thrown("malformed-file", /UTF-16/));
    expect(() => parseCsv(Uint8Array.of(0x31, 0x2c, 0xe9, 0x0a), { label: 1 })).toThrowError(thrown("malformed-file", /not UTF-8, at byte 2/)); // prettier-ignore
  });

  test("keeps to the memory that it is given, and is not slowed by what nearly is a number", () => {
    expect(read("1,2\n3,4", { maxBytes: 32 }).x.shape).toEqual([2, 2]);
    expect(() => read("1,2\n3,4", { maxBytes: 31 })).toThrowError(thrown("malformed-file", /31 bytes in memory/));
    expect(() => read(`1\n${"1".repeat(65_000)}x\n`)).toThrowError(thrown("malformed-file", /not a number/));
  });
});
