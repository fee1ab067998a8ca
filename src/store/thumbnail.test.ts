import { describe, expect, test } from "vitest";
import { failure } from "../../test/oracle/measure.ts";
import { gridOf } from "./grid.ts";
import { decodeThumbnail, drawThumbnail, encodeThumbnail, GAP, LEVELS, NOT_FINITE, warped, type Thumbnail, type Warp } from "./thumbnail.ts"; // prettier-ignore

const draw = (data: readonly number[] | Float64Array, shape: readonly number[], warp: Warp = "linear"): Thumbnail =>
  drawThumbnail({ data: Float64Array.from(data) }, gridOf(shape, { perStep: false }), warp)!;
/** The values that a picture shows. */
const shown = ({ levels, warp, least, most }: Thumbnail): number[] =>
  [...levels].map((level) => (level > LEVELS ? NaN : warped(warp, least, most).value(level / LEVELS)));
const field = (n: number): Float64Array => Float64Array.from({ length: n }, (_, i) => Math.sin(i * i));

describe("a tensor of few values", () => {
  test("is its picture", () => {
    const values = [3, -1, 0.5, 2, 7, -1];
    const picture = draw(values, [2, 3]);
    expect(picture).toMatchObject({ rows: 2, columns: 3, extent: [2, 3], warp: "linear", least: -1, most: 7 });
    shown(picture).forEach((value, i) => expect(Math.abs(value - values[i]!)).toBeLessThanOrEqual(8 / LEVELS / 2));
    expect(shown(picture)[4]).toBe(7);
    expect(shown(picture)[1]).toBe(-1);
  });

  test("of positive values over many decades keeps each of them in logarithms", () => {
    const values = [1e-9, 1e-6, 1e-3, 1, 1e3];
    const picture = draw(values, [5], "log");
    expect(picture.warp).toBe("log");
    shown(picture).forEach((value, i) => expect(Math.abs(Math.log(value / values[i]!))).toBeLessThan(Math.log(1e12) / LEVELS / 1.9)); // prettier-ignore
    expect(draw([1, 2, 0], [3], "log").warp).toBe("linear");
  });

  test("of both signs keeps small ones beside large ones", () => {
    const values = [-1e4, -30, 0, 10, 2e3];
    const picture = draw(values, [5], "signed");
    shown(picture).forEach((value, i) => expect(Math.abs(value - values[i]!)).toBeLessThan(0.03 * Math.abs(values[i]!) + 0.4)); // prettier-ignore
    expect(new Set(picture.levels).size).toBe(5);
  });

  test.each([
    ["one value", [2.5], 2.5],
    ["the same value", [4, 4, 4], 4],
    ["nothing but zero", [0, 0], 0],
    ["the least number there is", [5e-324, 5e-324], 5e-324],
  ])("of %s has one level", (_, values, value) => {
    for (const warp of ["linear", "log", "signed"] as const) {
      const picture = draw(values, [values.length], warp);
      expect(new Set(picture.levels).size).toBe(1);
      expect([picture.least, picture.most]).toEqual([value, value]);
    }
  });

  test("of the largest numbers there are does not overflow", () => {
    const picture = draw([Number.MAX_VALUE, -Number.MAX_VALUE, 0], [3]);
    expect([...picture.levels]).toEqual([LEVELS, 0, Math.round(LEVELS / 2)]);
  });
});

