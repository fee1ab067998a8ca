import { describe, expect, test } from "vitest";
import * as fc from "fast-check";
import { attribute, pictureSize, type TextBox, textBoxes } from "../../test/svg-text.ts";
import { type LineChart, lineChart } from "./line-chart.ts";
import { spread } from "./line-names.ts";
import { LINE_COLOURS } from "./palette.ts";

const plain: LineChart = {
  title: "Loss",
  xLabel: "step",
  yLabel: "loss (nats)",
  series: [{ name: "train", x: [0, 1, 2, 3, 4], y: [5, 4, 3, 2, 1] }],
};

function chartOf(x: readonly number[], y: readonly number[], more: Partial<LineChart> = {}): string {
  return lineChart({ ...plain, series: [{ name: "train", x, y }], ...more });
}

/** The pieces of every drawn line: the points of each, in pixels. */
function lines(svg: string): [number, number][][] {
  const paths = [...svg.matchAll(/<path ([^>]*)\/>/g)].map(([, attributes]) => attributes!);
  return paths
    .filter((attributes) => attribute(attributes, "stroke-linejoin") !== undefined)
    .flatMap((attributes) => attribute(attributes, "d")!.split("M").slice(1))
    .map((piece) => piece.split("L").map((point) => point.split(" ").map(Number) as [number, number]));
}

function circles(svg: string): Record<"x" | "y" | "r", number>[] {
  return [...svg.matchAll(/<circle ([^>]*)\/>/g)].map(([, attributes]) => ({
    x: Number(attribute(attributes!, "cx")),
    y: Number(attribute(attributes!, "cy")),
    r: Number(attribute(attributes!, "r")),
  }));
}

function words(svg: string): string[] {
  return textBoxes(svg).map((box) => box.words);
}

function overlap(a: TextBox, b: TextBox): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

/** Nothing is cut off, and no two texts touch, but for those with a halo that are meant to stand over others. */
function expectTidy(svg: string): void {
  const { width, height } = pictureSize(svg);
  const boxes = textBoxes(svg);
  for (const box of boxes) {
    expect(box.left, box.words).toBeGreaterThanOrEqual(3);
    expect(box.right, box.words).toBeLessThanOrEqual(width - 3);
    expect(box.top, box.words).toBeGreaterThanOrEqual(3);
    expect(box.bottom, box.words).toBeLessThanOrEqual(height - 3);
  }
  const fixed = boxes.filter(({ halo }) => !halo);
  fixed.forEach((box, i) => {
    for (const other of fixed.slice(i + 1)) {
      if (overlap(box, other)) throw new Error(`${JSON.stringify(box.words)} touches ${JSON.stringify(other.words)}`);
    }
  });
  const points = [...lines(svg).flat(), ...circles(svg).map(({ x, y }) => [x, y] as const)];
  for (const [x, y] of points) {
    expect(x >= 0 && x <= width && y >= 0 && y <= height).toBe(true);
    // Data may come near a name, but not under it.
    for (const box of fixed) {
      const under = x > box.left && x < box.right && y > box.top + 2 && y < box.bottom - 2;
      if (under) throw new Error(`a point lies under ${JSON.stringify(box.words)}`);
    }
  }
}

