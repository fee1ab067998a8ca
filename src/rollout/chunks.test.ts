import * as fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Range } from "../engine/engine.ts";
import { inChunks, type Pace } from "./chunks.ts";

afterEach(() => vi.restoreAllMocks());
/** Makes every chunk seem to take as long. */
const chunksTake = (milliseconds: number): void => {
  let clock = 0;
  vi.spyOn(performance, "now").mockImplementation(() => (clock += milliseconds));
};
const unknown = (): Pace => ({ stepsPerSecond: undefined });

async function cut(
  range: Range,
  direction: "forward" | "backward",
  pace: Pace = unknown(),
  most = Infinity,
): Promise<Range[]> {
  const chunks: Range[] = [];
  await inChunks(range, direction, pace, most, (chunk) => {
    chunks.push(chunk);
    return Promise.resolve();
  });
  return chunks;
}
const lengths = (chunks: readonly Range[]): number[] => chunks.map(({ from, to }) => to - from);

describe("a range in chunks", () => {
  test("is covered once, in order, whatever the range, pace and limit", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(50),
        fc.nat(300),
        fc.constantFrom("forward", "backward"),
        fc.constantFrom(0, 0.1, 3, 40, 1000, 1e9),
        fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constant(Infinity)),
        async (from, length, direction, milliseconds, most) => {
          chunksTake(milliseconds);
          const chunks = await cut({ from, to: from + length }, direction, unknown(), most);
          const steps = (direction === "forward" ? chunks : chunks.toReversed()).flatMap(({ from: a, to: b }) =>
            Array.from({ length: b - a }, (_, i) => a + i),
          );
          expect(steps).toEqual(Array.from({ length }, (_, i) => from + i));
          expect(chunks.every((chunk) => chunk.to > chunk.from && chunk.to - chunk.from <= most)).toBe(true);
          vi.restoreAllMocks();
        },
      ),
    );
  });

  test("starts with a short one, then lasts a fifth of a second, in powers of two", async () => {
    chunksTake(100);
    // 16 steps in 0.1 s: 32 fit into 0.2 s; those also seem to take 0.1 s, so 64 fit, and so on.
    expect(lengths(await cut({ from: 0, to: 500 }, "forward"))).toEqual([16, 32, 64, 128, 256, 4]);
    chunksTake(300);
    expect(lengths(await cut({ from: 0, to: 40 }, "forward"))).toEqual([16, 8, 4, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
  });

  test("remembers the pace from one range to the next", async () => {
    chunksTake(100);
    const pace = unknown();
    await cut({ from: 0, to: 16 }, "forward", pace);
    expect(pace.stepsPerSecond).toBeCloseTo(160);
    expect(lengths(await cut({ from: 0, to: 40 }, "backward", pace))[0]).toBe(32);
  });

  test("never stops at a step that takes for ever, nor at one that takes no time", async () => {
    chunksTake(1e9);
    expect(lengths(await cut({ from: 0, to: 18 }, "forward"))).toEqual([16, 1, 1]);
    chunksTake(0);
    expect(lengths(await cut({ from: 0, to: 1000 }, "forward"))).toEqual([16, 984]);
  });

  test("a pace without limit makes it one chunk", async () => {
    expect(await cut({ from: 3, to: 1e6 }, "backward", { stepsPerSecond: Infinity })).toEqual([{ from: 3, to: 1e6 }]);
  });

  test("an error ends it", async () => {
    const seen: Range[] = [];
    const run = inChunks({ from: 0, to: 100 }, "forward", unknown(), 10, (chunk) => {
      seen.push(chunk);
      return chunk.from === 20 ? Promise.reject(new Error("enough")) : Promise.resolve();
    });
    await expect(run).rejects.toThrow("enough");
    expect(seen).toHaveLength(3);
  });
});
