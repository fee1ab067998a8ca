import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { thrown } from "../../test/thrown.ts";
import { cifar10, cifar100, csv, encodeNpz, npz, parseCifar } from "./files.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "drmad-files-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function write(name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** A record of CIFAR: labels, then pixels that tell the record and their place. */
const record = (row: number, ...labels: number[]): Uint8Array =>
  Uint8Array.of(...labels, ...Array.from({ length: 3072 }, (_, i) => (row * 7 + i) % 256));
const joined = (records: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(records));

describe("parseCifar", () => {
  test("reads images and labels of CIFAR-10 and CIFAR-100", () => {
    const ten = parseCifar(joined([record(0, 9), record(1, 0)]));
    expect(ten.images.shape).toEqual([2, 3, 32, 32]);
    expect([...ten.images.data.subarray(3070, 3074)]).toEqual([254, 255, 7, 8]);
    expect(ten.labels).toEqual({ data: Uint8Array.of(9, 0), shape: [2] });
    const hundred = joined([record(0, 19, 99), record(1, 0, 5)]);
    expect([...parseCifar(hundred, { labels: "coarse" }).labels.data]).toEqual([19, 0]);
    expect([...parseCifar(hundred, { labels: "fine" }).labels.data]).toEqual([99, 5]);
    expect(parseCifar(hundred, { labels: "fine" }).images.data).toEqual(ten.images.data);
  });

  test("refuses files that end inside a record, are empty, or have labels beyond the last", () => {
    const bytes = joined([record(0, 1), record(1, 2)]);
    expect(() => parseCifar(bytes.subarray(0, 4000))).toThrowError(thrown("malformed-file", /927 bytes into a record of 3073, at byte 4000/)); // prettier-ignore
    expect(() => parseCifar(new Uint8Array(0))).toThrowError(thrown("malformed-file", /at byte 0/));
    expect(() => parseCifar(joined([record(0, 1), record(1, 10)]))).toThrowError(thrown("malformed-file", /record 1 has the label 10, above 9, at byte 3073/)); // prettier-ignore
    expect(() => parseCifar(joined([record(0, 1, 100)]), { labels: "fine" })).toThrowError(thrown("malformed-file", /at byte 1/)); // prettier-ignore
    expect(() => parseCifar(bytes, { labels: "__proto__" as "fine" })).toThrowError(thrown("invalid-argument", /__proto__/)); // prettier-ignore
    expect(() => parseCifar(bytes, { maxBytes: 6000 })).toThrowError(thrown("malformed-file", /6146 bytes/));
  });
});

describe("cifar10 and cifar100", () => {
  test("read the folder, compressed or not, and subtract the mean image of the training files", () => {
    const into = join(folder, "ten");
    mkdirSync(into);
    for (const batch of [1, 2, 3, 4, 5]) {
      const bytes = joined([record(10 * batch, batch), record(10 * batch + 1, 0)]);
      writeFileSync(
        join(into, `data_batch_${batch}.bin${batch === 3 ? ".gz" : ""}`),
        batch === 3 ? gzipSync(bytes) : bytes,
      );
    }
    writeFileSync(join(into, "test_batch.bin"), joined([record(3, 7)]));
    const { train, valid, test: testing, image } = cifar10({ folder: into, train: 6, valid: 4, test: 1 });
    expect(image).toEqual({ channels: 3, height: 32, width: 32 });
    expect([...train.y.data, ...valid.y.data].sort()).toEqual([0, 0, 0, 0, 0, 1, 2, 3, 4, 5]);
    expect([train.x.shape, valid.x.shape, testing!.x.shape]).toEqual([[6, 3072], [4, 3072], [1, 3072]]); // prettier-ignore
    const all = [1, 2, 3, 4, 5].flatMap((batch) => [record(10 * batch, 0)[101]!, record(10 * batch + 1, 0)[101]!]);
    const mean = all.reduce((a, b) => a + b) / 2550;
    expect(testing!.x.data[100]).toBeCloseTo(record(3, 0)[101]! / 255 - mean, 6);
    let sum = 0;
    for (const { x } of [train, valid]) for (let i = 100; i < x.data.length; i += 3072) sum += x.data[i]!;
    expect(sum).toBeCloseTo(0, 5);
  });

  test("read the fine or the coarse labels, and name what is missing", () => {
    const into = join(folder, "hundred");
    mkdirSync(into);
    writeFileSync(join(into, "train.bin"), joined([record(0, 4, 40), record(1, 4, 40)]));
    const options = { folder: into, train: 1, valid: 1, test: 1 };
    expect(() => cifar100(options)).toThrowError(thrown("file-not-found", /neither test\.bin nor test\.bin\.gz/));
    writeFileSync(join(into, "test.bin"), joined([record(2, 5, 50)]));
    expect(cifar100(options).train.y.data).toEqual(Int32Array.of(40));
    expect(cifar100({ ...options, labels: "coarse" }).test!.y.data).toEqual(Int32Array.of(5));
    expect(() => cifar100({ ...options, labels: "label" as "fine" })).toThrowError(
      thrown("invalid-argument", /labels/),
    );
  });
});

describe("csv and npz", () => {
  const rows = Array.from({ length: 10 }, (_, i) => [i, 2 * i, i % 3]);

  test("draw disjoint rows of a CSV file, compressed or not, whose parts belong together", () => {
    const text = `a,b,kind\n${rows.map((row) => row.join()).join("\n")}\n`;
    const one = csv({ file: write("a.csv", text), label: "kind", train: 5, valid: 3, test: 2 });
    expect(csv({ file: write("a.csv.gz", gzipSync(text)), label: -1, train: 5, valid: 3, test: 2 })).toEqual(one);
    const seen = [one.train, one.valid, one.test!].flatMap(({ x, y }) => [...y.data].map((label, i) => [x.data[2 * i]!, x.data[2 * i + 1]!, label])); // prettier-ignore
    expect(seen.sort((a, b) => a[0]! - b[0]!)).toEqual(rows);
    expect(csv({ file: join(folder, "a.csv"), label: "kind", train: 5, valid: 3, seed: 1 }).test).toBeUndefined();
    expect(csv({ file: join(folder, "a.csv"), label: "kind", train: 5, valid: 3, seed: 1 }).train).not.toEqual(
      one.train,
    );
    const { train } = csv({ file: join(folder, "a.csv"), target: "b", train: 8, valid: 2 });
    expect(train.y).toMatchObject({ shape: [8, 1], data: expect.any(Float64Array) as Float64Array });
  });

  test("draw the same rows of every array of an npz file, in its own type", () => {
    const file = write(
      "a.npz",
      encodeNpz({
        x: { data: Float32Array.from(rows.flat()), shape: [10, 3, 1] },
        y: { data: Int32Array.from(rows, ([i]) => i!), shape: [10] },
        w: { data: Uint8Array.from(rows, ([i]) => i!), shape: [10, 1] },
      }),
    );
    const { train, valid, test: none } = npz({ file, train: 7, valid: 3 });
    expect(none).toBeUndefined();
    expect([train["x"]!.shape, valid["w"]!.shape]).toEqual([[7, 3, 1], [3, 1]]); // prettier-ignore
    expect(train["x"]!.data).toBeInstanceOf(Float32Array);
    expect(valid["w"]!.data).toBeInstanceOf(Uint8Array);
    for (const { x, y, w } of [train, valid]) {
      expect([...y!.data]).toEqual([...w!.data]);
      expect([...x!.data]).toEqual([...y!.data].flatMap((i) => rows[i]!));
    }
    expect([...train["y"]!.data, ...valid["y"]!.data].sort()).toEqual(rows.map(([i]) => i));
  });

  test("refuse uneven arrays, too many rows, and a CSV file of which nothing is to be predicted", () => {
    const uneven = write("uneven.npz", encodeNpz({ x: { data: new Float32Array(3), shape: [3] }, y: { data: new Float32Array(2), shape: [2] } })); // prettier-ignore
    expect(() => npz({ file: uneven, train: 1, valid: 1 })).toThrowError(thrown("malformed-file", /x \[3\], y \[2\]/));
    const single = write("single.npz", encodeNpz({ x: { data: new Float32Array(1), shape: [] } }));
    expect(() => npz({ file: single, train: 1, valid: 1 })).toThrowError(thrown("malformed-file", /equally many rows/));
    expect(() => npz({ file: write("none.npz", encodeNpz({})), train: 1, valid: 1 })).toThrowError(thrown("malformed-file", /none/)); // prettier-ignore
    const file = write("b.csv", "1,2\n3,4\n");
    expect(() => csv({ file, label: 1, train: 2, valid: 1 })).toThrowError(thrown("invalid-argument", /has 2 rows/));
    expect(() => csv({ file, train: 1, valid: 1 })).toThrowError(
      thrown("invalid-argument", /not told what to predict/),
    );
  });
});
