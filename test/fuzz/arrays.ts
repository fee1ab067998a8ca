/** Formats of arrays under names: npy, npz and safetensors. */
import { deflateRawSync } from "node:zlib";
import type { NdArray } from "../../src/data/dataset.ts";
import { encodeNpy, encodeNpz, parseNpy, parseNpz } from "../../src/data/files.ts";
import { crc32, encodeZip } from "../../src/data/zip.ts";
import { decodeSafetensors, encodeSafetensors } from "../../src/store/safetensors.ts";
import { bitsOf } from "../any-array.ts";
import { type ZipFile, zipOf } from "../zip-of.ts";
import { type Format, given, same, text } from "./format.ts";
import { npyReference, plain, safetensorsReference } from "./references.ts";

const arrays: readonly NdArray[] = [
  { data: Float32Array.of(1.5, -0, NaN, 4, 5, 6), shape: [2, 3] },
  { data: Float64Array.of(0.1, -2), shape: [2, 1] },
  { data: Uint8Array.of(7, 8, 9), shape: [3] },
  { data: Int32Array.of(-1), shape: [] },
  { data: new Float64Array(0), shape: [0, 2] },
];

const entry = (name: string, more = ""): string => `"${name}":{"dtype":"U8","shape":[1],"data_offsets":[0,1]${more}}`;
const file = (header: string, data: readonly number[] = [5]): Uint8Array => {
  const bytes = text(header);
  const length = new DataView(new ArrayBuffer(8));
  length.setBigUint64(0, BigInt(bytes.length), true);
  return new Uint8Array(Buffer.concat([new Uint8Array(length.buffer), bytes, Uint8Array.from(data)]));
};

const deflated = (bytes: Uint8Array, more: Partial<ZipFile> = {}): ZipFile => ({
  name: "a.npy",
  data: deflateRawSync(bytes, { level: 9 }),
  method: 8,
  crc: crc32(bytes),
  size: bytes.length,
  ...more,
});

function npyOf(header: string, elements: readonly number[] | Uint8Array, major = 1): Uint8Array {
  const length = text(header).length;
  const lengthBytes = [length & 255, (length >> 8) & 255, (length >> 16) & 255, length >>> 24].slice(
    0,
    major === 1 ? 2 : 4,
  );
  return new Uint8Array(Buffer.concat([Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, major, 0, ...lengthBytes), text(header), Uint8Array.from(elements)])); // prettier-ignore
}
const npyHeader = (descr: string, shape: string, fortran = "False"): string =>
  `{'descr': ${descr}, 'fortran_order': ${fortran}, 'shape': ${shape}, }\n`;
const npySamples = [
  ...arrays.map(encodeNpy),
  npyOf(
    npyHeader("'>f4'", "(2, 3)", "True"),
    Uint8Array.from({ length: 24 }, (_, i) => i),
  ),
  npyOf(npyHeader("'<i8'", "(2,)"), [1, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255], 2),
  npyOf(npyHeader("'|b1'", "(1, 2)"), [0, 1], 3),
  npyOf(npyHeader("'>u2'", "(3,)"), [0, 1, 2, 3, 4, 5]),
];

export function npy(): Format {
  return {
    samples: npySamples,
    given: [
      given("an object array with a pickle", npyOf(npyHeader("'|O'", "(1,)"), text("cos\nsystem\n(S'true'\ntR."))),
      given("fields", npyOf(npyHeader("[('a', '<f4'), ('__proto__', '|O')]", "(1,)"), [0, 0, 0, 0])),
      given("code", npyOf("__import__('os').system('true')", [])),
      given("a header of 4 GiB", npyOf("{}", [], 2).fill(255, 8, 12)),
      given("a deep shape", npyOf(npyHeader("'|u1'", "(".repeat(50_000)), [], 2)),
      given("many sizes", npyOf(npyHeader("'|u1'", `(${"1,".repeat(100_000)})`), [1], 2)),
      given("many keys", npyOf(`{${"'descr':'<f4',".repeat(10_000)}}`, [1], 2)),
      given("a long key", npyOf(`{'${"a".repeat(1_000_000)}': 1}`, [], 2)),
      given("a shape that is not a number", npyOf(npyHeader("'|u1'", "(NaN,)"), [1])),
      given("a negative size", npyOf(npyHeader("'|u1'", "(-1, -1)"), [1])),
      given("2^62 elements", npyOf(npyHeader("'|u1'", "(2147483648, 2147483648)"), [1])),
      given("none, times 2^40", npyOf(npyHeader("'|u1'", "(0, 1099511627776)"), [])),
      given("a dictionary's prototype", npyOf("{'__proto__': {'polluted': True}}", [])),
    ],
    read: (bytes) => same("the array", plain(parseNpy(bytes, { name: "some-file" })), npyReference(bytes)),
    offsets: true,
  };
}

