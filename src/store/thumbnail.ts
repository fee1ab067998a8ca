import type { NdArray } from "../data/dataset.ts";
import { DrmadError } from "../errors.ts";
import { extentOf, type Grid } from "./grid.ts";

/**
 * What equal differences of shade are: of values, of their logarithms, or of logarithms on both sides of zero (straight within a
 * thousandth of the largest absolute value).
 */
export type Warp = "linear" | "log" | "signed";
const WARPS: readonly Warp[] = ["linear", "log", "signed"];

/** Most cells either way. */
export const MOST_CELLS = 64;
/** A cell of the least value has level 0, one of the largest this level. */
export const LEVELS = 253;
/** Of a cell that holds a value that is not finite, and of one that holds none: the gap between two images. */
export const NOT_FINITE = 254;
export const GAP = 255;

/** A small picture of a tensor. */
export interface Thumbnail {
  readonly rows: number;
  readonly columns: number;
  /** Of the grid that the picture stands for. */
  readonly extent: readonly [rows: number, columns: number];
  readonly warp: Warp;
  /** Of the finite values; NaN where there are none. */
  readonly least: number;
  readonly most: number;
  /** Row by row: `LEVELS` times a place between `least` (0) and `most` (1) in the warp, `NOT_FINITE`, or `GAP`. */
  readonly levels: Uint8Array;
}

/**
 * Draws a tensor on its grid. Each cell is a block of the grid, of nearly equal sizes, and shows one of its values: that which is
 * farther from the middle of the picture, of its least and its largest. So one extreme value among a million is seen, where a mean
 * would hide it; of noise the picture has the range, not the mean. A block with a value that is not finite is marked, whatever
 * else it has. `log` is linear where not all values are positive. One pass over the values, and 16 bytes for each cell.
 * @returns undefined for a tensor without values
 */
export function drawThumbnail({ data }: Pick<NdArray, "data">, grid: Grid, wanted: Warp): Thumbnail | undefined {
  const extent = extentOf(grid);
  if (data.length === 0 || extent[0] === 0) return undefined;
  const [rows, columns] = [Math.min(extent[0], MOST_CELLS), Math.min(extent[1], MOST_CELLS)];
  const { low, high, broken } = blocks(data, grid, extent, rows, columns);
  const [least, most] = [low.reduce((a, b) => Math.min(a, b)), high.reduce((a, b) => Math.max(a, b))];
  const bare = { rows, columns, extent, levels: new Uint8Array(rows * columns).fill(GAP) };
  broken.forEach((is, cell) => is === 1 && (bare.levels[cell] = NOT_FINITE));
  if (least > most) return { ...bare, warp: "linear", least: NaN, most: NaN };
  const warp: Warp = wanted === "log" && least <= 0 ? "linear" : wanted;
  const { place } = warped(warp, least, most);
  let [sum, count] = [0, 0];
  low.forEach((value, cell) => {
    if (value > high[cell]!) return;
    sum += place(value) + place(high[cell]!);
    count += 2;
  });
  const middle = sum / count;
  low.forEach((value, cell) => {
    if (value > high[cell]! || broken[cell] === 1) return;
    const [a, b] = [place(value), place(high[cell]!)];
    bare.levels[cell] = Math.round(LEVELS * (middle - a > b - middle ? a : b));
  });
  return { ...bare, warp, least, most };
}

