import { expect, test, vi } from "vitest";
import { mosaic } from "../../dashboard/draw/cells.ts";
import { extentOf, gridOf, type Grid } from "./grid.ts";

// Which the module of colours asks for as it is loaded.
vi.hoisted(
  () => void Object.assign(globalThis, { matchMedia: () => ({ matches: false, addEventListener: () => undefined }) }),
);

const image = { height: 4, width: 3, whole: false };

/** Index of the value at each cell of the whole picture, -1 where there is none. */
function cellsOf(grid: Grid, size: number): number[][] {
  const [rows, columns] = extentOf(grid);
  const cells = Array.from({ length: rows }, () => Array.from({ length: columns }, () => -1));
  for (let tile = 0; tile < grid.tiles; tile++)
    for (let y = 0; y < grid.height; y++)
      for (let x = 0; x < grid.width; x++) {
        const i = tile * grid.strides[0] + y * grid.strides[1] + x * grid.strides[2];
        const row = Math.floor(tile / grid.across) * (grid.height + 1) + y;
        if (i < size) cells[row]![(tile % grid.across) * (grid.width + 1) + x] = i;
      }
  return cells;
}

test.each([
  ["a matrix", [2, 3], { perStep: false }, [[0, 1, 2], [3, 4, 5]]], // prettier-ignore
  ["more axes", [2, 3, 1], { perStep: false }, [[0, 1, 2], [3, 4, 5]]], // prettier-ignore
  ["a scalar", [], { perStep: false }, [[0]]],
  ["a short vector", [4], { perStep: false }, [[0, 1, 2, 3]]],
  ["a column", [3, 1], { perStep: false }, [[0, 1, 2]]],
  ["a schedule", [3], { perStep: true }, [[0, 1, 2]]],
  ["two schedules", [3, 2], { perStep: true }, [[0, 2, 4], [1, 3, 5]]], // prettier-ignore
  ["an image", [12, 1], { perStep: false, image: { ...image, whole: true } }, [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]], // prettier-ignore
] as const)("%s lies in its picture", (_, shape, about, cells) => {
  const size = shape.reduce((product: number, n) => product * n, 1);
  expect(cellsOf(gridOf(shape, about), size)).toEqual(cells);
});

test("a vector is folded into lines of fifty, the last one shorter", () => {
  const grid = gridOf([101], { perStep: false });
  expect(extentOf(grid)).toEqual([3, 50]);
  expect(cellsOf(grid, 101)[2]!.slice(0, 3)).toEqual([100, -1, -1]);
});

test("images lie as they do in the dashboard's maps", () => {
  for (const n of [1, 2, 5, 6, 13]) {
    const byRow = mosaic(n, image, (tile, pixel) => 12 * tile + pixel, "image");
    const byColumn = mosaic(n, image, (tile, pixel) => n * pixel + tile, "unit");
    for (const [shape, map] of [
      [[n, 12], byRow],
      [[12, n], byColumn],
    ] as const) {
      // prettier-ignore
      if (shape[1] === 1) continue;
      const all = Array.from({ length: map.rows }, (_, row) =>
        Array.from({ length: map.columns }, (__, column) => map.index(row, column)),
      );
      // There, more than one image have a line of text below each.
      const text = n > 1 ? 1 : 0;
      expect(cellsOf(gridOf(shape, { perStep: false, image }), n * 12)).toEqual(all.slice(0, all.length - text));
    }
  }
});

test("no values have no picture", () => {
  for (const shape of [[0], [0, 3], [3, 0]]) expect(extentOf(gridOf(shape, { perStep: false }))).toEqual([0, 0]);
});
