import { DrmadError } from "../errors.ts";
import type { NdArray } from "./dataset.ts";

const MAX_DIMENSIONS = 8;
const MAX_ELEMENTS = 2 ** 31;
/** Of the array in memory: 8- and 16-bit signed elements grow to 32 bits. */
const MAX_BYTES = 2 ** 31;

interface ElementType {
  /** Bytes of one element in the file. */
  readonly size: number;
  readonly create: (length: number) => NdArray["data"];
  readonly read: (view: DataView, at: number) => number;
}

/** By the third byte of the file. Everything in an IDX file is big-endian. */
const ELEMENT_TYPES: ReadonlyMap<number, ElementType> = new Map<number, ElementType>([
  [0x08, { size: 1, create: (n) => new Uint8Array(n), read: (view, at) => view.getUint8(at) }],
  [0x09, { size: 1, create: (n) => new Int32Array(n), read: (view, at) => view.getInt8(at) }],
  [0x0b, { size: 2, create: (n) => new Int32Array(n), read: (view, at) => view.getInt16(at) }],
  [0x0c, { size: 4, create: (n) => new Int32Array(n), read: (view, at) => view.getInt32(at) }],
  [0x0d, { size: 4, create: (n) => new Float32Array(n), read: (view, at) => view.getFloat32(at) }],
  [0x0e, { size: 8, create: (n) => new Float64Array(n), read: (view, at) => view.getFloat64(at) }],
]);

/**
 * The array in an IDX file, the format of MNIST (yann.lecun.com/exdb/mnist): two zero bytes, the element type, the
 * number of dimensions (at most 8), each size as 4 bytes, then the elements, row-major and big-endian. uint8, int32,
 * float32 and float64 keep their type; int8 and int16 become Int32Array. `name` stands for the file in errors.
 *
 * Errors: `malformed-file`, with the offset of the first wrong byte, when the bytes are anything else, too few or too
 * many.
 */
export function parseIdx(bytes: Uint8Array, name: string): NdArray {
  const fail = (at: number, problem: string): never => {
    throw new DrmadError("malformed-file", `${name}: ${problem}, at byte ${at}.`, {
      hint: "The file is damaged or is not an IDX file; fetch it again.",
    });
  };
  if (bytes.length < 4) return fail(bytes.length, `the file ends inside the 4 bytes of the header`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint16(0) !== 0) return fail(bytes[0] === 0 ? 1 : 0, "an IDX file starts with two zero bytes");
  const type = ELEMENT_TYPES.get(view.getUint8(2));
  if (type === undefined) return fail(2, `0x${view.getUint8(2).toString(16)} is no IDX element type`);
  const rank = view.getUint8(3);
  if (rank > MAX_DIMENSIONS) return fail(3, `${rank} dimensions, more than ${MAX_DIMENSIONS}`);

  const start = 4 + 4 * rank;
  if (bytes.length < start) return fail(bytes.length, `the file ends inside the sizes of its ${rank} dimensions`);
  const shape: number[] = [];
  let elements = 1;
  for (let axis = 0; axis < rank; axis++) {
    const size = view.getUint32(4 + 4 * axis);
    elements *= size;
    // Both factors are below 2³² here, so the product is exact enough to be compared: nothing can wrap round.
    if (size > MAX_ELEMENTS || elements > MAX_ELEMENTS) {
      return fail(4 + 4 * axis, `${[...shape, size].join(" × ")} elements, more than 2^31`);
    }
    shape.push(size);
  }
  const end = start + elements * type.size;
  if (bytes.length !== end) {
    const found = `${bytes.length - start} bytes of elements where ${shape.join(" × ")} need ${end - start}`;
    return fail(Math.min(bytes.length, end), found);
  }

  const perElement = type.create(0).BYTES_PER_ELEMENT;
  if (elements * perElement > MAX_BYTES) return fail(4, `${elements * perElement} bytes in memory, more than 2 GiB`);
  const data = type.create(elements);
  if (data instanceof Uint8Array) data.set(bytes.subarray(start));
  else for (let i = 0; i < elements; i++) data[i] = type.read(view, start + i * type.size);
  return { data, shape };
}
