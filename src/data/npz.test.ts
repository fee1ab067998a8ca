import { execFileSync } from "node:child_process";
import { deflateRawSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import * as fc from "fast-check";
import { anyArray, bitsOf } from "../../test/any-array.ts";
import { numpyMissing, PYTHON } from "../../test/numpy.ts";
import { optionalTest } from "../../test/optional.ts";
import { type ZipFile, zipOf } from "../../test/zip-of.ts";
import { thrown } from "../../test/thrown.ts";
import { encodeNpy } from "./npy.ts";
import { encodeNpz, parseNpz } from "./npz.ts";
import { crc32, encodeZip } from "./zip.ts";

const names = fc
  .oneof(
    fc.string({ unit: "grapheme", minLength: 1 }),
    fc.constantFrom("__proto__", "constructor", "0", "a/b", "x.npy"),
  )
  .filter(
    (name) =>
      !/[\\\0\uD800-\uDFFF]|^\/|^[A-Za-z]:/.test(name) &&
      name.split("/").every((part) => part !== "." && part !== ".."),
  );

const seven = encodeNpy({ data: Int32Array.of(7), shape: [1] });
const zeros = (count: number): Uint8Array => encodeNpy({ data: new Uint8Array(count), shape: [count] });

const deflated = (bytes: Uint8Array, more: Partial<ZipFile> = {}): ZipFile => ({
  name: "a.npy",
  data: deflateRawSync(bytes),
  method: 8,
  crc: crc32(bytes),
  size: bytes.length,
  ...more,
});
const stored = (name: string, more: Partial<ZipFile> = {}): ZipFile => ({ name, data: seven, method: 0, crc: crc32(seven), size: seven.length, ...more }); // prettier-ignore

describe("encodeNpz and parseNpz", () => {
  test("give back every bit of any arrays under any names, in order", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(names, anyArray), { selector: ([name]) => name, maxLength: 5 }), (arrays) => {
        const record = Object.fromEntries(arrays); // defines own properties, `__proto__` too
        const read = parseNpz(encodeNpz(record));
        const bits = (entries: typeof arrays): unknown => entries.map(([name, array]) => [name, bitsOf(array)]);
        expect(bits(Object.entries(read))).toEqual(bits(Object.entries(record)));
      }),
      { numRuns: 300 },
    );
  });

  test("write equal bytes for equal contents, and zeros that can be read again", () => {
    const one = { x: { data: new Float64Array(100_000), shape: [100_000] } };
    expect(encodeNpz(one)).toEqual(encodeNpz(one));
    expect(parseNpz(encodeNpz(one))).toEqual(one);
  });

  test.each(["", "/a", "../a", "a/../b", "a\\b", "C:a", "a\0", "\ud800"])("refuse to write the name %j", (name) => {
    expect(() => encodeNpz({ [name]: { data: new Uint8Array(1), shape: [] } })).toThrowError(
      thrown("invalid-argument", /The name/),
    );
  });

  test("never reach a prototype", () => {
    const read = parseNpz(encodeZip([["__proto__.npy", seven]]));
    expect(Object.keys(read)).toEqual(["__proto__"]);
    expect(read["constructor"]).toBeUndefined();
    expect(({} as Record<string, unknown>)["data"]).toBeUndefined();
  });
});

describe("crc32", () => {
  test("gives the published check value", () => {
    expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
  });
});

