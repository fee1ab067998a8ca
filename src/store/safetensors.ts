import type { NdArray } from "../data/dataset.ts";
import { quoted } from "../data/limits.ts";
import { DrmadError } from "../errors.ts";
import { parseHeader, type TensorEntry } from "./safetensors-header.ts";

const MAX_HEADER = 2 ** 20;
const MAX_DIMENSIONS = 8;
const MAX_ELEMENTS = 2 ** 31;

/**
 * The element types that are written and read, with the array that holds them. Files and typed arrays are both
 * little-endian.
 */
const ELEMENTS = { F32: Float32Array, F64: Float64Array, U8: Uint8Array, I32: Int32Array } as const;
type Dtype = keyof typeof ELEMENTS;

export interface Safetensors {
  /** Without a prototype, so that any name is just a name. In the order of the file. */
  readonly tensors: Readonly<Record<string, NdArray>>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * The bytes of a safetensors file (github.com/huggingface/safetensors): the length of the header as 8
 * bytes, a JSON header padded with spaces to a multiple of 8, then the tensors without gaps. Wide elements come
 * first, so that every tensor is aligned; within a width, names are in order: equal contents are equal bytes.
 *
 * Errors: `invalid-argument` when a shape does not fit its data, the name is `__metadata__`, or the header is above 1
 * MiB.
 */
export function encodeSafetensors(
  tensors: Readonly<Record<string, NdArray>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const entries = Object.entries(tensors).map(([name, array]) => ({ name, array, dtype: checkedDtype(name, array) }));
  entries.sort((a, b) => b.array.data.BYTES_PER_ELEMENT - a.array.data.BYTES_PER_ELEMENT || compare(a.name, b.name));

  const fields: string[] = [];
  const pairs = Object.entries(metadata).sort(([a], [b]) => compare(a, b));
  if (pairs.length > 0) fields.push(`"__metadata__":{${pairs.map(([k, v]) => `${json(k)}:${json(v)}`).join(",")}}`);
  let end = 0;
  for (const { name, array, dtype } of entries) {
    const begin = end;
    end += array.data.byteLength;
    fields.push(`${json(name)}:{"dtype":"${dtype}","shape":[${array.shape.join()}],"data_offsets":[${begin},${end}]}`);
  }
  const header = new TextEncoder().encode(`{${fields.join(",")}}`);
  const padded = Math.ceil(header.length / 8) * 8;
  if (padded > MAX_HEADER) {
    throw new DrmadError("invalid-argument", `The names and shapes take ${padded} bytes, more than 1 MiB.`, {
      hint: "Write fewer tensors, shorter names or less metadata into one file.",
    });
  }

  const bytes = new Uint8Array(8 + padded + end);
  new DataView(bytes.buffer).setUint32(0, padded, true);
  bytes.set(header, 8);
  bytes.fill(0x20, 8 + header.length, 8 + padded);
  let at = 8 + padded;
  for (const { array } of entries) {
    const { buffer, byteOffset, byteLength } = array.data;
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += byteLength;
  }
  return bytes;
}

function checkedDtype(name: string, { data, shape }: NdArray): Dtype {
  const fail = (problem: string): never => {
    throw new DrmadError("invalid-argument", `The tensor ${quoted(name)} ${problem}.`, {
      hint: "Give a row-major array with the sizes of its axes.",
    });
  };
  if (name === "__metadata__") return fail("has the one name that the format keeps for itself");
  if (shape.length > MAX_DIMENSIONS) return fail(`has ${shape.length} dimensions, more than ${MAX_DIMENSIONS}`);
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0))
    return fail(`has the shape [${shape.join(", ")}]`);
  const elements = shape.reduce((product, size) => product * size, 1);
  if (elements !== data.length) return fail(`has ${data.length} elements but the shape [${shape.join(", ")}]`);
  const dtype = (Object.keys(ELEMENTS) as Dtype[]).find((key) => data instanceof ELEMENTS[key]);
  return dtype ?? fail("is not a Float32Array, Float64Array, Uint8Array or Int32Array");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A JSON string; lone surrogates come out as escapes, so UTF-8 keeps them. */
function json(text: string): string {
  return JSON.stringify(text);
}

/**
 * The tensors and metadata in a safetensors file, as arrays of their own. `name` stands for the file in errors.
 *
 * Errors: `malformed-file`, with the offset of what is wrong, for anything but a sound file of F32, F64, U8 and I32
 * tensors: the header at most 1 MiB, no name twice, every tensor as long as its shape says, all of them together the
 * rest of the file.
 */
export function decodeSafetensors(bytes: Uint8Array, name = "safetensors"): Safetensors {
  const fail = (at: number, problem: string): never => {
    throw new DrmadError("malformed-file", `${name}: ${problem}, at byte ${at}.`, {
      hint: "The file is damaged or is no safetensors file of F32, F64, U8 and I32 tensors; write or fetch it again.",
    });
  };
  if (bytes.length < 8) return fail(bytes.length, "the file ends inside the 8 bytes of the header's length");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(0, true);
  if (view.getUint32(4, true) !== 0 || length > MAX_HEADER) return fail(0, "a header of more than 1 MiB");
  const start = 8 + length;
  if (bytes.length < start) return fail(bytes.length, `the file ends inside its header of ${length} bytes`);

  const header = parseHeader(bytes.subarray(8, start), (at, problem) => fail(8 + at, problem));
  const entries = [...header.tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  const tensors: Record<string, NdArray> = Object.create(null) as Record<string, NdArray>;
  let end = 0;
  for (const [key, entry] of entries) {
    const problem = entryProblem(entry, end, bytes.length - start);
    if (problem !== undefined) return fail(8 + entry.at, `the tensor ${quoted(key)} has ${problem}`);
    end = entry.end;
    // A copy, made by `set` because the `slice` of a Node Buffer would share its bytes; its own buffer also aligns it.
    const copy = new Uint8Array(entry.end - entry.begin);
    copy.set(bytes.subarray(start + entry.begin, start + entry.end));
    tensors[key] = { data: new ELEMENTS[entry.dtype as Dtype](copy.buffer), shape: entry.shape };
  }
  if (start + end !== bytes.length) return fail(start + end, `${bytes.length - start - end} bytes belong to no tensor`);
  const metadata: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [key, value] of header.metadata) metadata[key] = value;
  return { tensors, metadata };
}

/**
 * What is wrong with an entry that should begin at `expected`, in `available` bytes of data; undefined when nothing
 * is.
 */
function entryProblem(entry: TensorEntry, expected: number, available: number): string | undefined {
  const { dtype, shape, begin, end } = entry;
  if (!Object.hasOwn(ELEMENTS, dtype)) return `the dtype ${quoted(dtype)}, none of ${Object.keys(ELEMENTS).join(", ")}`;
  if (shape.length > MAX_DIMENSIONS) return `${shape.length} dimensions, more than ${MAX_DIMENSIONS}`;
  let elements = 1;
  for (const size of shape) {
    elements *= size;
    if (size > MAX_ELEMENTS || elements > MAX_ELEMENTS)
      return `the shape [${shape.join(", ")}], more than 2^31 elements`;
  }
  if (begin !== expected) return `data from ${begin} where ${expected} follows the tensor before`;
  if (end < begin || end > available) return `data from ${begin} to ${end} of ${available} bytes`;
  const needed = elements * ELEMENTS[dtype as Dtype].BYTES_PER_ELEMENT;
  return end - begin === needed
    ? undefined
    : `${end - begin} bytes where ${dtype} [${shape.join(", ")}] needs ${needed}`;
}
