import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { optionalTest } from "../../test/optional.ts";
import { mnist, readBytes } from "./open.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "drmad-open-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function write(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

function failure(code: string, ...parts: string[]): Error {
  const message = expect.stringMatching(new RegExp(parts.join(".*"))) as string;
  return expect.objectContaining({ name: "DrmadError", code, message, hint: expect.any(String) as string }) as Error;
}

const noise = Uint8Array.from({ length: 4000 }, (_, i) => (i * i * 31) % 251);

describe("readBytes", () => {
  test("gives the bytes of a plain file, of an empty one, and of a gzip one whatever its name", () => {
    expect(readBytes(write("plain.gz", noise))).toEqual(noise);
    expect(readBytes(write("empty", new Uint8Array(0))).length).toBe(0);
    expect(readBytes(write("packed", gzipSync(noise)))).toEqual(noise);
    symlinkSync(join(folder, "packed"), join(folder, "link"));
    expect(readBytes(join(folder, "link"))).toEqual(noise);
  });

  test("names what is missing, or is no file", () => {
    expect(() => readBytes(join(folder, "absent"))).toThrowError(failure("file-not-found", "absent", "no such file"));
    expect(() => readBytes(join(folder, "plain.gz", "under"))).toThrowError(failure("file-not-found", "under"));
    expect(() => readBytes(folder)).toThrowError(failure("file-not-found", "not a regular file"));
    expect(() => readBytes("/dev/zero")).toThrowError(failure("file-not-found", "not a regular file"));
    expect(() => readBytes(join(folder, "x".repeat(300)))).toThrowError(failure("file-not-found", "name too long"));
    expect(() => readBytes("a\0b")).toThrowError(failure("file-not-found", "null bytes"));
  });

  test("does not wait for the writer of a pipe", () => {
    execFileSync("mkfifo", [join(folder, "pipe")]);
    expect(() => readBytes(join(folder, "pipe"))).toThrowError(failure("file-not-found", "not a regular file"));
  });

  test("refuses a file above the limit before it reads it", () => {
    const path = write("large", noise);
    expect(readBytes(path, { maxBytes: 4000 }).length).toBe(4000);
    expect(() => readBytes(path, { maxBytes: 3999 })).toThrowError(failure("unsupported", "has 4000 bytes", "3999"));
    const packed = write("large.gz", gzipSync(noise));
    expect(() => readBytes(packed, { maxBytes: 3999 })).toThrowError(failure("unsupported", "decompresses", "3999"));
  });

  test("refuses 3 GiB", () => {
    const path = join(folder, "huge");
    execFileSync("truncate", ["-s", "3G", path]); // a hole: takes no room
    expect(() => readBytes(path)).toThrowError(failure("unsupported", "3221225472 bytes"));
  });

  test("stops a bomb at 200 times its size, and lets 190 times pass", { timeout: 60_000 }, () => {
    const bomb = write("bomb.gz", gzipSync(new Uint8Array(50_000_000)));
    expect(() => readBytes(bomb)).toThrowError(failure("malformed-file", "bomb.gz", "200 times"));
    expect(readBytes(bomb, { maxRatio: 2000 }).length).toBe(50_000_000);
    const packed = gzipSync(new Uint8Array(7000));
    expect(7000 / packed.length).toBeGreaterThan(150);
    expect(7000 / packed.length).toBeLessThan(200);
    expect(readBytes(write("dense.gz", packed)).length).toBe(7000);
  });

  test(
    "answers every truncation and every flipped bit of a gzip file with its bytes or a typed error",
    { timeout: 60_000 },
    () => {
      const packed = new Uint8Array(gzipSync(noise.subarray(0, 80)));
      const outcomes = { bytes: 0, refused: 0 };
      const tryOne = (bytes: Uint8Array): void => {
        const path = write("damaged.gz", bytes);
        try {
          readBytes(path);
          outcomes.bytes++;
        } catch (error) {
          expect(error).toEqual(failure("malformed-file", "damaged.gz"));
          outcomes.refused++;
        }
      };
      for (let end = 2; end < packed.length; end++) tryOne(packed.subarray(0, end));
      expect(outcomes).toEqual({ bytes: 0, refused: packed.length - 2 });
      for (let bit = 0; bit < 8 * packed.length; bit++) {
        const flipped = packed.slice();
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        tryOne(flipped);
      }
      expect(outcomes.refused).toBeGreaterThan(600);
    },
  );
});

function writeFour(into: string): string {
  mkdirSync(join(folder, into));
  const images = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 30, 30, 60, 60);
  const labels = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 3, 4, 5, 6);
  write(`${into}/train-images-idx3-ubyte`, images);
  write(`${into}/train-labels-idx1-ubyte.gz`, gzipSync(labels));
  write(`${into}/t10k-images-idx3-ubyte.gz`, gzipSync(images));
  write(`${into}/t10k-labels-idx1-ubyte`, labels);
  return join(folder, into);
}

