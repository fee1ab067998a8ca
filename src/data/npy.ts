import { DrmadError, requireOptions } from "../errors.ts";
import type { NdArray } from "./dataset.ts";
import { elementsOf, type FailAt, failsAt, MAX_BYTES, type ParseOptions, quoted, shapeProblem } from "./limits.ts";
import { parseNpyHeader } from "./npy-header.ts";

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]; // \x93NUMPY
const MAX_HEADER = 2 ** 20;
const HINT = "The file is damaged or is not an npy file; write it again with numpy.save.";

type ArrayType = new (buffer: ArrayBuffer) => NdArray["data"];

interface Element {
  /** Bytes of one element in the file. */
  readonly size: number;
  readonly array: ArrayType;
  /** The 32 bits that hold an element read at an offset; undefined where the bytes of the file are kept as they are. */
  readonly read?: (view: DataView, at: number, little: boolean) => number;
}

/** By NumPy's letter and size. */
const ELEMENTS: ReadonlyMap<string, Element> = new Map<string, Element>([
  ["f2", { size: 2, array: Float32Array, read: (view, at, little) => widenHalf(view.getUint16(at, little)) }],
  ["f4", { size: 4, array: Float32Array }],
  ["f8", { size: 8, array: Float64Array }],
  ["u1", { size: 1, array: Uint8Array }],
  ["b1", { size: 1, array: Uint8Array }],
  ["i1", { size: 1, array: Int32Array, read: (view, at) => view.getInt8(at) }],
  ["i2", { size: 2, array: Int32Array, read: (view, at, little) => view.getInt16(at, little) }],
  ["u2", { size: 2, array: Int32Array, read: (view, at, little) => view.getUint16(at, little) }],
  ["i4", { size: 4, array: Int32Array }],
  ["u4", { size: 4, array: Int32Array, read: (view, at, little) => view.getUint32(at, little) }],
  [
    "i8",
    {
      size: 8,
      array: Int32Array,
      // Rounded above 2⁵³, which does not matter: what passes 32 bits is refused.
      read: (view, at, little) =>
        view.getInt32(at + (little ? 4 : 0), little) * 2 ** 32 + view.getUint32(at + (little ? 0 : 4), little),
    },
  ],
]);

/** The bits of a float32 equal to a float16, the payload of a NaN included. */
function widenHalf(bits: number): number {
  const sign = (bits & 0x8000) << 16;
  const fraction = bits & 0x3ff;
  const exponent = (bits >> 10) & 31;
  if (exponent === 31) return sign | 0x7f800000 | (fraction << 13);
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // Subnormal in 16 bits, normal in 32: move its highest bit to where it is implied.
  const shift = Math.clz32(fraction) - 21;
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}

/**
 * The bytes of an npy file (numpy.org/neps/nep-0001-npy-format), version 1.0: what numpy.load reads as float32, float64, uint8
 * or int32, bit for bit, NaN payloads and −0 included.
 *
 * Errors: `invalid-argument` when the shape does not fit the data.
 */
