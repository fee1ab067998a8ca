import { describe, expect, test } from "vitest";
import * as fc from "fast-check";
import { murmur128 } from "./murmur.ts";
import { normal, permutation, random, type Seed, substream, xoshiro128 } from "./random.ts";

function first(...parts: readonly [Seed, ...Seed[]]): number {
  return substream(...parts)();
}

describe("murmur128", () => {
  test("gives the check value that SMHasher publishes for MurmurHash3_x86_128", () => {
    const hashes = new Uint8Array(256 * 16);
    for (let n = 0; n < 256; n++) {
      const key = Uint8Array.from({ length: n }, (_, i) => i);
      hashes.set(new Uint8Array(murmur128(key, 256 - n).buffer), n * 16);
    }
    expect(murmur128(hashes, 0)[0]).toBe(0xb3ece62a);
  });
});

describe("xoshiro128**", () => {
  test("gives the numbers of its reference implementation from the state 1, 2, 3, 4", () => {
    const next = xoshiro128(Uint32Array.of(1, 2, 3, 4));
    expect(Array.from({ length: 10 }, next)).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ]);
  });

  test("leaves the state of zeros", () => {
    const next = xoshiro128(new Uint32Array(4));
    expect(Array.from({ length: 20 }, next).some((word) => word !== 0)).toBe(true);
  });
});

describe("substream", () => {
  test("is a pure function of its parts", () => {
    fc.assert(
      fc.property(fc.integer(), fc.string(), fc.nat(), (seed, label, step) => {
        const a = substream(seed, label, step);
        const b = substream(seed, label, step);
        return [1, 2, 3].every(() => a() === b());
      }),
    );
  });

  test("depends on every bit of a number", () => {
    const bits = new DataView(new ArrayBuffer(8));
    const seen = new Set([first(1)]);
    // Bit 62 would make infinity of 1.
    for (let bit = 0; bit < 62; bit++) {
      bits.setFloat64(0, 1);
      bits.setBigUint64(0, bits.getBigUint64(0) ^ (1n << BigInt(bit)));
      seen.add(first(bits.getFloat64(0)));
    }
    expect(seen.size).toBe(63);
  });

  test("tells apart lists that only differ in where one part ends, in kind, in length or in order", () => {
    const starts = [
      first("ab", "c"),
      first("a", "bc"),
      first("abc"),
      first("abc", ""),
      first("", "abc"),
      first("c", "ab"),
      first(1),
      first("1"),
      first(1, 0),
      first(0, 1),
      first(""),
      first("\ud800"),
      first("\udc00"),
    ];
    expect(new Set(starts).size).toBe(starts.length);
  });

  test("takes -0 for 0 and is the same stream as random without labels", () => {
    expect(first(-0)).toBe(first(0));
    expect(random(7)()).toBe(first(7));
  });

  test("stays what it is: these numbers name the rows of every stored study", () => {
    const next = substream(0, "batches", 3);
    expect([next(), next(), next()]).toMatchInlineSnapshot(`
      [
        0.4994445884249089,
        0.030775459687358397,
        0.07664982674066656,
      ]
    `);
  });

  test.each([NaN, Infinity, -Infinity])("refuses the seed %s", (seed) => {
    expect(() => random(seed)).toThrowError(
      expect.objectContaining({ name: "DrmadError", code: "invalid-argument" }) as Error,
    );
  });

  test("first numbers of successive steps are uniform and uncorrelated", () => {
    const n = 20_000;
    const u = Array.from({ length: n }, (_, step) => first(0, "batches", step));
    const bins = new Int32Array(20);
    for (const value of u) bins[Math.floor(value * 20)]!++;
    const chiSquare = bins.reduce((sum, count) => sum + (count - n / 20) ** 2 / (n / 20), 0);
    expect(chiSquare).toBeLessThan(43.8); // 99.9th percentile of 19 degrees of freedom
    const lag = u.slice(1).reduce((sum, value, i) => sum + (value - 0.5) * (u[i]! - 0.5), 0) / n;
    expect(Math.abs(lag * 12)).toBeLessThan(4 / Math.sqrt(n));
  });
});

describe("random", () => {
  test("lies in [0, 1) and uses the low ones of its 53 bits", () => {
    const next = random("bits");
    const values = Array.from({ length: 1000 }, next);
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
    expect(values.every((value) => Number.isInteger(value * 2 ** 53))).toBe(true);
    expect(values.filter((value) => (value * 2 ** 53) % 2 === 1).length).toBeGreaterThan(400);
  });
});

describe("normal", () => {
  test("has the moments of the standard normal distribution", () => {
    const next = random("normal");
    const values = Array.from({ length: 50_000 }, () => normal(next));
    const moment = (power: number): number => values.reduce((sum, value) => sum + value ** power, 0) / values.length;
    expect(Math.abs(moment(1))).toBeLessThan(0.02);
    expect(Math.abs(moment(2) - 1)).toBeLessThan(0.03);
    expect(Math.abs(moment(3))).toBeLessThan(0.08);
    expect(Math.abs(moment(4) - 3)).toBeLessThan(0.2);
  });

  test("is finite at both ends of the stream", () => {
    expect(normal(() => 0)).toBeCloseTo(0);
    expect(Math.abs(normal(() => 1 - 2 ** -53))).toBeLessThan(8.6);
  });
});

describe("permutation", () => {
  test("holds every number once", () => {
    fc.assert(
      fc.property(fc.nat(200), fc.integer(), (n, seed) => {
        const order = permutation(n, random(seed));
        return order.length === n && new Set(order).size === n && order.every((row) => row >= 0 && row < n);
      }),
    );
  });

  test("gives each of the six orders of three equally often", () => {
    const counts = new Map<string, number>();
    const next = random("orders");
    for (let i = 0; i < 6000; i++) {
      const order = permutation(3, next).join("");
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    expect(chiSquare).toBeLessThan(20.5); // 99.9th percentile of 5 degrees of freedom
  });
});
