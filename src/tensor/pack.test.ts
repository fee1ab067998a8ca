import { afterAll, describe, expect, test } from "vitest";
import { grad } from "../autodiff/transform.ts";
import type { Engine, HeldArray, Precision } from "../engine/engine.ts";
import { nativeEngine } from "../engine/onnx/session.ts";
import { referenceEngine } from "../engine/reference/engine.ts";
import { toGraph } from "./graph.ts";
import * as ops from "./ops.ts";
import { input } from "./layout.ts";
import { pack, unpack } from "./pack.ts";
import type { Packed } from "./tensor.ts";

const ENGINES: Readonly<Record<Precision | "reference", Engine>> = {
  float64: nativeEngine({ precision: "float64", threads: 1 }),
  float32: nativeEngine({ precision: "float32", threads: 1 }),
  reference: referenceEngine(),
};
afterAll(() => Promise.all(Object.values(ENGINES).map((engine) => engine.close())));

type Found = Readonly<Record<"values" | "back", HeldArray>> & { readonly scale?: HeldArray };

/** Packs numbers and takes them out again. */
async function packed(on: keyof typeof ENGINES, as: Packed, numbers: readonly number[]): Promise<Found> {
  const engine = ENGINES[on];
  const x = input("x", [numbers.length]);
  const { values, scale } = pack(x, as);
  const graph = toGraph({ values, back: unpack({ values, scale }), ...(scale && { scale }) });
  const executable = await engine.compile({ name: "pack", graph });
  const given = await engine.load({ data: Float64Array.from(numbers), shape: [numbers.length] });
  const results = await executable.run({ x: given });
  const read = Object.entries(results).map(async ([name, buffer]) => [name, await engine.read(buffer)] as const);
  return Object.fromEntries(await Promise.all(read)) as unknown as Found;
}
const back = async (on: keyof typeof ENGINES, as: Packed, numbers: readonly number[]): Promise<number[]> =>
  Array.from((await packed(on, as, numbers)).back.data);

/** Float32 numbers in [−size, size), so that every engine is given the same. */
const numbers = (count: number, size: number): number[] => {
  let state = 99;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return Math.fround((size * state) / 2 ** 31);
  });
};
const EDGES = [0, -0, 65504, -65504, 65519, 65520, 70000, -1e6, 2 ** -14, 2 ** -24, 2 ** -25, -(2 ** -25), 1.5 * 2 ** -25, 1e-8, -1e-8, 1023.5 * 2 ** -24, 1 + 2 ** -11, 1 + 3 * 2 ** -11]; // prettier-ignore

describe.each(["float64", "float32", "reference"] as const)("%s", (on) => {
  test("float16: 11 bits, ties to even, subnormal steps of 2⁻²⁴, infinite from 65,520", async () => {
    const given = [1, 1 + 2 ** -11, 1 + 3 * 2 ** -11, 2 ** -24, 2 ** -25, 1.5 * 2 ** -25, 65519, 65520, -65520];
    const expected = [1, 1, 1 + 2 ** -9, 2 ** -24, 0, 2 ** -24, 65504, Infinity, -Infinity];
    expect(await back(on, "float16", given)).toEqual(expected);
  });

  test("float16: within 2⁻¹¹ of what was packed, and packed again the same bits", async () => {
    const given = numbers(500, 3);
    const { values, back: once } = await packed(on, "float16", given);
    expect(values.data).toBeInstanceOf(Uint16Array);
    once.data.forEach((v, i) => expect(Math.abs(v - given[i]!)).toBeLessThanOrEqual(2 ** -11 * Math.abs(given[i]!)));
    expect((await packed(on, "float16", [...once.data])).values.data).toEqual(values.data);
  });

  test.each([3, -3, 1e-6, -1e12])("int8: within max|x| / 254, whatever the size: %d", async (size) => {
    const given = [...numbers(500, size), size];
    const { values, scale, back: once } = await packed(on, "int8", given);
    const most = given.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
    expect(values.data).toBeInstanceOf(Int8Array);
    expect(scale!.shape).toEqual([]);
    expect(scale!.data[0]! / (most / 127)).toBeCloseTo(1, 6);
    once.data.forEach((v, i) => expect(Math.abs(v - given[i]!)).toBeLessThanOrEqual((most / 254) * (1 + 1e-5)));
    expect(values.data.at(-1)).toBe(127 * Math.sign(size));
    expect(Math.min(...values.data)).toBeGreaterThanOrEqual(-127);
    expect((await packed(on, "int8", [...once.data])).values.data).toEqual(values.data);
  });

  test("int8: ties to even, and −127 … 127", async () => {
    const given = [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 126.5, -126.5, 127, -127, 0.49];
    expect([...(await packed(on, "int8", given)).values.data]).toEqual([0, 2, 2, 0, -2, -2, 126, -126, 127, -127, 0]);
  });

  test.each(["int8", "float16"] as const)("%s: a tensor of zeros comes back as zeros", async (as) => {
    const { scale, back: once } = await packed(on, as, [0, 0, 0]);
    expect([...once.data].map((v) => v + 0)).toEqual([0, 0, 0]);
    if (as === "int8") expect(scale!.data[0]! / 1e-30).toBeCloseTo(1, 6);
  });

  test("what is not finite stays so as float16; as int8 an infinity does, and takes all others with it", async () => {
    expect(await back(on, "float16", [1, NaN, Infinity, -Infinity, 2])).toEqual([1, NaN, Infinity, -Infinity, 2]);
    for (const bad of [Infinity, -Infinity]) {
      const [, found] = await back(on, "int8", [1, bad, 2]);
      expect(Number.isFinite(found)).toBe(false);
    }
  });
});

describe.each(["float64", "float32"] as const)("native %s gives the bits of the reference", (on) => {
  test.each([
    ["at the edges", EDGES],
    ["of many numbers near 1", numbers(20_000, 2)],
    ["of small ones, subnormal as halves", numbers(20_000, 1e-5)],
    ["of large ones", numbers(20_000, 66_000)],
  ])("float16, %s", async (_, given) => {
    const single = given.map(Math.fround);
    expect(await packed(on, "float16", single)).toEqual({
      values: (await packed("reference", "float16", single)).values,
      back: expect.objectContaining({ data: expect.anything() as unknown }) as unknown,
    });
    expect(await back(on, "float16", single)).toEqual(await back("reference", "float16", single));
  });

  test("int8, whose scale is a power of two", async () => {
    const given = [127 / 64, ...numbers(20_000, 1.9)];
    const [ours, theirs] = [await packed(on, "int8", given), await packed("reference", "int8", given)];
    expect(ours.values).toEqual(theirs.values);
    expect([...ours.back.data]).toEqual([...theirs.back.data]);
  });

  test("int8, to the unit next to it where x / scale lies in the middle but for rounding", async () => {
    const given = numbers(20_000, 1.7);
    const [ours, theirs] = [await packed(on, "int8", given), await packed("reference", "int8", given)];
    const scale = theirs.scale!.data[0]!;
    ours.values.data.forEach((v, i) => {
      if (v === theirs.values.data[i]!) return;
      const beside = Math.abs(given[i]! / scale);
      expect(Math.abs(v - theirs.values.data[i]!)).toBe(1);
      expect(Math.abs((beside % 1) - 0.5)).toBeLessThan(127 * 2 ** -22);
    });
  });
});

test.each(["int8", "float16"] as const)("%s: no derivative passes through", (as) => {
  const x = input("x", [3]);
  expect(grad(ops.sum(unpack(pack(x, as))), [x])).toEqual([null]);
});
