import { describe, expect, test } from "vitest";
import { optionalTest } from "../../test/optional.ts";
import { digitsText } from "./digits-bytes.ts";
import { digits } from "./digits.ts";
import { readBytes } from "./open.ts";

const everything = digits({ train: 1795, valid: 1, test: 1 });
const splits = [everything.train, everything.valid, everything.test!];
const folder = process.env["DRMAD_DATA"];

describe("digits", () => {
  test("holds the 1797 images of UCI: the counts of its classes and the sum of its pixels", () => {
    expect(digitsText).toMatch(/^[0-9a-g]+$/);
    expect(digitsText.length).toBe(1797 * 65);
    const counts = Array.from({ length: 10 }, () => 0);
    for (const { y } of splits) for (const label of y.data) counts[label]!++;
    expect(counts).toEqual([178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    let sum = 0;
    for (const { x } of splits) for (const pixel of x.data) sum += 16 * pixel;
    expect(sum).toBe(561718);
  });

  optionalTest(
    "holds the very rows of the file it was made from",
    folder === undefined ? "DRMAD_DATA is not set" : undefined,
    () => {
      const csv = new TextDecoder().decode(readBytes(`${folder}/data/digits/digits.csv.gz`)).trim();
      const rows = csv.split("\n").map((line) => line.split(",").map(Number));
      const text = rows.map((row) => row.map((value) => value.toString(36)).join("")).join("");
      expect(text === digitsText).toBe(true);
    },
  );

  test("gives the asked number of rows, scaled to [0, 1], with digits as classes", () => {
    const { train, valid, test, image } = digits();
    expect(image).toEqual({ height: 8, width: 8 });
    expect([train.x.shape, valid.x.shape, test?.x.shape]).toEqual([
      [1000, 64],
      [397, 64],
      [400, 64],
    ]);
    expect([train.y.shape, valid.y.shape, test?.y.shape]).toEqual([[1000], [397], [400]]);
    expect(train.x.data).toBeInstanceOf(Float32Array);
    expect(train.y.data).toBeInstanceOf(Int32Array);
    expect(Math.min(...train.x.data)).toBe(0);
    expect(Math.max(...train.x.data)).toBe(1);
    expect(train.x.data.length).toBe(64_000);
  });

  test("splits without overlap", () => {
    const drawn = digits({ train: 1000, valid: 397, test: 400 });
    const rows = [drawn.train, drawn.valid, drawn.test!].flatMap(({ x }) =>
      Array.from({ length: x.shape[0]! }, (_, i) => x.data.slice(i * 64, (i + 1) * 64).join()),
    );
    const images = Array.from({ length: 1797 }, (_, i) => digitsText.slice(i * 65, i * 65 + 64));
    expect(rows.length).toBe(1797);
    expect(new Set(rows).size).toBe(new Set(images).size);
  });

  test("keeps image and class together: images of one class are closer than images of two", () => {
    // A scrambled pairing would make both means equal.
    const { x, y } = digits({ train: 300, valid: 1, test: 1 }).train;
    const sums = { same: [0, 0], other: [0, 0] };
    for (let i = 0; i < 300; i++) {
      for (let j = 0; j < i; j++) {
        let squares = 0;
        for (let p = 0; p < 64; p++) squares += (x.data[i * 64 + p]! - x.data[j * 64 + p]!) ** 2;
        const sum = y.data[i] === y.data[j] ? sums.same : sums.other;
        sum[0]! += Math.sqrt(squares);
        sum[1]! += 1;
      }
    }
    expect(sums.same[0]! / sums.same[1]!).toBeLessThan((0.75 * sums.other[0]!) / sums.other[1]!);
  });

  test("depends on the seed alone", () => {
    const [one, two] = [digits({ seed: 3 }), digits({ seed: 3 })];
    for (const split of ["train", "valid", "test"] as const) {
      expect(one[split]!.x.data.join()).toBe(two[split]!.x.data.join());
      expect(one[split]!.y.data.join()).toBe(two[split]!.y.data.join());
    }
    expect(digits({ seed: 3 }).train.y.data).not.toEqual(digits({ seed: 4 }).train.y.data);
  });

  test.each([
    [{ train: 1398 }, "1398 + valid 397 + test 400 = 2195"],
    [{ train: 0 }, "train is 0"],
    [{ valid: -1 }, "valid is -1"],
    [{ test: 1.5 }, "test is 1.5"],
    [{ test: NaN }, "test is NaN"],
    [{ train: Infinity }, "train is Infinity"],
  ])("refuses %j and names the numbers", (options, part) => {
    expect(() => digits(options)).toThrowError(
      expect.objectContaining({ code: "invalid-argument", message: expect.stringContaining(part) as string }) as Error,
    );
  });
});
