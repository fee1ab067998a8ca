import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { attribute, pictureSize, type TextBox, textBoxes } from "../../test/svg-text.ts";
import { type ScatterChart, scatterChart, type ScatterPoint } from "./scatter-chart.ts";

const chartOf = (points: readonly ScatterPoint[], more: Partial<ScatterChart> = {}): string =>
  scatterChart({
    title: "Nearness by cost",
    xLabel: "cost",
    yLabel: "distance",
    groups: ["exact", "approximate", "control"],
    points,
    floor: { y: 1e-12, label: "rounding" },
    ...more,
  });

const point = (name: string, x: number, y: number, group = 0): ScatterPoint => ({ name, x, y, group });

/** Centres of the discs, the key's included, which comes last. */
const discs = (svg: string): { readonly x: number; readonly y: number }[] =>
  [...svg.matchAll(/<circle ([^>]*)\/>/g)].map(([, attributes]) => ({
    x: Number(attribute(attributes!, "cx")),
    y: Number(attribute(attributes!, "cy")),
  }));

const overlap = (a: TextBox, b: TextBox): boolean =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

function expectTidy(svg: string, names: readonly string[]): void {
  const { width, height } = pictureSize(svg);
  const boxes = textBoxes(svg);
  for (const box of boxes) {
    expect(box.left, box.words).toBeGreaterThanOrEqual(3);
    expect(box.right, box.words).toBeLessThanOrEqual(width - 3);
    expect(box.bottom, box.words).toBeLessThanOrEqual(height - 3);
  }
  const named = boxes.filter(({ halo }) => halo);
  expect(named.map(({ words }) => words).sort()).toEqual([...names].sort());
  named.forEach((box, i) => {
    for (const other of named.slice(i + 1)) {
      if (overlap(box, other)) throw new Error(`${JSON.stringify(box.words)} touches ${JSON.stringify(other.words)}`);
    }
  });
}

describe("scatterChart", () => {
  test("places points by the ticks of both axes, and by their order", () => {
    const svg = chartOf([point("a", 1, 1), point("b", 10, 1e-2), point("c", 100, 1e-4)]);
    const [a, b, c] = discs(svg);
    expect(b!.x - a!.x).toBeCloseTo(c!.x - b!.x, 0);
    expect(b!.y - a!.y).toBeCloseTo(c!.y - b!.y, 0);
    expect(b!.y).toBeGreaterThan(a!.y);
    const tick = textBoxes(svg).find(({ words, halo }) => words === "10" && !halo)!;
    expect((tick.left + tick.right) / 2).toBeCloseTo(b!.x, 0);
  });

  test("draws what is below the floor on it, where its words say so", () => {
    const svg = chartOf([
      point("zero", 2, 0),
      point("tiny", 3, 1e-20),
      point("at", 4, 1e-12),
      point("above", 5, 1e-11),
    ]);
    const [zero, tiny, at, above] = discs(svg);
    expect(new Set([zero!.y, tiny!.y, at!.y]).size).toBe(1);
    expect(above!.y).toBeLessThan(at!.y);
    const floor = textBoxes(svg).find(({ words }) => words === "rounding")!;
    expect(zero!.y).toBeGreaterThan(floor.top);
    expect(zero!.y).toBeLessThan(floor.bottom);
    expect(textBoxes(svg).some(({ words }) => words === "10⁻¹²")).toBe(false);
  });

  test("leaves out what cannot be drawn, and says where that is all", () => {
    const odd = [point("a", 0, 1), point("b", NaN, 1), point("c", 1, Infinity), point("d", 1, NaN), point("e", -1, 1)];
    const svg = chartOf(odd);
    expect(discs(svg).length).toBe(1);
    expect(svg).toContain("no finite values");
    expect(chartOf([...odd, point("fine", 2, 0.1)])).not.toContain("no finite values");
  });

  test("names stand apart where fourteen points crowd", () => {
    const crowd = Array.from({ length: 14 }, (_, i) =>
      point(`checkpointed:${100 + i}`, 3 + 0.1 * (i % 5), i < 6 ? 0 : 1e-3 * (1 + i / 20), i % 3),
    );
    expectTidy(
      chartOf(crowd),
      crowd.map(({ name }) => name),
    );
  });

  test("whatever the figures, names stand inside and apart", () => {
    const anyPoint = fc.record({
      x: fc.double({ min: 0.5, max: 1000, noNaN: true }),
      y: fc.oneof(fc.constant(0), fc.double({ min: 1e-14, max: 2, noNaN: true })),
      group: fc.integer({ min: 0, max: 2 }),
    });
    fc.assert(
      fc.property(fc.array(anyPoint, { minLength: 1, maxLength: 10 }), (points) => {
        const named = points.map((p, i) => ({ ...p, name: `drmad:${i}:int8` }));
        expectTidy(
          chartOf(named),
          named.map(({ name }) => name),
        );
      }),
      { numRuns: 100 },
    );
  });

  test("a name far from its point has a thread, and stands nearest to its own point", () => {
    const pair = chartOf([point("left", 3.0, 1e-3), point("right", 3.15, 1e-3)]);
    const [left, right] = discs(pair);
    const centre = (name: string): number => {
      const box = textBoxes(pair).find(({ words }) => words === name)!;
      return (box.left + box.right) / 2;
    };
    expect(Math.abs(centre("left") - left!.x)).toBeLessThan(Math.abs(centre("left") - right!.x));
    expect(Math.abs(centre("right") - right!.x)).toBeLessThan(Math.abs(centre("right") - left!.x));
    const crowd = chartOf(Array.from({ length: 9 }, (_, i) => point(`name ${i}`, 3, 0.5)));
    expect(crowd).toMatch(/<line [^>]*stroke-width="0.8"/);
  });

  test("the key shows every group in its shape", () => {
    const svg = chartOf([point("a", 2, 0.1, 2)]);
    for (const group of ["exact", "approximate", "control"]) {
      expect(textBoxes(svg).some(({ words }) => words === group)).toBe(true);
    }
    expect(discs(svg).length).toBe(1);
    expect([...svg.matchAll(/<path /g)].length).toBe(3);
  });
});
