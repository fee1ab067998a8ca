import { describe, expect, test } from "vitest";
import * as fc from "fast-check";
import { attribute, pictureSize, textBoxes } from "../../test/svg-text.ts";
import { type HeatMap, heatMap } from "./heat-map.ts";
import { NO_VALUE, scaleColour } from "./palette.ts";

const plain: Omit<HeatMap, "values" | "height" | "width"> = { title: "L2", label: "penalty (1)" };

interface Cells {
  /** Of a cell, in pixels. */
  readonly size: number;
  /** Row by row; undefined where nothing was drawn. */
  readonly colours: readonly (string | undefined)[];
}

/** The cells that a picture shows, read back from its paths. */
function cellsOf(svg: string, height: number, width: number): Cells {
  const runs = [...svg.matchAll(/<path ([^>]*)\/>/g)].flatMap(([, attributes]) =>
    [...attribute(attributes!, "d")!.matchAll(/M(\S+) (\S+)h(\S+)v(\S+)h-(\S+)z/g)].map(([, ...numbers]) => {
      const [x, y, w, h, back] = numbers.map(Number) as [number, number, number, number, number];
      expect(back).toBe(w);
      return { x, y, w, h, colour: attribute(attributes!, "fill")! };
    }),
  );
  const size = runs[0]!.h;
  const left = Math.min(...runs.map(({ x }) => x));
  const top = Math.min(...runs.map(({ y }) => y));
  const colours = Array.from<string | undefined>({ length: height * width });
  for (const { x, y, w, h, colour } of runs) {
    expect(h).toBe(size);
    const row = Math.round((y - top) / size);
    const column = Math.round((x - left) / size);
    for (let k = 0; k < Math.round(w / size); k++) {
      expect(colours[row * width + column + k]).toBeUndefined();
      colours[row * width + column + k] = colour;
    }
  }
  return { size, colours };
}

function words(svg: string): string[] {
  return textBoxes(svg).map((box) => box.words);
}

