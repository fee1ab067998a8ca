import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import * as fc from "fast-check";
import { anyArray, bitsOf } from "../../test/any-array.ts";
import { optionalTest } from "../../test/optional.ts";
import { DrmadError } from "../errors.ts";
import { decodeSafetensors, encodeSafetensors, type Safetensors } from "./safetensors.ts";

/** A file from its header's text, written from the format's description and not by the writer. */
function file(header: string | Uint8Array, data: Uint8Array = new Uint8Array(0), length?: bigint): Uint8Array {
  const text = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

function bytesEntry(size: number, begin: number, end: number): string {
  return `{"dtype":"U8","shape":[${size}],"data_offsets":[${begin},${end}]}`;
}

function headerOf(bytes: Uint8Array): string {
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  return new TextDecoder().decode(bytes.subarray(8, 8 + length));
}

/**
 * What came of reading: contents whose parts fit together, or the offset that a typed error names. Anything else is
 * thrown.
 */
function outcome(bytes: Uint8Array): Safetensors | number {
  try {
    const read = decodeSafetensors(bytes, "some-file");
    for (const { data, shape } of Object.values(read.tensors)) {
      if (data.length !== shape.reduce((product, size) => product * size, 1)) throw new Error("a shape does not fit");
    }
    return read;
  } catch (error) {
    if (!(error instanceof DrmadError) || error.code !== "malformed-file") throw error;
    const offset = /^some-file: .*, at byte (\d+)\.$/s.exec(error.message)?.[1];
    if (offset === undefined || Number(offset) > bytes.length) throw error;
    return Number(offset);
  }
}

const anyName = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom("__proto__", "constructor", "", "toString", "0", "\ud800", "\udc00\ud800", "\0", '"', "\\", "\u2028"),
);

function record<T>(entries: readonly (readonly [string, T])[]): Record<string, T> {
  return Object.fromEntries(entries); // defines own properties, `__proto__` too
}

