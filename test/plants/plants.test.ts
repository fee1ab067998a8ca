import { describe, expect, test } from "vitest";
import type { Leg, LegName } from "./legs.ts";
import { METHOD_PLANTS } from "./method-plants.ts";
import { withPlant } from "./sow.ts";
import { SWEEP_PLANTS } from "./sweep-plants.ts";
import { rowsOfDocument } from "./table.ts";

/** The test of the tests: bugs are planted in the source one by one, and a leg outside it must go red each time. */
const freshLegs = async (): Promise<Readonly<Record<LegName, Leg>>> => (await import("./legs.ts")).LEGS;

const PLANTS = [...SWEEP_PLANTS, ...METHOD_PLANTS];
const DOCUMENT = rowsOfDocument();

test("without a bug every leg is green, and every leg is used", { timeout: 120_000 }, async () => {
  await withPlant(undefined, async () => {
    const legs = await freshLegs();
    expect(Object.keys(legs).sort()).toEqual([...new Set(PLANTS.flatMap((plant) => plant.legs))].sort());
    for (const [name, { error, tolerance }] of Object.entries(legs))
      expect(await error(), name).toBeLessThanOrEqual(tolerance);
  });
});

test("docs/correctness.md has exactly these bugs, where they are planted, and the legs that catch them", () => {
  expect(DOCUMENT.map(({ name, file, leg }) => ({ name, file, leg }))).toEqual(
    PLANTS.flatMap(({ name, file, legs }) => legs.map((leg) => ({ name, file, leg }))),
  );
  expect(new Set(PLANTS.map(({ name }) => name)).size).toBe(PLANTS.length);
  expect(PLANTS.length).toBeGreaterThanOrEqual(24);
});

describe("a planted bug is caught, and is as far off as the document says", () => {
  test.each(PLANTS.map((plant) => [plant.name, plant] as const))("%s", async (_, plant) => {
    await withPlant(plant, async () => {
      const legs = await freshLegs();
      for (const name of plant.legs) {
        const { error, tolerance } = legs[name];
        const off = await error();
        expect(off, name).toBeGreaterThan(tolerance);
        const row = DOCUMENT.find((each) => each.name === plant.name && each.leg === name)!;
        expect(`${name}, tolerance ${Number(row.tolerance)}`).toBe(`${name}, tolerance ${tolerance}`);
        // Two digits stand in the document, and rounding in the library may move the second.
        expect(Math.abs(off / Number(row.off) - 1), `${off}, and the document has ${row.off}`).toBeLessThan(0.1);
      }
    });
  });
});
