/** All formats, and those of a single array or table: IDX, CSV and CIFAR. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { parseCifar, parseCsv, parseIdx } from "../../src/data/files.ts";
import { readBytes } from "../../src/data/open.ts";
import { npy, npz, safetensors } from "./arrays.ts";
import { type Format, given, same, text } from "./format.ts";
import { cifarReference, type CsvCase, csvReference, idxReference, plain } from "./references.ts";

function idxOf(type: number, sizes: readonly number[], elements: readonly number[]): Uint8Array {
  const head = new DataView(new ArrayBuffer(4 + 4 * sizes.length));
  head.setUint32(0, (type << 8) | sizes.length);
  sizes.forEach((size, axis) => head.setUint32(4 + 4 * axis, size));
  return Uint8Array.of(...new Uint8Array(head.buffer), ...elements);
}

const idxSamples = [
  idxOf(0x08, [2, 3, 2], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
  idxOf(0x0b, [3], [0, 1, 255, 254, 0, 3]),
  idxOf(0x0d, [2], [0x3f, 0x80, 0, 0, 0x7f, 0xc0, 0, 1]),
  idxOf(0x0e, [], [0x3f, 0xf0, 0, 0, 0, 0, 0, 0]),
];

function idx(): Format {
  return {
    samples: idxSamples,
    given: [
      given("2^31 elements in no bytes", idxOf(8, [2 ** 31], [])),
      given("sizes whose product is 2^32", idxOf(8, [65536, 65536], [])),
      given("sizes whose product is 2^64", idxOf(8, [2 ** 31, 2 ** 31, 4], [])),
      given("255 dimensions", idxOf(0, Array<number>(255).fill(1), [1]).fill(8, 2, 3)),
    ],
    read: (bytes) => same("the array", plain(parseIdx(bytes, "some-file")), idxReference(bytes)),
    offsets: true,
  };
}

/** Files on a disk, so that the reader of files is tried too. */
function idxGz(): Format {
  const folder = mkdtempSync(join(tmpdir(), "drmad-fuzz-"));
  process.on("exit", () => rmSync(folder, { recursive: true }));
  const path = join(folder, "some-file");
  return {
    samples: idxSamples.map((bytes) => new Uint8Array(gzipSync(bytes))),
    given: [
      given("a bomb of 40 MB", gzipSync(new Uint8Array(40_000_000), { level: 9 })),
      given("two members", Buffer.concat([gzipSync(idxSamples[0]!), gzipSync(idxSamples[1]!)])),
      given("gzip in gzip", gzipSync(gzipSync(idxSamples[0]!))),
    ],
    read: (bytes) => {
      writeFileSync(path, bytes);
      const contents = readBytes(path);
      const array = parseIdx(contents, "some-file");
      same("the array", plain(array), idxReference(contents));
      // A checksum stands at the end: nothing but a whole sample can come out of damaged bytes that still are gzip.
      if (bytes[0] === 0x1f && !idxSamples.some((sample) => Buffer.compare(sample, contents) === 0))
        throw new Error("damaged contents were taken");
    },
    offsets: false,
  };
}

const CSV_CASES: readonly CsvCase[] = [
  { label: "kind" },
  {},
  { label: -1, header: false },
  { target: 0 },
  { separator: ";", label: 1 },
  { separator: "\t" },
];