export function encodeNpy({ data, shape }: NdArray): Uint8Array {
  const fit = shape.every((size) => Number.isSafeInteger(size) && size >= 0) && elementsOf(shape) === data.length;
  if (!fit || shapeProblem(shape) !== undefined) {
    throw new DrmadError(
      "invalid-argument",
      `An array of ${data.length} elements has the shape [${shape.join(", ")}].`,
      {
        hint: "Give a row-major array with the sizes of its axes, at most 8.",
      },
    );
  }
  const descr =
    data instanceof Float32Array
      ? "<f4"
      : data instanceof Float64Array
        ? "<f8"
        : data instanceof Uint8Array
          ? "|u1"
          : "<i4";
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${tuple}), }`;
  // The elements start at a multiple of 64, as the format asks, and a line end comes before them.
  const start = Math.ceil((10 + header.length + 1) / 64) * 64;
  const bytes = new Uint8Array(start + data.byteLength);
  bytes.set([...MAGIC, 1, 0]);
  new DataView(bytes.buffer).setUint16(8, start - 10, true);
  bytes.set(new TextEncoder().encode(`${header.padEnd(start - 11)}\n`), 10);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), start);
  return bytes;
}

/**
 * The array in an npy file of version 1, 2 or 3, in C or Fortran order, little- or big-endian, as a row-major array of its own.
 * float32, float64, uint8 and int32 keep their type and every bit; float16 becomes float32, which holds it exactly; int8, int16,
 * uint16, uint32 and int64 become int32; booleans become bytes 0 and 1.
 *
 * Errors: `malformed-file`, with the offset of the first wrong byte, when the bytes are anything else, too few or too many;
 * `unsupported` for arrays of Python objects (reading them would run code), texts, complex numbers, dates and fields, and for an
 * integer that 32 bits do not hold.
 */
export function parseNpy(bytes: Uint8Array, options: ParseOptions = {}): NdArray {
  requireOptions("parseNpy", options, { name: "text?", maxBytes: "number?" });
  const { name = "npy", maxBytes = MAX_BYTES } = options;
  const fail = failsAt(name, HINT);
  const wrong = MAGIC.findIndex((byte, i) => bytes[i] !== byte);
  if (wrong >= 0) return fail(Math.min(wrong, bytes.length), "an npy file starts with \\x93NUMPY");
  if (bytes.length < 10) return fail(bytes.length, "the file ends inside the version and the length of its header");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [major, minor] = [bytes[6]!, bytes[7]!];
  if (major < 1 || major > 3) return fail(6, `version ${major}.${minor} of the format, none of 1.0, 2.0 and 3.0`);
  if (minor !== 0) return fail(7, `version ${major}.${minor} of the format, none of 1.0, 2.0 and 3.0`);
  const first = major === 1 ? 10 : 12;
  if (bytes.length < first) return fail(bytes.length, "the file ends inside the length of its header");
  const headerLength = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (headerLength > MAX_HEADER) return fail(8, `a header of ${headerLength} bytes, more than 1 MiB`);
  const start = first + headerLength;
  if (start > bytes.length) return fail(bytes.length, `the file ends inside its header of ${headerLength} bytes`);

  const header = parseNpyHeader(latin1(bytes.subarray(first, start)), first, fail);
  const { element, little } = elementOf(header.descr, header.descrAt, name, fail);
  const { shape } = header;
  const problem = shapeProblem(shape);
  if (problem !== undefined) return fail(header.shapeAt, problem);
  const elements = elementsOf(shape);
  const end = start + elements * element.size;
  if (bytes.length !== end) {
    const found = `${bytes.length - start} bytes of elements where (${shape.join(", ")}) of ${header.descr} need ${end - start}`;
    return fail(Math.min(bytes.length, end), found);
  }
  const size = elements * new element.array(new ArrayBuffer(0)).BYTES_PER_ELEMENT;
  if (size > Math.min(maxBytes, MAX_BYTES))
    return fail(header.shapeAt, `${size} bytes in memory, more than ${maxBytes}`);

  if (header.descr === "|b1") requireBooleans(bytes, start, fail);
  const source: Source = { bytes, start, little, shape, elements, fortran: header.fortran };
  const buffer = element.read === undefined ? moved(source, element.size) : widened(source, element, name);
  return { data: new element.array(buffer), shape };
}

/** One character a byte: the header is ASCII wherever we read arrays at all, and offsets stay those of the bytes. */
function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 4096) text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  return text;
}

function elementOf(
  descr: string | undefined,
  at: number,
  name: string,
  fail: FailAt,
): { element: Element; little: boolean } {
  const [, order = "", kind = ""] = /^([<>|])([a-zA-Z][0-9]+)$/.exec(descr ?? "") ?? [];
  const element = ELEMENTS.get(kind);
  // Single bytes have no order, and everything else has one.
  if (element !== undefined && (order === "|") === (element.size === 1)) return { element, little: order !== ">" };
  if (descr === undefined || /^[<>|=]?[OSUVMmcfui]/.test(descr)) {
    const what = descr === undefined ? "fields" : descr.includes("O") ? "Python objects" : `the type ${quoted(descr)}`;
    throw new DrmadError("unsupported", `${name} holds elements of ${what}, at byte ${at}.`, {
      hint: "Save numbers: array.astype('float64'), 'float32', 'int32' or 'uint8'.",
    });
  }
  return fail(at, `${quoted(descr)} is no element type of NumPy`);
}

interface Source {
  readonly bytes: Uint8Array;
  /** Where the elements start. */
  readonly start: number;
  readonly little: boolean;
  readonly shape: readonly number[];
  readonly elements: number;
  readonly fortran: boolean;
}

/** Visits the elements in row-major order, each with its position among those of the file. */
function eachElement({ shape, elements, fortran }: Source, visit: (i: number, position: number) => void): void {
  if (!fortran) {
    for (let i = 0; i < elements; i++) visit(i, i);
    return;
  }
  const strides = shape.map((_, axis) => elementsOf(shape.slice(0, axis)));
  const index = shape.map(() => 0);
  for (let i = 0, position = 0; i < elements; i++) {
    visit(i, position);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      position += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      position -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
}

/** The bytes of all elements, row-major and little-endian. They move as bytes: a number would lose the payload of a NaN. */
function moved(source: Source, size: number): ArrayBuffer {
  const { bytes, start, little, elements, fortran } = source;
  const to = new Uint8Array(elements * size);
  if (little && !fortran) to.set(bytes.subarray(start));
  else {
    eachElement(source, (i, position) => {
      const [at, from] = [i * size, start + position * size];
      for (let byte = 0; byte < size; byte++) to[at + byte] = bytes[from + (little ? byte : size - 1 - byte)]!;
    });
  }
  return to.buffer;
}

function widened(source: Source, { size, read }: Element, name: string): ArrayBuffer {
  const { bytes, start, little } = source;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const to = new Int32Array(source.elements);
  eachElement(source, (i, position) => {
    const at = start + position * size;
    const value = read!(view, at, little);
    to[i] = value;
    if (to[i] === value) return;
    throw new DrmadError("unsupported", `${name} holds the integer ${value}, at byte ${at}: 32 bits do not hold it.`, {
      hint: "Save it with array.astype('float64'), or as int32 after making it smaller.",
    });
  });
  return to.buffer;
}

function requireBooleans(bytes: Uint8Array, start: number, fail: FailAt): void {
  for (let at = start; at < bytes.length; at++) if (bytes[at]! > 1) fail(at, `${bytes[at]} is no boolean`);
}
