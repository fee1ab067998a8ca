import * as fc from "fast-check";
import { expect, test } from "vitest";
import { epochSampler } from "./batches.ts";

const sizes = fc.record({
  seed: fc.oneof(fc.integer(), fc.string()),
  rows: fc.integer({ min: 1, max: 40 }),
  share: fc.double({ min: 0, max: 1, noNaN: true }),
}).map(({ seed, rows, share }) => ({ seed, rows, batch: 1 + Math.floor(share * (rows - 1)) })); // prettier-ignore

test("every epoch visits every row once, with no gap between batches or epochs", () => {
  fc.assert(
    fc.property(sizes, ({ seed, rows, batch }) => {
      const sampler = epochSampler(seed, rows, batch);
      const visits = Array.from({ length: Math.ceil((3 * rows) / batch) }, (_, t) => [...sampler(t)]).flat();
      for (let epoch = 0; epoch < 3; epoch++) {
        const visited = visits.slice(epoch * rows, (epoch + 1) * rows);
        expect(visited.toSorted((a, b) => a - b)).toEqual(Array.from({ length: rows }, (_, i) => i));
      }
    }),
  );
});

test("is a pure function of seed and step, whatever was asked before", () => {
  fc.assert(
    fc.property(sizes, fc.array(fc.nat(500), { maxLength: 30 }), ({ seed, rows, batch }, asked) => {
      const sampler = epochSampler(seed, rows, batch);
      for (const t of [...asked, ...asked]) {
        expect(sampler(t)).toEqual(epochSampler(seed, rows, batch)(t));
        expect(sampler(t)).toHaveLength(batch);
      }
    }),
  );
});

test("what is given out may be written to", () => {
  const sampler = epochSampler(3, 10, 4);
  const first = sampler(0).slice();
  sampler(0).fill(-1);
  expect(sampler(0)).toEqual(first);
});

test("epochs differ, and so do seeds", () => {
  const epochs = Array.from({ length: 6 }, (_, epoch) => epochSampler(1, 50, 50)(epoch).join());
  expect(new Set(epochs).size).toBe(6);
  expect(epochSampler(2, 50, 50)(0).join()).not.toBe(epochs[0]);
  expect(epochSampler("1", 50, 50)(0).join()).not.toBe(epochs[0]);
});

test("keeps its numbers from version to version", () => {
  expect([0, 1, 2].map((t) => [...epochSampler(0, 7, 3)(t)])).toEqual([
    [5, 2, 0],
    [3, 4, 6],
    [1, 6, 3],
  ]);
});
