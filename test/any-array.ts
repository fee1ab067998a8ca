import * as fc from "fast-check";
import type { NdArray } from "../src/data/dataset.ts";

const arrays = [Float32Array, Float64Array, Uint8Array, Int32Array];

/** Arrays of any bits at all, NaN payloads included, and of any shape, empty ones and scalars included. */
export const anyArray: fc.Arbitrary<NdArray> = fc
  .tuple(fc.constantFrom(...arrays), fc.array(fc.nat(4), { maxLength: 4 }), fc.nat(3))
  .chain(([Array, shape, offset]) => {
    const elements = shape.reduce((product, size) => product * size, 1);
    const width = Array.BYTES_PER_ELEMENT;
    return fc.uint8Array({ minLength: elements * width, maxLength: elements * width }).map((bits): NdArray => {
      // Somewhere inside a larger buffer, as views often are.
      const buffer = new Uint8Array((offset + elements) * width);
      buffer.set(bits, offset * width);
      return { data: new Array(buffer.buffer, offset * width, elements), shape };
    });
  });

/** An array's type, shape and bytes as text: equal only for equal bits. */
export function bitsOf({ data, shape }: NdArray): string {
  const { buffer, byteOffset, byteLength } = data;
  return `${data.constructor.name} ${shape.join()} ${new Uint8Array(buffer, byteOffset, byteLength).join()}`;
}
