import type { JSX } from "preact";
import { count, visible } from "../data/numbers.ts";

/** Which cells of an axis have their number written: at distances of 1, 2 or 5 times a power of ten, `apart` pixels at least. */
export function numberedCells(cells: number, size: number, apart: number): readonly number[] {
  const rough = apart / size;
  const power = 10 ** Math.floor(Math.log10(Math.max(rough, 1)));
  const every = [1, 2, 5, 10].map((m) => m * power).find((step) => step >= rough) ?? 10 * power;
  return Array.from({ length: Math.ceil(cells / every) }, (_, i) => i * every);
}

/** The number of a row or a column: of its first value, where it is a block of several. */
export type NumberAt = (cell: number) => number;

const CHARACTER = 7;
/** Pixels that the widest number of an axis takes. */
export const widthOfNumbers = (cells: number, at: NumberAt): number => 8 + CHARACTER * count(at(cells - 1)).length;

export function XNumbers({
  columns,
  size,
  at,
}: {
  readonly columns: number;
  readonly size: number;
  readonly at: NumberAt;
}): JSX.Element {
  const widest = widthOfNumbers(columns, at) + 12;
  return (
    <span class="map-numbers across" aria-hidden="true">
      {numberedCells(columns, size, widest).map((column) => (
        <span key={column} style={{ left: `${(column + 0.5) * size}px` }}>
          {count(at(column))}
        </span>
      ))}
    </span>
  );
}

export function YNumbers({
  rows,
  size,
  at,
  width,
}: {
  readonly rows: number;
  readonly size: number;
  readonly at: NumberAt;
  readonly width: number;
}): JSX.Element {
  return (
    <span class="map-numbers down" aria-hidden="true" style={{ width: `${width}px` }}>
      {numberedCells(rows, size, 18).map((row) => (
        <span key={row} style={{ top: `${(row + 0.5) * size}px` }}>
          {count(at(row))}
        </span>
      ))}
    </span>
  );
}

/** Where a part of the rows begins, such as those of a layer. */
export interface Part {
  readonly row: number;
  readonly name: string;
}

export function YParts({
  parts,
  size,
  width,
}: {
  readonly parts: readonly Part[];
  readonly size: number;
  readonly width: number;
}): JSX.Element {
  return (
    <span class="map-numbers down parts" aria-hidden="true" style={{ width: `${width}px` }}>
      {parts.map(({ row, name }) => (
        <span key={row} style={{ top: `${row * size}px` }}>
          {visible(name)}
        </span>
      ))}
    </span>
  );
}
