/** Second readers, as plain as can be and only for files that the first reader took: what it gave is compared with them. */

export interface Plain {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

export const plain = ({ data, shape }: { data: ArrayLike<number>; shape: readonly number[] }): Plain => ({
  shape,
  values: Array.from(data),
});

const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

type Read = (view: DataView, at: number, little: boolean) => number;
const READ: Readonly<Record<string, readonly [size: number, read: Read]>> = {
  u1: [1, (view, at) => view.getUint8(at)],
  i1: [1, (view, at) => view.getInt8(at)],
  u2: [2, (view, at, little) => view.getUint16(at, little)],
  i2: [2, (view, at, little) => view.getInt16(at, little)],
  u4: [4, (view, at, little) => view.getUint32(at, little)],
  i4: [4, (view, at, little) => view.getInt32(at, little)],
  i8: [8, (view, at, little) => Number(view.getBigInt64(at, little))],
  f4: [4, (view, at, little) => view.getFloat32(at, little)],
  f8: [8, (view, at, little) => view.getFloat64(at, little)],
};

function elements(bytes: Uint8Array, kind: string, start: number, count: number, little: boolean): readonly number[] {
  const [size, read] = READ[kind]!;
  if (start + count * size !== bytes.length) throw new Error(`${bytes.length} bytes for ${count} of ${kind}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: count }, (_, i) => read(view, start + i * size, little));
}

export function idxReference(bytes: Uint8Array): Plain {
  const kind = { 0x08: "u1", 0x09: "i1", 0x0b: "i2", 0x0c: "i4", 0x0d: "f4", 0x0e: "f8" }[bytes[2]!]!;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const shape = Array.from({ length: bytes[3]! }, (_, axis) => view.getUint32(4 + 4 * axis));
  return { shape, values: elements(bytes, kind, 4 + 4 * shape.length, product(shape), false) };
}

export function npyReference(bytes: Uint8Array): Plain {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const start = bytes[6] === 1 ? 10 + view.getUint16(8, true) : 12 + view.getUint32(8, true);
  const header = Buffer.from(bytes.subarray(0, start)).toString("latin1");
  const kind = /['"]descr['"]\s*:\s*['"]([<>|])(\w\d)['"]/.exec(header)!;
  const shape = [.../['"]shape['"]\s*:\s*\(([^)]*)\)/.exec(header)![1]!.matchAll(/\d+/g)].map(Number);
  const count = product(shape);
  const letter = kind[2] === "b1" ? "u1" : kind[2]!;
  const values = elements(bytes, letter, start, count, kind[1] !== ">");
  if (!/['"]fortran_order['"]\s*:\s*True/.test(header)) return { shape, values };
  // The element at (i, j, k) of a column-major array lies at i + I (j + J k).
  return {
    shape,
    values: values.map((_, row) => {
      let [rest, at, stride] = [row, 0, count];
      const strides = shape.map((_size, axis) => product(shape.slice(0, axis)));
      shape.forEach((size, axis) => {
        stride /= size;
        at += Math.floor(rest / stride) * strides[axis]!;
        rest %= stride;
      });
      return values[at]!;
    }),
  };
}

export function safetensorsReference(bytes: Uint8Array): Readonly<Record<string, Plain>> {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const kinds: Record<string, string> = { F32: "f4", F64: "f8", U8: "u1", I32: "i4" };
  return Object.fromEntries(
    Object.entries(header).flatMap(([name, entry]) => {
      if (name === "__metadata__") return [];
      const { dtype, shape, data_offsets } = entry;
      const [begin, end] = data_offsets;
      const data = bytes.subarray(8 + length + begin, 8 + length + end);
      return [[name, { shape, values: elements(data, kinds[dtype]!, 0, product(shape), true) }] as const];
    }),
  );
}

/** Labels, then images, one after the other. */
export function cifarReference(bytes: Uint8Array, heads: 1 | 2, which: 0 | 1): Uint8Array {
  const rows = bytes.length / (heads + 3072);
  const out = new Uint8Array(rows * 3073);
  for (let row = 0, at = 0; row < rows; row++) {
    out[row] = bytes[at + which]!;
    at += heads;
    for (let pixel = 0; pixel < 3072; pixel++) out[rows + 3072 * row + pixel] = bytes[at++]!;
  }
  return out;
}

/** All fields of a CSV file, character by character. */
function csvFields(text: string, separator: string): readonly (readonly string[])[] {
  const rows: string[][] = [[""]];
  let open = false;
  const characters = [...text.replace(/\r?\n$/, "").replace(/^\ufeff/, "")];
  for (let i = 0; i < characters.length; i++) {
    const [character, after] = [characters[i]!, characters[i + 1]];
    const row = rows.at(-1)!;
    if (open && character === '"' && after === '"') row[row.length - 1] += characters[++i]!;
    else if (character === '"') open = !open;
    else if (open || (character !== separator && character !== "\n" && character !== "\r"))
      row[row.length - 1] += character;
    else if (character === separator) row.push("");
    else if (character === "\n") rows.push([""]);
  }
  return rows;
}

export interface CsvCase {
  readonly header?: boolean;
  readonly label?: string | number;
  readonly target?: string | number;
  readonly separator?: "," | ";" | "\t";
}

const isNumber = (field: string): boolean =>
  (field.trim() !== "" && !Number.isNaN(Number(field))) ||
  /^\s*[+-]?(?:nan|na|n\/a|null|inf|infinity|\?)\s*$/i.test(field);

/** The rows of a CSV file as `[numbers of x, label or target]`. */
export function csvReference(
  bytes: Uint8Array,
  options: CsvCase,
): readonly (readonly [number[], string | undefined])[] {
  const rows = csvFields(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes), options.separator ?? ",");
  const first = rows[0]!;
  const header = options.header ?? !first.some(isNumber);
  const which = options.label ?? options.target;
  const column =
    typeof which === "string" ? first.indexOf(which) : which !== undefined && which < 0 ? first.length + which : which;
  return rows.slice(header ? 1 : 0).map((row) => {
    if (row.length !== first.length) throw new Error("a row of another length was taken");
    return [row.filter((_, i) => i !== column).map(Number), column === undefined ? undefined : row[column]];
  });
}