/** The least and largest finite value of each block, and whether it has one that is not finite. */
function blocks(data: NdArray["data"], grid: Grid, extent: readonly [number, number], rows: number, columns: number) {
  const { tiles, height, width, across, strides } = grid;
  const low = new Float64Array(rows * columns).fill(Infinity);
  const high = new Float64Array(rows * columns).fill(-Infinity);
  const broken = new Uint8Array(rows * columns);
  const cellRow = Float64Array.from({ length: extent[0] }, (_, row) => columns * Math.floor((row * rows) / extent[0]));
  const cellColumn = Float64Array.from({ length: extent[1] }, (_, column) =>
    Math.floor((column * columns) / extent[1]),
  );
  for (let tile = 0; tile < tiles; tile++) {
    const [top, left] = [Math.floor(tile / across) * (height + 1), (tile % across) * (width + 1)];
    for (let y = 0; y < height; y++) {
      const row = cellRow[top + y]!;
      let i = tile * strides[0] + y * strides[1];
      for (let x = 0; x < width && i < data.length; x++, i += strides[2]) {
        const value = data[i]!;
        const cell = row + cellColumn[left + x]!;
        // The difference is not zero where the value is not finite.
        if (value - value !== 0) broken[cell] = 1;
        else {
          if (value < low[cell]!) low[cell] = value;
          if (value > high[cell]!) high[cell] = value;
        }
      }
    }
  }
  return { low, high, broken };
}

export interface Warped {
  /** Where between `least` (0) and `most` (1) a number lies; 1/2 where they are the same. */
  place(value: number): number;
  /** The number at a place. */
  value(place: number): number;
}

/** The straight line between two numbers in a warp. */
export function warped(warp: Warp, least: number, most: number): Warped {
  const bend = Math.max(Math.abs(least), Math.abs(most)) / 1000;
  const [to, from] = warp === "linear" || bend === 0 ? STRAIGHT : warp === "log" ? [Math.log, Math.exp] : signed(bend);
  const [a, b] = [to(least), to(most)];
  // Halves do not overflow where numbers are near the largest there is.
  const span = b / 2 - a / 2;
  return {
    place: (value) => (span > 0 ? Math.min(1, Math.max(0, (to(value) / 2 - a / 2) / span)) : 0.5),
    value: (place) => (place === 0 ? least : place === 1 ? most : from(a * (1 - place) + b * place)),
  };
}

type Both = readonly [to: (value: number) => number, from: (value: number) => number];
const STRAIGHT: Both = [(value) => value, (value) => value];
const signed = (bend: number): Both => [
  (value) => Math.sign(value) * Math.log1p(Math.abs(value) / bend),
  (value) => Math.sign(value) * bend * Math.expm1(Math.abs(value)),
];

const VERSION = 1;
const HEADER = 28;

/**
 * As bytes: version 1, warp (0 `linear`, 1 `log`, 2 `signed`), rows and columns of cells (uint8 each); rows and columns of the grid
 * (uint32); least and most (float64); then the levels. All numbers are little-endian. At most 4,124 bytes.
 */
export function encodeThumbnail({ rows, columns, extent, warp, least, most, levels }: Thumbnail): Uint8Array {
  const bytes = new Uint8Array(HEADER + levels.length);
  const view = new DataView(bytes.buffer);
  bytes.set([VERSION, WARPS.indexOf(warp), rows, columns]);
  extent.forEach((cells, i) => view.setUint32(4 + 4 * i, cells, true));
  [least, most].forEach((value, i) => view.setFloat64(12 + 8 * i, value, true));
  bytes.set(levels, HEADER);
  return bytes;
}

/** @throws DrmadError malformed-file for bytes that are no thumbnail of a known version */
export function decodeThumbnail(bytes: Uint8Array): Thumbnail {
  const [version = 0, kind = 0, rows = 0, columns = 0] = bytes;
  const warp = WARPS[kind];
  const fits =
    rows > 0 && columns > 0 && Math.max(rows, columns) <= MOST_CELLS && bytes.length === HEADER + rows * columns;
  if (version !== VERSION || warp === undefined || !fits) {
    const what = `${bytes.length} bytes that begin with ${bytes.subarray(0, 4).join(" ")}`;
    throw new DrmadError("malformed-file", `a kept thumbnail cannot be read: ${what}`, {
      hint: "If a newer drmad wrote it, use that one; if not, bring the store back from a copy.",
    });
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return {
    rows,
    columns,
    extent: [view.getUint32(4, true), view.getUint32(8, true)],
    warp,
    least: view.getFloat64(12, true),
    most: view.getFloat64(20, true),
    levels: Uint8Array.from(bytes.subarray(HEADER)),
  };
}