describe("mnist", () => {
  const names = ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"];

  test("reads the four files, compressed or not", () => {
    const { train, valid, test, image } = mnist({ folder: writeFour("four"), train: 2, valid: 1, test: 3 });
    expect(image).toEqual({ height: 2, width: 1 });
    expect([...train.y.data, ...valid.y.data].sort()).toEqual([4, 5, 6]);
    for (const { x, y } of [train, valid, test!]) {
      expect([...x.data]).toEqual(
        [...y.data].flatMap((label) => [0, 1].map(() => Math.fround((label - 5) * (30 / 255)))),
      );
    }
  });

  test.each(names)("names %s when it is missing or damaged", (name) => {
    const into = writeFour(`without-${name}`);
    for (const suffix of ["", ".gz"]) rmSync(join(into, `${name}-ubyte${suffix}`), { force: true });
    const options = { folder: into, train: 1, valid: 1, test: 1 };
    expect(() => mnist(options)).toThrowError(
      failure("file-not-found", into, `neither ${name}-ubyte nor ${name}-ubyte.gz`),
    );
    writeFileSync(join(into, `${name}-ubyte`), Uint8Array.of(0, 0, 8));
    expect(() => mnist(options)).toThrowError(failure("malformed-file", `${name}-ubyte: .*at byte 3`));
  });

  test("names the folder when it is missing, and what to do", () => {
    const options = { folder: join(folder, "nowhere"), train: 1, valid: 1, test: 1 };
    expect(() => mnist(options)).toThrowError(failure("file-not-found", "nowhere"));
    expect(() => mnist({ ...options, folder: join(folder, "plain.gz") })).toThrowError(
      failure("file-not-found", "plain"),
    );
  });

  const data = process.env["DRMAD_DATA"];
  optionalTest("reads MNIST itself", data === undefined ? "DRMAD_DATA is not set" : undefined, () => {
    const { train, valid, test, image } = mnist({
      folder: `${data}/data/mnist`,
      train: 50_000,
      valid: 10_000,
      test: 10_000,
    });
    expect(image).toEqual({ height: 28, width: 28 });
    expect([train.x.shape, valid.x.shape, test!.x.shape]).toEqual([50_000, 10_000, 10_000].map((n) => [n, 784]));
    const counts = Array.from({ length: 10 }, () => 0);
    for (const { y } of [train, valid]) for (const label of y.data) counts[label]!++;
    expect(counts).toEqual([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]); // as published
    // The mean image of the published problem, from outside; every pixel is k / 255 minus it.
    const mean = new Float64Array(new Uint8Array(readBytes(`${data}/reference/drmad-mnist/mean.bin`)).buffer);
    let worst = 0;
    for (let i = 0; i < 784_000; i++) {
      const pixel = 255 * (train.x.data[i]! + mean[i % 784]!);
      worst = Math.max(worst, Math.abs(pixel - Math.round(pixel)));
    }
    expect(worst).toBeLessThan(2e-5);
  });
});
