import { describe, expect, test } from "vitest";
import * as fc from "fast-check";
import { DrmadError } from "../errors.ts";
import type { NdArray } from "./dataset.ts";
import { parseIdx } from "./idx.ts";

/** IDX bytes from their parts, written from the format's description and not from the reader. */
function idx(type: number, sizes: readonly number[], elements: readonly number[]): Uint8Array {
  const rank = sizes.length;
  const size = new Map([[0x0b, 2], [0x0c, 4], [0x0d, 4], [0x0e, 8]]).get(type) ?? 1; // prettier-ignore
  const view = new DataView(new ArrayBuffer(4 + 4 * rank + size * elements.length));
  view.setUint8(2, type);
  view.setUint8(3, rank);
  sizes.forEach((n, axis) => view.setUint32(4 + 4 * axis, n));
  elements.forEach((value, i) => {
    const at = 4 + 4 * rank + size * i;
    if (type === 0x08) view.setUint8(at, value);
    if (type === 0x09) view.setInt8(at, value);
    if (type === 0x0b) view.setInt16(at, value);
    if (type === 0x0c) view.setInt32(at, value);
    if (type === 0x0d) view.setFloat32(at, value);
    if (type === 0x0e) view.setFloat64(at, value);
  });
  return new Uint8Array(view.buffer);
}

/**
 * What came of reading: an array whose parts fit together, or the offset that a typed error names. Anything else is
 * thrown.
 */
function outcome(bytes: Uint8Array): NdArray | number {
  try {
    const array = parseIdx(bytes, "some-file");
    const elements = array.shape.reduce((product, size) => product * size, 1);
    if (array.data.length !== elements) throw new Error(`${array.data.length} elements of shape ${array.shape.join()}`);
    return array;
  } catch (error) {
    if (!(error instanceof DrmadError) || error.code !== "malformed-file") throw error;
    const offset = /^some-file: .*, at byte (\d+)\.$/.exec(error.message)?.[1];
    if (offset === undefined) throw error;
    if (Number(offset) > bytes.length) throw new Error(`offset ${offset} of ${bytes.length} bytes`, { cause: error });
    return Number(offset);
  }
}

const types = [
  { type: 0x08, name: "uint8", array: Uint8Array, value: fc.integer({ min: 0, max: 255 }) },
  { type: 0x09, name: "int8", array: Int32Array, value: fc.integer({ min: -128, max: 127 }) },
  { type: 0x0b, name: "int16", array: Int32Array, value: fc.integer({ min: -32768, max: 32767 }) },
  { type: 0x0c, name: "int32", array: Int32Array, value: fc.integer() },
  { type: 0x0d, name: "float32", array: Float32Array, value: fc.float() },
  { type: 0x0e, name: "float64", array: Float64Array, value: fc.double() },
];

describe("parseIdx", () => {
  test.each(types)("gives back any array of $name", ({ type, array, value }) => {
    const sizes = fc.array(fc.nat(4), { maxLength: 8 }).filter((shape) => shape.reduce((a, b) => a * b, 1) <= 256);
    const cases = sizes.chain((shape) => {
      const elements = shape.reduce((a, b) => a * b, 1);
      return fc.tuple(fc.constant(shape), fc.array(value, { minLength: elements, maxLength: elements }));
    });
    fc.assert(
      fc.property(cases, fc.nat(9), ([shape, elements], offset) => {
        // The bytes may lie anywhere in a larger buffer.
        const bytes = idx(type, shape, elements);
        const shifted = new Uint8Array(bytes.length + offset).subarray(offset);
        shifted.set(bytes);
        const read = parseIdx(shifted, "some-file");
        expect(read.shape).toEqual(shape);
        expect(read.data).toBeInstanceOf(array);
        expect(read.data).toEqual(array.from(elements));
      }),
      { numRuns: 200 },
    );
  });

  test("gives arrays of their own: changing the bytes afterwards changes nothing", () => {
    const bytes = idx(0x08, [2], [5, 6]);
    const read = parseIdx(bytes, "some-file");
    bytes.fill(0);
    expect(read.data).toEqual(Uint8Array.of(5, 6));
  });

  test.each([
    ["nothing", new Uint8Array(0), 0],
    ["half a header", Uint8Array.of(0, 0, 8), 3],
    ["another magic", Uint8Array.of(0x1f, 0x8b, 8, 1, 0, 0, 0, 0), 0],
    ["another second byte", Uint8Array.of(0, 1, 8, 1, 0, 0, 0, 0), 1],
    ["an unknown element type", idx(0x0a, [1], [1]), 2],
    ["nine dimensions", idx(0x08, [1, 1, 1, 1, 1, 1, 1, 1, 1], [1]), 3],
    ["half a size", idx(0x08, [3], []).subarray(0, 6), 6],
    ["an element too few", idx(0x08, [3], [1, 2]), 10],
    ["an element too many", idx(0x08, [3], [1, 2, 3, 4]), 11],
    ["half an element", idx(0x0c, [2], [1, 2]).subarray(0, 14), 14],
    ["a size of 2^32 - 1", idx(0x08, [0xffffffff], [1]), 4],
    ["sizes whose product is 2^32, which 32 bits take for 0", idx(0x08, [65536, 65536], []), 8],
    ["sizes whose product is 2^64, which 64 bits take for 0", idx(0x08, [2 ** 31, 2 ** 31, 4], []), 8],
    ["a huge size behind an empty one", idx(0x08, [0, 0xffffffff], []), 8],
    ["2^31 elements in no bytes", idx(0x08, [2 ** 31], []), 8],
  ])("refuses %s and says where", (_, bytes, offset) => {
    expect(outcome(bytes)).toBe(offset);
  });

  test("answers more than 2,000 damaged files with a typed error or a sound array", () => {
    let tried = 0;
    let refused = 0;
    const tryOne = (bytes: Uint8Array): void => {
      tried++;
      if (typeof outcome(bytes) === "number") refused++;
    };
    const files = types.map(({ type }) =>
      idx(
        type,
        [2, 3, 2],
        Array.from({ length: 12 }, (_, i) => i),
      ),
    );
    const lies = [0, 1, 5, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 65536];
    for (const file of files) {
      for (let end = 0; end < file.length; end++) {
        tryOne(file.subarray(0, end));
        expect(outcome(file.subarray(0, end))).toBe(end);
      }
      for (let bit = 0; bit < 8 * file.length; bit++) {
        const flipped = file.slice();
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        tryOne(flipped);
      }
      for (const lie of lies) {
        for (let axis = 0; axis < 3; axis++) {
          const lied = file.slice();
          new DataView(lied.buffer).setUint32(4 + 4 * axis, lie);
          tryOne(lied);
        }
      }
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.constantFrom(...files), fc.nat(20), (noise, file, at) => {
        tryOne(noise);
        const spoilt = file.slice();
        spoilt.set(noise.subarray(0, spoilt.length - at), at);
        tryOne(spoilt);
      }),
      { numRuns: 1000 },
    );
    expect(tried).toBeGreaterThan(4000);
    expect(refused).toBeGreaterThan(1500);
    expect(refused).toBeLessThan(tried);
  });
});