describe("lineChart", () => {
  test("draws a falling line evenly, between the ticks that its values belong to", () => {
    const svg = lineChart(plain);
    const [line, ...others] = lines(svg);
    expect(others).toEqual([]);
    expect(line!.length).toBe(5);
    const ticks = new Map(textBoxes(svg).map((box) => [box.words, box]));
    expect(words(svg)).toEqual(
      expect.arrayContaining(["Loss", "step", "loss (nats)", "train", "0", "1", "2", "3", "4"]),
    );
    line!.forEach(([x, y], i) => {
      // Tick "i" of x below, tick "5 − i" of y at the left.
      const below = textBoxes(svg).findLast((box) => box.words === String(i))!;
      expect((below.left + below.right) / 2).toBeCloseTo(x, 1);
      const beside = textBoxes(svg).find((box) => box.words === String(5 - i) && box.right < line![0]![0])!;
      expect((beside.top + beside.bottom) / 2).toBeCloseTo(y, -0.4);
    });
    expect(ticks.get("train")!.left).toBeGreaterThan(line![4]![0]);
  });

  test("is the same text every time", () => {
    expect(lineChart(plain)).toBe(lineChart(plain));
  });

  test("leaves gaps where a point is not finite, and draws lonely points as dots", () => {
    const svg = chartOf([0, 1, 2, 3, 4, 5, 6, 7], [1, 2, NaN, 3, Infinity, 4, 5, -Infinity]);
    expect(lines(svg).map((piece) => piece.length)).toEqual([2, 2]);
    expect(circles(svg).length).toBe(1);
    expect(lines(chartOf([0, NaN, 2], [1, 2, 3]))).toEqual([]);
  });

  test("draws a series of one point as a dot, in the chart and beside its name", () => {
    const svg = chartOf([3], [7]);
    expect(lines(svg)).toEqual([]);
    const [dot, swatch, ...others] = circles(svg);
    expect(others).toEqual([]);
    expect(swatch!.x).toBeGreaterThan(dot!.x);
    expectTidy(svg);
  });

  test("says that there is nothing to draw", () => {
    expect(words(chartOf([0], [NaN]))).toEqual(expect.arrayContaining(["no finite values", "train: no values"]));
    expect(words(lineChart({ ...plain, series: [] }))).toContain("no finite values");
    expectTidy(lineChart({ ...plain, series: [] }));
    expect(words(lineChart(plain))).not.toContain("no finite values");
  });

  test("draws ratios evenly on a logarithmic axis, where 0 and less are gaps", () => {
    const svg = chartOf([0, 1, 2, 3, 4], [1, 10, 100, 1000, 10_000], { logY: true });
    const heights = lines(svg)[0]!.map(([, y]) => y);
    const steps = heights.slice(1).map((y, i) => heights[i]! - y);
    for (const step of steps) expect(step).toBeCloseTo(steps[0]!, 1);
    expect(steps[0]).toBeGreaterThan(50);
    const gaps = chartOf([1, 2, 3, 4, 5, 6], [1, 2, 0, 3, 4, -1], { logY: true });
    expect(lines(gaps).map((piece) => piece.length)).toEqual([2, 2]);
    expect(words(gaps)).not.toContain("0");
  });

  test("gives neighbouring lines different colours, and repeats them only dotted", () => {
    const series = Array.from({ length: 10 }, (_, i) => ({ name: `line ${i}`, x: [0, 1], y: [i, i] }));
    const styles = [
      ...lineChart({ ...plain, series }).matchAll(/<path d="[^"]*" fill="none" ([^>]*linejoin[^>]*)\/>/g),
    ].map(([, attributes]) => `${attribute(attributes!, "stroke")} ${attribute(attributes!, "stroke-dasharray")}`);
    expect(new Set(styles).size).toBe(10);
    expect(styles.slice(0, 7)).toEqual(LINE_COLOURS.map((colour) => `${colour} undefined`));
  });

  test("draws the emphasised line wide and last, and the dashed one dashed", () => {
    const y = [1, 2];
    const svg = lineChart({
      ...plain,
      series: [
        { name: "main", x: y, y, emphasis: true },
        { name: "other", x: y, y: [2, 1], dashed: true },
      ],
    });
    const drawn = [...svg.matchAll(/<path ([^>]*linejoin[^>]*)\/>/g)].map(([, attributes]) => attributes!);
    expect(drawn.map((attributes) => attribute(attributes, "stroke"))).toEqual([LINE_COLOURS[1], LINE_COLOURS[0]]);
    expect(Number(attribute(drawn[1]!, "stroke-width"))).toBeGreaterThan(Number(attribute(drawn[0]!, "stroke-width")));
    expect(drawn.map((attributes) => attribute(attributes, "stroke-dasharray"))).toEqual(["7 4", undefined]);
    expect(svg).toMatch(/font-weight="bold"[^>]*>main</);
  });

  test("puts names beside the ends of their lines in the order of the ends", () => {
    const series = [3, 1, 2, 2.01, 1.99].map((end, i) => ({ name: `line ${i}`, x: [0, 1], y: [0, end] }));
    const svg = lineChart({ ...plain, series });
    const named = textBoxes(svg).filter((box) => box.words.startsWith("line"));
    named.sort((a, b) => a.top - b.top);
    expect(named.map((box) => box.words)).toEqual(["line 0", "line 3", "line 2", "line 4", "line 1"]);
    expectTidy(svg);
  });

  test("puts many or long names into a legend below everything else", () => {
    for (const names of [
      Array.from({ length: 13 }, (_, i) => `line ${i}`),
      ["a name that is much too long for the column at the right"],
    ]) {
      const svg = lineChart({ ...plain, series: names.map((name, i) => ({ name, x: [0, 1], y: [0, i] })) });
      const boxes = textBoxes(svg);
      const xLabel = boxes.find((box) => box.words === "step")!;
      for (const name of names) expect(boxes.find((box) => box.words === name)!.top).toBeGreaterThan(xLabel.bottom);
      expectTidy(svg);
    }
  });

  test("rings marks where they are and writes their words beside them, off the lines", () => {
    const x = Array.from({ length: 21 }, (_, i) => i);
    const svg = chartOf(x, x.map((i) => (i - 10) ** 2), { marks: [{ x: 10, y: 0, label: "best" }, { x: 20, y: 100, label: "last of all the steps" }] }); // prettier-ignore
    const line = lines(svg)[0]!;
    const rings = circles(svg);
    expect(rings.map((ring) => [ring.x, ring.y])).toEqual([line[10], line[20]]);
    const { width } = pictureSize(svg);
    for (const name of ["best", "last of all the steps"]) {
      const box = textBoxes(svg).find((one) => one.words === name)!;
      expect(line.some(([px, py]) => px > box.left && px < box.right && py > box.top && py < box.bottom)).toBe(false);
      expect(box.right).toBeLessThan(width);
    }
    expect(circles(chartOf([0, 1], [1, 2], { marks: [{ x: 0, y: NaN, label: "nowhere" }] }))).toEqual([]);
  });

  test("moves the words of a mark away from a line that runs where they would stand", () => {
    for (const y of [
      [0, 10],
      [10, 0],
    ]) {
      const svg = chartOf([0, 10], y, { marks: [{ x: 5, y: 5, label: "the middle of the line" }] });
      const box = textBoxes(svg).find(({ halo }) => halo)!;
      const [[x0, y0], [x1, y1]] = lines(svg)[0] as [[number, number], [number, number]];
      for (let k = 0; k <= 1000; k++) {
        const [px, py] = [x0 + ((x1 - x0) * k) / 1000, y0 + ((y1 - y0) * k) / 1000];
        expect(px > box.left && px < box.right && py > box.top && py < box.bottom).toBe(false);
      }
    }
  });

  test("shows a mark outside of the data", () => {
    const svg = chartOf([0, 1], [0, 1], { marks: [{ x: 5, y: 9, label: "target" }] });
    expectTidy(svg);
    expect(words(svg)).toContain("target");
  });

  test("leaves out points that nobody could tell from the one before, but never the shape", () => {
    const n = 100_000;
    const x = Array.from({ length: n }, (_, i) => i);
    const svg = chartOf(x, x.map((i) => (i === 50_000 ? 2 : i / n))); // prettier-ignore
    expect(svg.length).toBeLessThan(100_000);
    const line = lines(svg)[0]!;
    const top = Math.min(...line.map(([, y]) => y));
    expect(line.filter(([, y]) => y === top).length).toBe(1);
    // Up to the last point, which is where the grid ends.
    expect(line.at(-1)![0]).toBe(Number(/<line x1="[^"]*" x2="([^"]*)"/.exec(svg)![1]));
  });

  test("refuses a series whose x and y differ in length", () => {
    expect(() => chartOf([1, 2], [1])).toThrowError(
      expect.objectContaining({
        code: "invalid-argument",
        message: expect.stringContaining("2 x but 1 y") as string,
      }) as Error,
    );
  });

  test("is tidy whatever it shows", { timeout: 60_000 }, () => {
    const value = fc.oneof(
      { weight: 8, arbitrary: fc.double({ min: -10, max: 10, noNaN: true }) },
      fc.double(),
      fc.constantFrom(NaN, Infinity, -Infinity, 0, -0, 5e-324, 1.7e308, -1.7e308),
    );
    const series = fc.record({
      name: fc.string({ maxLength: 40 }),
      points: fc.array(fc.tuple(value, value), { maxLength: 12 }),
      emphasis: fc.boolean(),
      dashed: fc.boolean(),
    });
    const chart = fc.record({
      title: fc.string({ maxLength: 200 }),
      subtitle: fc.string({ maxLength: 200 }),
      xLabel: fc.string({ maxLength: 80 }),
      yLabel: fc.string({ maxLength: 80 }),
      series: fc.array(series, { maxLength: 16 }),
      marks: fc.array(fc.record({ x: value, y: value, label: fc.string({ maxLength: 60 }) }), { maxLength: 4 }),
      logY: fc.boolean(),
    });
    fc.assert(
      fc.property(chart, (given) => {
        const drawn = given.series.map(({ points, ...one }) => ({ ...one, x: points.map(([x]) => x), y: points.map(([, y]) => y) })); // prettier-ignore
        const svg = lineChart({ ...given, series: drawn });
        expectTidy(svg);
        expect(svg).not.toMatch(/="[^"]*(NaN|Infinity|undefined|null|e[-+]\d)[^"]*"(?=[^<]*>)(?<!label="[^"]*")/);
      }),
      { numRuns: 300 },
    );
  });
});

describe("spread", () => {
  test.each([
    [
      [10, 50, 90],
      [10, 50, 90],
    ],
    [
      [50, 50],
      [41, 59],
    ],
    [
      [90, 10, 50],
      [90, 10, 50],
    ],
    [
      [0, 0, 0],
      [0, 18, 36],
    ],
    [
      [100, 100, 99],
      [82, 100, 64],
    ],
    [[], []],
  ])("moves %j to %j", (wanted, expected) => {
    expect(spread(wanted, 18, 0, 100)).toEqual(expected);
  });

  test("keeps distance, order and bounds, and moves nothing without need", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 12 }), (wanted) => {
        const heights = spread(wanted, 18, 0, 300);
        const sorted = [...heights].sort((a, b) => a - b);
        sorted.forEach((height, i) => {
          expect(height).toBeGreaterThanOrEqual(0);
          expect(height).toBeLessThanOrEqual(300);
          if (i > 0) expect(height - sorted[i - 1]!).toBeGreaterThan(18 - 1e-9);
        });
        wanted.forEach((want, i) => {
          wanted.forEach((other, j) => {
            if (want < other) expect(heights[i]!).toBeLessThan(heights[j]!);
          });
          const free = wanted.every((other, j) => j === i || Math.abs(other - want) >= 300);
          if (free) expect(heights[i]).toBe(want);
        });
      }),
    );
  });
});