function csv(): Format {
  return {
    samples: [
      text('a,kind,"b ""c"", d"\r\n1,"pear\r\ntree",-2.5\r\n"+3E2","apple, green", .5 \r\n4,"pear\r\ntree",6'),
      text("x,y,kind\n1,2,é\n3,4,ü\n5.5,-6e-3,é\n7,8,__proto__\n"),
      text("0,1,2\n3,4,5\n6,7,8\n"),
      text("\ufeff1;2\n3;4\n"),
      text("a\tb\n1\t2\n"),
    ],
    given: [
      given("UTF-16", Uint8Array.of(0xff, 0xfe, 0x31, 0, 0x0a, 0)),
      given("UTF-16 of the other order", Uint8Array.of(0xfe, 0xff, 0, 0x31, 0, 0x0a)),
      given("one quotation mark before 2 MB", text(`1,2\n"${"1,2\n".repeat(500_000)}`)),
      given("a quarter of a million columns", text(`${"1,".repeat(250_000)}1\n`)),
      given("more columns than are taken", text(`${"1,".repeat(300_000)}1\n`)),
      given("many columns, many rows", text(`${"1,".repeat(100_000)}1\n${"1\n".repeat(100_000)}`)),
      given("as many labels as rows", text(`a,kind\n${Array.from({ length: 70_000 }, (_, i) => `1,${i}`).join("\n")}`)),
      given("a number of a million digits", text(`1,2\n3,${"9".repeat(1_000_000)}\n`)),
      given("nearly a number", text(`a,b\n3,${"1".repeat(60_000)}e\n`)),
      given("empty rows", text("\n".repeat(1_000_000))),
      given("rows of nothing", text("1,2\n,\n")),
      ...[
        "NaN",
        "nan",
        "NA",
        "?",
        "null",
        "Infinity",
        "1e999",
        "0x10",
        "1_000",
        "１",
        "1,000",
        "--1",
        "+",
        ".",
        "e5",
        "- 1",
      ].map((field) => given(`the field ${field}`, text(`1,2\n3,${field}\n`))),
    ],
    read: (bytes) => {
      let refused: unknown;
      let taken = 0;
      for (const options of CSV_CASES) {
        try {
          const { x, y, classes } = parseCsv(bytes, { name: "some-file", ...options });
          taken++;
          const rows = csvReference(bytes, options);
          same("x", plain(x), {
            shape: [rows.length, rows[0]![0].length],
            values: rows.flatMap(([numbers]) => numbers),
          });
          if (y === undefined) continue;
          const found = Array.from(y.data, (value) => (classes === undefined ? value : classes[value]));
          same("y", found, rows.map(([, label]) => (classes === undefined ? Number(label) : label))); // prettier-ignore
        } catch (error) {
          refused = error;
          if ((error as Error).name !== "DrmadError") throw error;
        }
      }
      // Tried in every way; it counts as taken when any took it.
      if (taken === 0) throw refused;
    },
    offsets: true,
  };
}

const records = (heads: readonly (readonly number[])[]): Uint8Array =>
  Uint8Array.from(heads.flatMap((labels, row) => [...labels, ...Array.from({ length: 3072 }, (_, i) => (i * 7 + row) % 256)])); // prettier-ignore

function cifar(): Format {
  return {
    samples: [records([[3], [9]]), records([[19, 99], [0, 0], [4, 7]])], // prettier-ignore
    given: [
      given("nothing", new Uint8Array(0)),
      given("as long as records of both kinds", new Uint8Array(3073 * 3074)),
      given("labels of 255", new Uint8Array(3073 * 4).fill(255)),
    ],
    read: (bytes) => {
      let refused: unknown;
      let taken = 0;
      for (const [labels, heads, which] of [
        ["label", 1, 0],
        ["coarse", 2, 0],
        ["fine", 2, 1],
      ] as const) {
        // prettier-ignore
        try {
          const found = parseCifar(bytes, { name: "some-file", labels });
          taken++;
          const rows = found.labels.data.length;
          same("the shapes", [found.labels.shape, found.images.shape], [[rows], [rows, 3, 32, 32]]); // prettier-ignore
          const read = Buffer.concat([found.labels.data, found.images.data] as Uint8Array[]);
          if (read.compare(cifarReference(bytes, heads, which)) !== 0) throw new Error(`${labels} is not what the bytes say`);
        } catch (error) {
          refused = error;
          if ((error as Error).name !== "DrmadError") throw error;
        }
      }
      if (taken === 0) throw refused;
    },
    offsets: true,
  };
}

/** Made when it is asked for: some of the given damage takes memory. */
export const FORMATS: Readonly<Record<string, () => Format>> = { idx, "idx-gz": idxGz, npy, npz, csv, safetensors, cifar }; // prettier-ignore