describe("encodeSafetensors and decodeSafetensors", () => {
  test("give back every bit of any tensors and metadata under any names", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(anyName, anyArray), { selector: ([name]) => name, maxLength: 5 }),
        fc.uniqueArray(fc.tuple(anyName, fc.string({ unit: "binary" })), { selector: ([key]) => key, maxLength: 3 }),
        (tensors, metadata) => {
          const bytes = encodeSafetensors(record(tensors), record(metadata));
          const read = decodeSafetensors(bytes);
          expect(
            Object.entries(read.tensors)
              .map(([name, array]) => [name, bitsOf(array)])
              .sort(),
          ).toEqual(tensors.map(([name, array]) => [name, bitsOf(array)]).sort());
          expect(Object.entries(read.metadata).sort()).toEqual([...metadata].sort());
        },
      ),
      { numRuns: 500 },
    );
  });

  test("write equal bytes for equal contents in any order", () => {
    const a = { data: Float32Array.of(1), shape: [] };
    const b = { data: Float64Array.of(2), shape: [1] };
    const c = { data: Float32Array.of(3), shape: [1] };
    const one = encodeSafetensors({ a, b, c }, { x: "1", y: "2" });
    const two = encodeSafetensors({ c, b, a }, { y: "2", x: "1" });
    expect(one).toEqual(two);
  });

  test("align the data to 8 bytes, and each tensor to its elements, wherever the header ends", () => {
    for (let length = 1; length <= 17; length++) {
      const bytes = encodeSafetensors({
        a: { data: new Uint8Array(3), shape: [3] },
        b: { data: new Float32Array(3), shape: [3] },
        ["c".repeat(length)]: { data: new Float64Array(1), shape: [] },
        d: { data: new Int32Array(1), shape: [1] },
      });
      const header = headerOf(bytes);
      expect(header.length % 8).toBe(0);
      const parsed = JSON.parse(header) as Record<string, { dtype: string; data_offsets: [number, number] }>;
      for (const { dtype, data_offsets } of Object.values(parsed)) {
        expect(data_offsets[0] % ({ F64: 8, F32: 4, I32: 4 }[dtype] ?? 1)).toBe(0);
      }
    }
  });

  test("write the bytes that the format's description asks for", () => {
    const bytes = encodeSafetensors({ w: { data: Float32Array.of(1, -2), shape: [2, 1] } }, { by: "drmad" });
    const header = '{"__metadata__":{"by":"drmad"},"w":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}';
    expect(bytes).toEqual(file(header.padEnd(88), Uint8Array.of(0, 0, 128, 63, 0, 0, 0, 192)));
  });

  test("never reach a prototype", () => {
    const array = { data: Uint8Array.of(7), shape: [1] };
    const read = decodeSafetensors(encodeSafetensors(record([["__proto__", array]]), record([["__proto__", "x"]])));
    expect(Object.keys(read.tensors)).toEqual(["__proto__"]);
    expect(read.tensors["constructor"]).toBeUndefined();
    expect(read.metadata["toString"]).toBeUndefined();
    expect(({} as Record<string, unknown>)["data"]).toBeUndefined();
  });

  test("give arrays of their own, also from a Buffer, whose slices share bytes", () => {
    const bytes = Buffer.from(encodeSafetensors({ a: { data: Uint8Array.of(7), shape: [1] } }));
    const read = decodeSafetensors(bytes);
    bytes.fill(0);
    expect(read.tensors["a"]!.data).toEqual(Uint8Array.of(7));
  });

  test("take the spaces, line ends and order of members that JSON allows", () => {
    const header = '{ "a" :\n{\t"data_offsets":[0 , 1],\r"shape": [ ] , "dtype":"U\\u0038" } } ';
    expect(outcome(file(header, Uint8Array.of(5)))).toEqual({
      tensors: { a: { data: Uint8Array.of(5), shape: [] } },
      metadata: {},
    });
  });

  test("take tensors in another order than their bytes, empty ones among them", () => {
    const header = `{"c":${bytesEntry(2, 1, 3)},"b":${bytesEntry(0, 1, 1)},"a":${bytesEntry(1, 0, 1)}}`;
    const read = decodeSafetensors(file(header, Uint8Array.of(7, 8, 9)));
    expect(Object.entries(read.tensors).map(([name, { data }]) => `${name}: ${data.join()}`)).toEqual([
      "a: 7",
      "b: ",
      "c: 8,9",
    ]);
  });

  test.each([
    ["a shape that does not fit", "a", { data: new Float32Array(3), shape: [2] }],
    ["a negative size", "a", { data: new Float32Array(4), shape: [-2, -2] }],
    ["a fraction", "a", { data: new Float32Array(1), shape: [0.5, 2] }],
    ["nine dimensions", "a", { data: new Float32Array(1), shape: [1, 1, 1, 1, 1, 1, 1, 1, 1] }],
    ["the reserved name", "__metadata__", { data: new Float32Array(1), shape: [] }],
    ["another kind of array", "a", { data: new Int16Array(1) as unknown as Int32Array, shape: [] }],
    ["a header above 1 MiB", "a".repeat(2 ** 20), { data: new Float32Array(1), shape: [] }],
  ])("refuse to write %s", (_, name, array) => {
    expect(() => encodeSafetensors({ [name]: array })).toThrowError(
      expect.objectContaining({ code: "invalid-argument" }) as Error,
    );
  });

  const one = '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}';
  const two = Uint8Array.of(1, 2);
  test.each([
    ["nothing", new Uint8Array(0), 0],
    ["half a length", new Uint8Array(7), 7],
    ["a header above 1 MiB", file("{}", two, 2n ** 20n + 1n), 0],
    ["a header of 2^64 - 1 bytes", file("{}", two, 2n ** 64n - 1n), 0],
    ["a header of 2^32 + 2 bytes", file("{}", two, 2n ** 32n + 2n), 0],
    ["a header beyond the end", file(one, two, 100n), 8 + one.length + 2],
    ["an empty header", file(""), 8],
    ["a space first", file(" {}"), 8],
    ["a byte order mark", file("\ufeff{}"), 8],
    ["an array as header", file("[]"), 8],
    ["something after the header", file("{} x"), 11],
    ["a comma too many", file('{"__metadata__":{},}'), 27],
    ["UTF-8 cut short", file(Uint8Array.of(0x7b, 0x22, 0xc3, 0x22, 0x3a, 0x7d)), 9],
    ["a string without end", file('{"a'), 9],
    ["a string that ends in a backslash", file('{"a\\'), 9],
    ["an unknown escape", file('{"\\x":1}'), 9],
    ["a tab in a string", file('{"\t":1}'), 9],
    ["metadata of numbers", file('{"__metadata__":{"a":1}}'), 29],
    ["a tensor twice", file(`${one.slice(0, -1)},${one.slice(1)}`, two), 8 + one.length],
    ["an empty tensor twice", file('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'), 61], // prettier-ignore
    ["a field twice", file(one.replace('"shape"', '"dtype":"U8","shape"'), two), 27],
    ["another field", file(one.replace('"shape"', '"x":1,"shape"'), two), 27],
    ["no shape", file('{"a":{"dtype":"U8","data_offsets":[0,2]}}', two), 13],
    ["one offset", file(one.replace("[0,2]", "[0]"), two), 13],
    ["three offsets", file(one.replace("[0,2]", "[0,2,2]"), two), 13],
    ["another dtype", file(one.replace("U8", "BF16"), two), 13],
    ["the dtype constructor", file(one.replace("U8", "constructor"), two), 13],
    ["a fraction", file(one.replace("[2]", "[2.0]"), two), 37],
    ["an exponent", file(one.replace("[2]", "[2e0]"), two), 37],
    ["a negative size", file(one.replace("[2]", "[-2]"), two), 36],
    ["a leading zero", file(one.replace("[2]", "[02]"), two), 36],
    ["a size above 2^53", file(one.replace("[2]", "[9007199254740993]"), two), 36],
    ["sizes whose product is 2^64", file(one.replace("[2]", "[4294967296,4294967296]"), two), 13],
    ["sizes whose product is 2^62", file(one.replace("[2]", "[2147483648,2147483648]"), two), 13],
    ["a huge size beside an empty one", file(one.replace("[2]", "[9007199254740991,0]").replace("[0,2]", "[0,0]")), 13],
    ["nine dimensions", file(one.replace("[2]", "[2,1,1,1,1,1,1,1,1]"), two), 13],
    ["a shape longer than its data", file(one.replace("[2]", "[3]"), two), 13],
    ["a shape shorter than its data", file(one.replace("[2]", "[1]"), two), 13],
    ["data beyond the end", file(one, two.subarray(1)), 13],
    ["data that belong to nobody", file(one, Uint8Array.of(1, 2, 3)), 8 + one.length + 2],
    ["data that end before they begin", file(one.replace("[0,2]", "[0,0]").replace("[2]", "[0]").replace("}}", '},"b":{"dtype":"U8","shape":[0],"data_offsets":[0,-1]}}'), two), 109], // prettier-ignore
    ["a gap", file(one.replace("[0,2]", "[1,3]"), Uint8Array.of(1, 2, 3)), 13],
    ["an overlap", file(`${one.slice(0, -1)},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, Uint8Array.of(1, 2, 3)), 65], // prettier-ignore
    ["deep nesting", file(`{"a":${"[".repeat(100_000)}`), 13],
    ["deep nesting in a shape", file(`{"a":{"shape":${"[".repeat(100_000)}`), 23],
    ["a million quotes", file(`{${'"'.repeat(1_000_000)}`), 11],
    ["a million backslashes", file(`{"${"\\".repeat(1_000_000)}`), 9],
  ])("refuse %s and say where", (_, bytes, offset) => {
    expect(outcome(bytes)).toBe(offset);
  });

  test("answer more than 2,000 damaged files with a typed error or sound contents", () => {
    let tried = 0;
    let refused = 0;
    const tryOne = (bytes: Uint8Array): boolean => {
      tried++;
      const failed = typeof outcome(bytes) === "number";
      if (failed) refused++;
      return failed;
    };
    const sound = encodeSafetensors(
      {
        weights: { data: Float32Array.of(1, 2, 3, 4), shape: [2, 2] },
        labels: { data: Int32Array.of(1, 2), shape: [2] },
        mask: { data: Uint8Array.of(1), shape: [] },
        rate: { data: Float64Array.of(0.1), shape: [1] },
      },
      { step: "3" },
    );
    for (let end = 0; end < sound.length; end++) expect(tryOne(sound.subarray(0, end))).toBe(true);
    expect(tryOne(Uint8Array.of(...sound, 0))).toBe(true);
    for (let bit = 0; bit < 8 * sound.length; bit++) {
      const flipped = sound.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      tryOne(flipped);
    }
    for (const lie of [0n, 1n, 7n, 2n ** 20n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]) {
      const lied = sound.slice();
      new DataView(lied.buffer).setBigUint64(0, lie, true);
      expect(tryOne(lied)).toBe(true);
    }
    // Every number of the header, replaced by every lie.
    const header = headerOf(sound);
    const data = sound.subarray(8 + header.length);
    for (const match of header.matchAll(/(?<=[[,])\d+/g)) {
      for (const lie of [
        "",
        "-1",
        "0",
        "1",
        "5",
        "1.5",
        "1e3",
        "NaN",
        "4294967296",
        "9007199254740991",
        "1e999",
        '"1"',
        "[1]",
        "null",
      ]) {
        tryOne(file(header.slice(0, match.index) + lie + header.slice(match.index + match[0].length), data));
      }
    }
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 40 }),
        fc.string({ maxLength: 40 }),
        fc.nat(sound.length),
        (noise, text, at) => {
          tryOne(noise);
          tryOne(file(`{${text}`, noise));
          const spoilt = sound.slice();
          spoilt.set(noise.subarray(0, sound.length - at), at);
          tryOne(spoilt);
          tryOne(file(header.slice(0, at) + text + header.slice(at), data));
        },
      ),
      { numRuns: 1000 },
    );
    expect(tried).toBeGreaterThan(6000);
    expect(refused).toBeGreaterThan(5000);
    expect(refused).toBeLessThan(tried);
  });

  const python = spawnSync("python3", ["-c", "import numpy"]).status === 0;
  optionalTest("are read by Python", python ? undefined : "python3 with numpy is not here", () => {
    const folder = mkdtempSync(join(tmpdir(), "drmad-safetensors-"));
    try {
      const path = join(folder, "tensors.safetensors");
      const tensors = {
        f32: { data: Float32Array.of(1.5, -0, NaN, 1e-45, Infinity, 0.1), shape: [3, 2] },
        f64: { data: Float64Array.of(0.1, 5e-324), shape: [2] },
        i32: { data: Int32Array.of(-2147483648, 2147483647), shape: [1, 2] },
        "u8 ü": { data: Uint8Array.of(0, 255, 7), shape: [3, 1] },
        scalar: { data: Float64Array.of(2), shape: [] },
        empty: { data: new Float32Array(0), shape: [0, 4] },
      };
      writeFileSync(path, encodeSafetensors(tensors, { note: "größer" }));
      // Parsed by hand from the format's description: the safetensors package is not needed.
      const program = `
import json, struct, sys, numpy
raw = open(sys.argv[1], "rb").read()
size, = struct.unpack("<Q", raw[:8])
header = json.loads(raw[8:8 + size].decode("utf-8"))
kinds = {"F32": "<f4", "F64": "<f8", "I32": "<i4", "U8": "u1"}
found = {"note": header.pop("__metadata__")["note"]}
for name, entry in header.items():
    begin, end = entry["data_offsets"]
    array = numpy.frombuffer(raw[8 + size:][begin:end], kinds[entry["dtype"]]).reshape(entry["shape"])
    found[name] = [str(array.dtype), list(array.shape), [repr(value) for value in array.reshape(-1).tolist()]]
print(json.dumps(found))
`;
      expect(JSON.parse(execFileSync("python3", ["-c", program, path], { encoding: "utf8" }))).toEqual({
        note: "größer",
        f32: ["float32", [3, 2], ["1.5", "-0.0", "nan", "1.401298464324817e-45", "inf", "0.10000000149011612"]],
        f64: ["float64", [2], ["0.1", "5e-324"]],
        i32: ["int32", [1, 2], ["-2147483648", "2147483647"]],
        "u8 ü": ["uint8", [3, 1], ["0", "255", "7"]],
        scalar: ["float64", [], ["2.0"]],
        empty: ["float32", [0, 4], []],
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