export function npz(): Format {
  const record = Object.fromEntries(arrays.map((array, i) => [`a${i}`, array]));
  const npys = arrays.map(encodeNpy);
  const samples = [
    encodeNpz(record),
    zipOf([deflated(npys[0]!), deflated(npys[1]!, { name: "dir/b.npy" })]),
    encodeNpz({ only: arrays[2]! }),
  ];
  const bits = new Set(arrays.map(bitsOf));
  const bomb = encodeNpy({ data: new Uint8Array(20_000_000), shape: [20_000_000] });
  const names = ["../a.npy", "/a.npy", "a/../../b.npy", "..\\a.npy", "C:\\a.npy", "c:a.npy", "a\0.npy", "a/./b.npy", "", ".npy", "a.npy/", "\\\\host\\a.npy"]; // prettier-ignore
  return {
    samples,
    given: [
      given("a bomb that says what it is", zipOf([deflated(bomb)])),
      given("a bomb that says it is small", zipOf([deflated(bomb, { size: 1000 })])),
      given("a bomb that says nothing", zipOf([deflated(bomb, { size: 0 })])),
      given(
        "a bomb whose size just passes",
        zipOf([deflated(bomb, { size: 200 * deflateRawSync(bomb, { level: 9 }).length })]),
      ),
      given("a zip in a zip", encodeZip([["a.npy", samples[0]!]])),
      given("one entry a thousand times", zipOf(Array.from({ length: 1000 }, (_, i) => deflated(npys[0]!, { name: `${i}.npy`, local: 0 })))), // prettier-ignore
      given("the same name twice", zipOf([deflated(npys[0]!), deflated(npys[1]!)])),
      given("no end of the data", zipOf([deflated(npys[0]!, { data: deflateRawSync(npys[0]!).subarray(0, 40) })])),
      given(
        "a block that says it never ends",
        zipOf([deflated(npys[0]!, { data: new Uint8Array(4000), size: 100_000 })]),
      ),
      given("__proto__", encodeZip([["__proto__.npy", npys[0]!]])),
      ...names.map((name) => given(`the name ${JSON.stringify(name)}`, zipOf([deflated(npys[0]!, { name })]))),
      ...npySamples.flatMap(
        (sample, i) =>
        [0, 7, 20, sample.length - 1].map((end) => given(`npy ${i} cut to ${end}`, encodeZip([["a.npy", sample.subarray(0, end)]]))), // prettier-ignore
      ),
    ],
    // Every entry has a checksum: what comes out can only be whole arrays of the samples.
    read: (bytes) => {
      for (const [name, array] of Object.entries(parseNpz(bytes, { name: "some-file" })))
        if (!bits.has(bitsOf(array))) throw new Error(`${JSON.stringify(name)} is not what was written`);
    },
    offsets: false,
  };
}

export function safetensors(): Format {
  const named = Object.fromEntries(arrays.map((array, i) => [`layer.${i}`, array]));
  return {
    samples: [encodeSafetensors(named, { by: "drmad" }), encodeSafetensors({ a: arrays[0]! }), file(`{${entry("a")}}`)],
    given: [
      given("a key twice", file(`{${entry("a")},${entry("a")}}`)),
      given("a field twice", file(`{${entry("a", ',"dtype":"F32"')}}`)),
      given("__proto__", file(`{${entry("__proto__")}}`)),
      given("metadata of __proto__", file(`{"__metadata__":{"__proto__":"x"},${entry("a")}}`)),
      given("an object as __proto__", file('{"__proto__":{"polluted":true}}', [])),
      given("deep arrays", file(`{"a":${"[".repeat(500_000)}`, [])),
      given("deep objects", file('{"a":'.repeat(100_000), [])),
      given("deep metadata", file(`{"__metadata__":${'{"a":'.repeat(100_000)}`, [])),
      given("a long key", file(`{"${"a".repeat(1_000_000)}":{}}`, [])),
      given("a long dtype", file(`{"a":{"dtype":"${"F".repeat(1_000_000)}","shape":[1],"data_offsets":[0,1]}}`)),
      given("a long field", file(`{"a":{"${"f".repeat(1_000_000)}":1}}`)),
      given("many sizes", file(`{"a":{"dtype":"U8","shape":[${"1,".repeat(400_000)}1],"data_offsets":[0,1]}}`)),
      given("many tensors in one place", file(`{${Array.from({ length: 10_000 }, (_, i) => entry(`a${i}`)).join()}}`)),
      ...["-1", "NaN", "1e3", "1.0", "null", "4294967296", "9007199254740993", '"1"', "[1]", "01"].map((size) =>
        given(`the size ${size}`, file(`{"a":{"dtype":"U8","shape":[${size}],"data_offsets":[0,1]}}`)),
      ),
    ],
    read: (bytes) => {
      const { tensors } = decodeSafetensors(bytes, "some-file");
      const wanted = safetensorsReference(bytes);
      same("the names", Object.keys(tensors).toSorted(), Object.keys(wanted).toSorted());
      for (const [name, array] of Object.entries(tensors)) {
        // A reference by name would find a prototype.
        same(name, plain(array), Object.entries(wanted).find(([other]) => other === name)![1]);
      }
    },
    offsets: true,
  };
}