describe("heatMap", () => {
  test("draws every value once, in its place: dark for low, light for high", () => {
    const values = [0, 1, 2, 3, 4, 5];
    const { colours } = cellsOf(heatMap({ ...plain, values, height: 2, width: 3 }), 2, 3);
    expect(colours).toEqual(
      values.map((value) => scaleColour((Math.min(Math.floor((value / 5) * 256), 255) + 0.5) / 256)),
    );
  });

  test("spreads ratios evenly on a logarithmic scale", () => {
    const { colours } = cellsOf(heatMap({ ...plain, values: [1, 10, 100], height: 1, width: 3, log: true }), 1, 3);
    expect(colours[1]).toBe(scaleColour(128.5 / 256));
    expect(cellsOf(heatMap({ ...plain, values: [1, 10, 100], height: 1, width: 3 }), 1, 3).colours[1]).not.toBe(
      colours[1],
    );
  });

  test("draws what has no value in grey, and says what grey is", () => {
    const values = [1, NaN, 2, Infinity, 3, -1];
    const svg = heatMap({ ...plain, values, height: 2, width: 3, log: true });
    const grey = cellsOf(svg, 2, 3).colours.map((colour) => colour === NO_VALUE);
    expect(grey).toEqual([false, true, false, true, false, true]);
    expect(words(svg)).toContain("no value");
    expect(words(heatMap({ ...plain, values: [1, 2], height: 1, width: 2 }))).not.toContain("no value");
  });

  test("draws a constant in the middle of a scale around it", () => {
    for (const log of [false, true]) {
      const svg = heatMap({ ...plain, values: [1, 1], height: 1, width: 2, log });
      const { colours } = cellsOf(svg, 1, 2);
      expect(colours[0]).toBe(colours[1]);
      expect([scaleColour(127.5 / 256), scaleColour(128.5 / 256)]).toContain(colours[0]);
      expect(words(svg).some((word) => Number(word) === 1)).toBe(true);
    }
  });

  test("draws nothing but grey, and no scale, when there is no value at all", () => {
    const svg = heatMap({ ...plain, values: [NaN, NaN], height: 1, width: 2 });
    expect(cellsOf(svg, 1, 2).colours).toEqual([NO_VALUE, NO_VALUE]);
    expect(svg).not.toContain("linearGradient");
    expect(words(svg)).toEqual(["L2", "penalty (1)", "no value"]);
  });

  test("puts the ticks of the scale where the colours of their values are", () => {
    const values = Array.from({ length: 100 }, (_, i) => i);
    const svg = heatMap({ ...plain, values, height: 10, width: 10 });
    const bar = [...svg.matchAll(/<rect ([^>]*)\/>/g)]
      .map(([, a]) => a!)
      .find((a) => attribute(a, "fill")!.startsWith("url"))!;
    for (const tick of textBoxes(svg).filter((box) => /^\d+$/.test(box.words))) {
      const centre = (tick.left + tick.right) / 2;
      const share = (centre - Number(attribute(bar, "x"))) / Number(attribute(bar, "width"));
      expect(share).toBeCloseTo(Number(tick.words) / 99, 2);
    }
    expect(words(svg)).toEqual(expect.arrayContaining(["0", "20", "40", "60", "80"]));
  });

  test.each([
    [8, 8, 49],
    [28, 28, 14],
    [30, 30, 13],
    [50, 64, 10],
    [1, 1, 392],
    [784, 10, 560 / 784],
  ])("draws %d × %d cells as squares of %d pixels", (height, width, size) => {
    const values = Array.from({ length: height * width }, (_, i) => i % 7);
    expect(cellsOf(heatMap({ ...plain, values, height, width }), height, width).size).toBeCloseTo(size, 2);
  });

  test.each([
    [2, 3, 5],
    [0, 0, 0],
    [-1, -1, 1],
    [0.5, 2, 1],
    [NaN, 1, 1],
    [2 ** 11, 2 ** 10, 2 ** 21],
  ])("refuses %d × %d cells with %d values", (height, width, length) => {
    expect(() => heatMap({ ...plain, values: { length }, height, width })).toThrowError(
      expect.objectContaining({ code: "invalid-argument" }) as Error,
    );
  });

  test("is tidy whatever it shows", { timeout: 60_000 }, () => {
    const value = fc.oneof(
      fc.double({ min: 0, max: 1 }),
      fc.double(),
      fc.constantFrom(NaN, Infinity, 0, 5e-324, 1.7e308, -1.7e308),
    );
    const map = fc.tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 30 })).chain(([height, width]) =>
      fc.record({
        title: fc.string({ maxLength: 120 }),
        subtitle: fc.string({ maxLength: 120 }),
        label: fc.string({ maxLength: 90 }),
        values: fc.array(value, { minLength: height * width, maxLength: height * width }),
        height: fc.constant(height),
        width: fc.constant(width),
        log: fc.boolean(),
      }),
    );
    fc.assert(
      fc.property(map, (given) => {
        const svg = heatMap(given);
        expect(cellsOf(svg, given.height, given.width).colours).not.toContain(undefined);
        const { width, height } = pictureSize(svg);
        const boxes = textBoxes(svg);
        boxes.forEach((box, i) => {
          expect(box.left, box.words).toBeGreaterThanOrEqual(3);
          expect(box.right, box.words).toBeLessThanOrEqual(width - 3);
          expect(box.bottom, box.words).toBeLessThanOrEqual(height - 3);
          for (const other of boxes.slice(i + 1)) {
            const apart =
              box.left >= other.right || other.left >= box.right || box.top >= other.bottom || other.top >= box.bottom;
            if (!apart) throw new Error(`${JSON.stringify(box.words)} touches ${JSON.stringify(other.words)}`);
          }
        });
      }),
      { numRuns: 120 },
    );
  });
});
