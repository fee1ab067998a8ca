import { type ColourScale, shade } from "./colour-scale.ts";
import { DRAWING } from "./drawing-name.ts";
import { GAP } from "./palette.ts";

/** Cells as they are laid out on the screen, row by row. */
export interface Cells {
  readonly rows: number;
  readonly columns: number;
  /** Which value of the tensor a cell shows; -1 for the gap between two images. */
  readonly index: (row: number, column: number) => number;
  /** Whether cells are pixels of images, which are square. */
  readonly images: boolean;
  /** Whether columns are steps of time, which fill the width, and rows are not of their kind. */
  readonly time?: boolean;
  /** Whether cells lie as the values do, one after the other. */
  readonly direct: boolean;
  /** What a place is called: `row 3, column 12`. */
  readonly name: (row: number, column: number) => string;
  /** What is written below images, at the cell below their lower left corner. */
  readonly labels?: readonly Label[];
}

export interface Label {
  readonly row: number;
  readonly column: number;
  readonly text: string;
  /** Rows and columns of cells that it may cover. */
  readonly room: readonly [rows: number, columns: number];
}

export const matrix = (rows: number, columns: number, name: Cells["name"]): Cells => ({
  rows,
  columns,
  index: (row, column) => row * columns + column,
  images: false,
  direct: true,
  name,
});

/** More images than these have no labels: they are too small. */
const MOST_LABELLED = 120;

/** Images side by side with gaps between them, as nearly square as they fit. `at` finds a pixel of an image. */
export function mosaic(
  count: number,
  { height, width }: { readonly height: number; readonly width: number },
  at: (image: number, pixel: number) => number,
  what: string,
): Cells {
  const across = count <= 5 ? count : Math.min(count, Math.ceil(Math.sqrt((count * 1.9 * height) / width)));
  const labelled = count > 1 && count <= MOST_LABELLED;
  // Room for a line of text below each, whatever an image has of cells.
  const gap = labelled ? Math.max(1, Math.round(height / 8)) : 1;
  const rows = Math.ceil(count / across) * (height + gap) - (labelled ? 0 : gap);
  const columns = across * (width + 1) - 1;
  const place = (row: number, column: number): readonly [image: number, y: number, x: number] | undefined => {
    const [down, y] = [Math.floor(row / (height + gap)), row % (height + gap)];
    const [right, x] = [Math.floor(column / (width + 1)), column % (width + 1)];
    const image = down * across + right;
    return y >= height || x === width || image >= count ? undefined : [image, y, x];
  };
  const labels = Array.from({ length: labelled ? count : 0 }, (_, i): Label => ({
    row: Math.floor(i / across) * (height + gap) + height,
    column: (i % across) * (width + 1),
    text: `${what} ${i}`,
    room: [gap, width],
  }));
  return {
    rows,
    columns,
    images: true,
    direct: false,
    labels,
    index(row, column) {
      const found = place(row, column);
      return found === undefined ? -1 : at(found[0], found[1] * width + found[2]);
    },
    name(row, column) {
      const found = place(row, column);
      if (found === undefined) return "";
      const pixel = `pixel row ${found[1]}, column ${found[2]}`;
      return count === 1 ? pixel : `${what} ${found[0]}, ${pixel}`;
    },
  };
}

/** Draws the cells, one pixel of the canvas each: the browser makes them larger or smaller. */
export function drawCells(
  canvas: HTMLCanvasElement,
  values: ArrayLike<number>,
  cells: Cells,
  scale: ColourScale,
): void {
  const begin = performance.now();
  const { rows, columns } = cells;
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext("2d")!;
  const image = context.createImageData(columns, rows);
  const pixels = new Uint32Array(image.data.buffer);
  const { shades } = scale;
  if (cells.direct) for (let i = 0; i < pixels.length; i++) pixels[i] = shades[shade(scale, values[i]!)]!;
  else
    for (let row = 0, i = 0; row < rows; row++)
      for (let column = 0; column < columns; column++, i++) {
        const from = cells.index(row, column);
        pixels[i] = shades[from < 0 ? GAP : shade(scale, values[from]!)]!;
      }
  context.putImageData(image, 0, 0);
  performance.measure(DRAWING, { start: begin, end: performance.now() });
}

const whole = (size: number): number => (size >= 1 ? Math.floor(size) : size);

/** Sides of a cell on the screen, in whole pixels where there is one for each. */
export function cellSize(
  { rows, columns, images, time }: Cells,
  width: number,
  height: number,
): readonly [w: number, h: number] {
  const across = width / columns;
  const down = height / rows;
  if (images) {
    const side = whole(Math.min(across, Math.max(down, 2), 44));
    return [side, side];
  }
  const [w, h] = [whole(Math.min(across, 44)), whole(Math.min(down, 44))];
  if (time === true) return [w < 6 ? across : w, h];
  // Square where that costs little, for a matrix is read along both axes.
  const side = Math.min(w, h);
  return rows > 1 && columns > 1 && Math.max(w, h) <= 3 * side ? [side, side] : [w, h];
}

/** How many values fall into each of `bins` parts of the scale. */
export function histogram(values: ArrayLike<number>, scale: ColourScale, bins: number): readonly number[] {
  const found = Array.from({ length: bins }, () => 0);
  for (let i = 0; i < values.length; i++) {
    const place = scale.place(values[i]!);
    if (Number.isFinite(values[i]!) && !Number.isNaN(place))
      found[Math.min(Math.max(Math.floor(place * bins), 0), bins - 1)]!++;
  }
  return found;
}
