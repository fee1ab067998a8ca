import { describe, expect, test } from "vitest";
import type { NdArray } from "./dataset.ts";
import { type MnistFiles, mnistDataset } from "./mnist.ts";

/** `rows` images of 2 × 3 pixels: pixel p of row r is 10 r + p; the class of row r is r. */
function images(rows: number, first = 0): NdArray {
  const data = Uint8Array.from({ length: rows * 6 }, (_, i) => 10 * (first + Math.floor(i / 6)) + (i % 6));
  return { data, shape: [rows, 2, 3] };
}

function labels(rows: number, first = 0): NdArray {
  return { data: Uint8Array.from({ length: rows }, (_, i) => first + i), shape: [rows] };
}

const files: MnistFiles = {
  trainImages: images(8),
  trainLabels: labels(8),
  testImages: images(4, 20),
  testLabels: labels(4, 20),
};

function trainLabels(seed: number): string {
  return mnistDataset("here", files, { train: 5, valid: 3, test: 4, seed }).train.y.data.join();
}

describe("mnistDataset", () => {
  test("scales pixels, takes the mean of the training file off, and keeps classes with their images", () => {
    const dataset = mnistDataset("here", files, { train: 5, valid: 2, test: 3 });
    expect(dataset.image).toEqual({ height: 2, width: 3 });
    for (const [split, rows] of [
      [dataset.train, 5],
      [dataset.valid, 2],
      [dataset.test!, 3],
    ] as const) {
      expect(split.x.shape).toEqual([rows, 6]);
      expect(split.y.shape).toEqual([rows]);
      expect(split.x.data).toBeInstanceOf(Float32Array);
      expect(split.y.data).toBeInstanceOf(Int32Array);
      // The mean of rows 0 … 7 is 35 + p, so every pixel of row r is (10 r − 35) / 255.
      const expected = Array.from({ length: rows * 6 }, (_, i) => (10 * split.y.data[Math.floor(i / 6)]! - 35) / 255);
      expect([...split.x.data]).toEqual(expected.map((value) => expect.closeTo(value, 6) as number));
    }
  });

  test("draws train and valid from the one file and test from the other, none twice", () => {
    const { train, valid, test } = mnistDataset("here", files, { train: 5, valid: 3, test: 4, seed: 1 });
    expect([...train.y.data, ...valid.y.data].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect([...test!.y.data].sort((a, b) => a - b)).toEqual([20, 21, 22, 23]);
  });

  test("depends on the seed", () => {
    expect(trainLabels(1)).toBe(trainLabels(1));
    expect(new Set([0, 1, 2, 3, 4].map(trainLabels)).size).toBe(5);
  });

  test.each([
    ["malformed-file", "8 train images but 7 train labels", { trainLabels: labels(7) }],
    ["malformed-file", "test images of 1 × 6", { testImages: { data: new Uint8Array(24), shape: [4, 1, 6] } }],
    ["malformed-file", "test images of 2 × 2", { testImages: { data: new Uint8Array(16), shape: [4, 2, 2] } }],
    ["malformed-file", "t10k images of shape [24]", { testImages: { data: new Uint8Array(24), shape: [24] } }],
    ["malformed-file", "train labels of shape [8]", { trainLabels: { data: new Float32Array(8), shape: [8] } }],
    ["malformed-file", "train labels of shape [2, 4]", { trainLabels: { data: new Uint8Array(8), shape: [2, 4] } }],
    ["invalid-argument", "here t10k has 3 rows, but test 4 = 4", { testImages: images(3), testLabels: labels(3) }],
    ["invalid-argument", "train 5 + valid 3 = 8", { trainImages: images(7), trainLabels: labels(7) }],
    ["invalid-argument", "here train has 0 rows", { trainImages: images(0), trainLabels: labels(0) }],
  ])("gives %s: %s", (code, part, wrong) => {
    expect(() => mnistDataset("here", { ...files, ...wrong }, { train: 5, valid: 3, test: 4 })).toThrowError(
      expect.objectContaining({ code, message: expect.stringContaining(part) as string }) as Error,
    );
  });
});