describe("parseNpz", () => {
  test("reads stored and deflated entries", () => {
    const read = parseNpz(zipOf([deflated(seven), stored("b.npy")]));
    expect(Object.keys(read)).toEqual(["a", "b"]);
    for (const array of Object.values(read)) expect(array).toEqual({ data: Int32Array.of(7), shape: [1] });
  });

  test.each([
    ["a name that leaves its folder", [stored("../a.npy")], /"\.\.\/a\.npy" leaves its folder/],
    ["an absolute name", [stored("/etc/a.npy")], /is absolute/],
    ["a drive", [stored("c:a.npy")], /is absolute/],
    ["a backslash", [stored("..\\a.npy")], /backslash/],
    ["a name twice", [stored("a.npy"), stored("a.npy")], /"a\.npy" stands twice/],
    ["another kind of file", [stored("a.txt")], /"a\.txt", which is no npy file/],
    ["a folder", [stored("a/")], /no npy file/],
    ["a wrong checksum", [stored("a.npy", { crc: 5 })], /checksum/],
    ["two sizes", [stored("a.npy", { size: 5 })], /is stored as 132 bytes of 5/],
    [
      "a bomb that says what it is",
      [deflated(zeros(1_000_000))],
      /swells from \d+ to 1000128 bytes, more than 200 times/,
    ],
    ["a bomb that says less", [deflated(zeros(1_000_000), { size: 1000 })], /swells to more than the 1000 bytes/],
    ["less than is told", [deflated(seven, { size: 200 })], /132 bytes of the 200/],
    ["data cut short", [deflated(seven, { data: deflateRawSync(seven).subarray(0, 30) })], /damaged|bytes of the/],
    ["data that are none", [deflated(seven, { data: Uint8Array.of(7, 7, 7, 7) })], /damaged/],
    ["one place for two", [stored("a.npy"), stored("b.npy", { local: 0 })], /overlaps|calls this entry/],
    ["a place beyond the end", [stored("a.npy", { local: 0xfffffff0 })], /not where the directory says/],
  ])("refuses %s", (_, files, message) => {
    expect(() => parseNpz(zipOf(files), { name: "some.npz" })).toThrowError(thrown("malformed-file", message));
  });

  test("lets swell what it is told to, and no more bytes than it is told", () => {
    const bytes = zipOf([deflated(zeros(1_000_000))]);
    expect(parseNpz(bytes, { maxRatio: 2000 })["a"]!.shape).toEqual([1_000_000]);
    expect(() => parseNpz(bytes, { maxRatio: 2000, maxBytes: 999_999 })).toThrowError(thrown("unsupported", /999999/));
  });

  test("does not take encryption or other compressions", () => {
    expect(() => parseNpz(zipOf([stored("a.npy", { flags: 1 })]))).toThrowError(thrown("unsupported", /encrypted/));
    expect(() => parseNpz(zipOf([stored("a.npy", { method: 12 })]))).toThrowError(thrown("unsupported", /method 12/));
  });

  test("names the array whose npy file is wrong", () => {
    const bytes = encodeZip([["w.npy", seven.subarray(0, 100)]]);
    expect(() => parseNpz(bytes, { name: "some.npz" })).toThrowError(
      thrown("malformed-file", /^some\.npz: "w\.npy": .*, at byte 100\.$/),
    );
  });

  optionalTest("reads what NumPy writes, compressed or not", numpyMissing(), () => {
    for (const write of ["savez", "savez_compressed"]) {
      const script = `import sys, numpy as np; np.${write}(sys.stdout.buffer, x=np.arange(6.).reshape(2, 3), y=np.int64([1, -2]), **{"né": np.asfortranarray([[1, 2], [3, 4]], dtype=np.float32)})`;
      expect(parseNpz(new Uint8Array(execFileSync(PYTHON, ["-c", script])))).toEqual({
        x: { data: Float64Array.of(0, 1, 2, 3, 4, 5), shape: [2, 3] },
        y: { data: Int32Array.of(1, -2), shape: [2] },
        né: { data: Float32Array.of(1, 2, 3, 4), shape: [2, 2] },
      });
    }
  });

  optionalTest("is read by NumPy, and Python's zipfile finds nothing wrong", numpyMissing(), () => {
    const bytes = encodeNpz({
      x: { data: Float32Array.of(-0, NaN, 3), shape: [3] },
      né: { data: Uint8Array.of(1, 2), shape: [1, 2] },
      none: { data: new Float64Array(0), shape: [0, 3] },
    });
    const script = `
import io, sys, json, zipfile, numpy as np
data = sys.stdin.buffer.read()
assert zipfile.ZipFile(io.BytesIO(data)).testzip() is None
z = np.load(io.BytesIO(data), allow_pickle=False)
print(json.dumps({k: [z[k].dtype.str, z[k].shape, z[k].tobytes().hex()] for k in z.files}))`;
    expect(JSON.parse(execFileSync(PYTHON, ["-c", script], { input: bytes, encoding: "utf8" }))).toEqual({
      x: ["<f4", [3], "000000800000c07f00004040"],
      né: ["|u1", [1, 2], "0102"],
      none: ["<f8", [0, 3], ""],
    });
  });
});
