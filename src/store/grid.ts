import type { ImageShape } from "../data/dataset.ts";
import { imageOf } from "../study/image-of.ts";

/**
 * How a tensor lies in a picture: tiles of `height × width` values, `across` of them beside each other with a gap of one cell.
 * The value of a pixel is at `tile · strides[0] + y · strides[1] + x · strides[2]`; there may be none for the last pixels.
 */
export interface Grid {
  readonly tiles: number;
  readonly height: number;
  readonly width: number;
  readonly across: number;
  readonly strides: readonly [tile: number, y: number, x: number];
}

/** What is known of a tensor besides its shape. */
export interface About {
  readonly perStep: boolean;
  /** Of the inputs. */
  readonly image?: ImageShape | undefined;
}

const matrix = (height: number, width: number, strides: readonly [y: number, x: number] = [width, 1]): Grid => ({
  tiles: 1,
  height,
  width,
  across: 1,
  strides: [0, ...strides],
});

/**
 * The grid that the dashboard's maps have: images of the inputs where a tensor or each of its rows is one, a vector in lines
 * one below the other, steps of training to the right, and else the first axis down and all others to the right.
 */
export function gridOf(shape: readonly number[], { perStep, image }: About): Grid {
  const size = shape.reduce((product, length) => product * length, 1);
  const rows = shape[0] ?? 1;
  const columns = rows === 0 ? 0 : size / rows;
  const found = perStep ? undefined : imageOf({ shape, perStep }, image);
  if (found?.whole === true) return matrix(found.height, found.width);
  if (found !== undefined) return mosaic(rows, found);
  if (perStep) return rows > columns ? matrix(columns, rows, [1, columns]) : matrix(rows, columns);
  if (shape.length < 2 || rows === 1 || columns === 1) return lines(size);
  return matrix(rows, columns);
}

/** As nearly square as images fit. */
function mosaic(tiles: number, { height, width }: ImageShape): Grid {
  const across = tiles <= 5 ? tiles : Math.min(tiles, Math.ceil(Math.sqrt((tiles * 1.9 * height) / width)));
  return { tiles, height, width, across, strides: [height * width, width, 1] };
}

function lines(size: number): Grid {
  const width = Math.min(size, size <= 1000 ? 50 : 100 * Math.ceil(Math.sqrt(size / 20_000)));
  return matrix(width === 0 ? 0 : Math.ceil(size / width), width);
}

/** Cells of the whole picture, gaps among them. */
export const extentOf = ({ tiles, height, width, across }: Grid): readonly [rows: number, columns: number] =>
  tiles * height * width === 0
    ? [0, 0]
    : [Math.ceil(tiles / across) * (height + 1) - 1, Math.min(tiles, across) * (width + 1) - 1];
