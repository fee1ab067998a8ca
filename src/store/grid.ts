import type { TensorImage } from "../study/image-of.ts";

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
  /** How it folds into images of the inputs. */
  readonly image?: TensorImage | undefined;
}

const matrix = (height: number, width: number, strides: readonly [y: number, x: number] = [width, 1]): Grid => ({
  tiles: 1,
  height,
  width,
  across: 1,
  strides: [0, ...strides],
});

/**
 * As the dashboard maps', but for their room for labels: images of the inputs where a tensor, each of its rows, or each of
 * its columns is one, a vector in lines one below the other, steps of training to the right, and else the first axis down and
 * all others to the right.
 */
export function gridOf(shape: readonly number[], { perStep, image }: About): Grid {
  const size = shape.reduce((product, length) => product * length, 1);
  const rows = shape[0] ?? 1;
  const columns = rows === 0 ? 0 : size / rows;
  if (!perStep && image !== undefined)
    return image.whole ? matrix(image.height, image.width) : mosaic(rows, columns, image);
  if (perStep) return rows > columns ? matrix(columns, rows, [1, columns]) : matrix(rows, columns);
  if (shape.length < 2 || rows === 1 || columns === 1) return lines(size);
  return matrix(rows, columns);
}

/** As nearly square as images fit: the rows of a matrix, or its columns where these have the pixels. */
function mosaic(rows: number, columns: number, { height, width }: TensorImage): Grid {
  const byRow = columns === height * width;
  const tiles = byRow ? rows : columns;
  const across = tiles <= 5 ? tiles : Math.min(tiles, Math.ceil(Math.sqrt((tiles * 1.9 * height) / width)));
  return { tiles, height, width, across, strides: byRow ? [columns, width, 1] : [1, width * columns, columns] };
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