describe("a large tensor", () => {
  test.each([[[800, 1000]], [[800_000]], [[65, 3]], [[1, 200]]])("of shape %j has at most 64 cells a side", (shape) => {
    const size = shape.reduce((a, b) => a * b);
    const picture = draw(field(size), shape);
    expect(Math.max(picture.rows, picture.columns)).toBeLessThanOrEqual(64);
    expect(picture.levels).toHaveLength(picture.rows * picture.columns);
    expect(encodeThumbnail(picture).length).toBeLessThanOrEqual(4124);
  });

  test.each([1, -1])("shows one extreme value among many, whose mean would hide it (%i)", (sign) => {
    const data = Float64Array.from({ length: 800_000 }, (_, i) => Math.sin(i));
    data[123_456] = 50 * sign;
    const picture = draw(data, [800, 1000]);
    const extreme = sign > 0 ? LEVELS : 0;
    const found = picture.levels.indexOf(extreme);
    expect(picture.levels.filter((level) => level === extreme)).toHaveLength(1);
    expect([Math.floor(found / 64), found % 64]).toEqual([Math.floor((123 * 64) / 800), Math.floor((456 * 64) / 1000)]);
    // The others are near zero.
    const rest = picture.levels.filter((_, i) => i !== found);
    const zero = warped("linear", picture.least, picture.most).place(0) * LEVELS;
    expect(rest.every((level) => Math.abs(level - zero) < 6)).toBe(true);
  });

  test("has each value in exactly one cell, and every cell has one", () => {
    for (const [rows, columns] of [
      [65, 127],
      [64, 64],
      [100, 7],
      [129, 1000],
    ] as const) {
      // prettier-ignore
      for (const i of [0, columns - 1, columns * (rows - 1), rows * columns - 1, Math.floor((rows * columns) / 2)]) {
        const data = new Float64Array(rows * columns);
        data[i] = 1;
        const { levels } = draw(data, [rows, columns]);
        expect(levels.filter((level) => level === LEVELS)).toHaveLength(1);
        expect(levels.includes(GAP)).toBe(false);
      }
    }
  });
});

describe("values that are not finite", () => {
  test("are marked, one of them among a million too, and scale nothing", () => {
    const data = new Float64Array(1000 * 1000).fill(1);
    [data[0], data[999_999], data[500_500]] = [NaN, -Infinity, 2];
    const picture = draw(data, [1000, 1000]);
    expect([picture.least, picture.most]).toEqual([1, 2]);
    expect(picture.levels.filter((level) => level === NOT_FINITE)).toHaveLength(2);
    expect([picture.levels[0], picture.levels[4095]]).toEqual([NOT_FINITE, NOT_FINITE]);
  });

  test("alone leave no scale", () => {
    const picture = draw([NaN, Infinity], [2]);
    expect(picture).toMatchObject({ least: NaN, most: NaN });
    expect([...picture.levels]).toEqual([NOT_FINITE, NOT_FINITE]);
  });
});

test("gaps between images and beyond the end are told from values", () => {
  const image = { height: 2, width: 2 };
  const picture = drawThumbnail({ data: Uint8Array.from({ length: 8 }, (_, i) => i) }, gridOf([2, 4], { perStep: false, image: { ...image, whole: false } }), "linear")!; // prettier-ignore
  expect([picture.rows, picture.columns]).toEqual([2, 5]);
  expect([...picture.levels].map((level) => level === GAP)).toEqual([false, false, true, false, false, false, false, true, false, false]); // prettier-ignore
});

test("no values have no picture", () => {
  expect(drawThumbnail({ data: new Float64Array(0) }, gridOf([0], { perStep: false }), "linear")).toBeUndefined();
});

describe("its bytes", () => {
  const picture = draw([1, NaN, 3, 4, 5, 6], [2, 3], "log");
  test("give it back", () => {
    expect(decodeThumbnail(encodeThumbnail(picture))).toEqual(picture);
    // As a database gives them: within other bytes.
    const bytes = Buffer.concat([Buffer.alloc(3), encodeThumbnail(picture)]).subarray(3);
    expect(decodeThumbnail(bytes)).toEqual(picture);
    const none = draw([NaN], [1]);
    expect(decodeThumbnail(encodeThumbnail(none))).toEqual(none);
  });

  test("are as documented", () => {
    expect(Buffer.from(encodeThumbnail(draw([1, 2], [2]))).toString("hex")).toBe(
      "010001020100000002000000000000000000f03f000000000000004000fd",
    );
  });

  test.each([
    ["nothing", []],
    ["another version", [2, 0, 1, 1, ...Array.from({ length: 25 }, () => 0)]],
    ["another warp", [1, 3, 1, 1, ...Array.from({ length: 25 }, () => 0)]],
    ["a cell too few", [1, 0, 1, 2, ...Array.from({ length: 25 }, () => 0)]],
    ["no cell", [1, 0, 0, 2, ...Array.from({ length: 24 }, () => 0)]],
    ["too many cells", [1, 0, 1, 65, ...Array.from({ length: 89 }, () => 0)]],
  ])("of %s are refused", (_, bytes) => {
    expect(() => decodeThumbnail(Uint8Array.from(bytes))).toThrow(expect.objectContaining(failure("malformed-file")) as Error); // prettier-ignore
  });
});
