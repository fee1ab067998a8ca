import { element, INK, label } from "./svg.ts";
import { shorten, textWidth } from "./text.ts";

/** In pixels from the top left. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

const SIZE = 12;
const MOST_WIDTH = 260;
/** What words that stand nearer to another point cost: as much as a place three distances further off. */
const MISTAKEN = 24;

/** A point with words. */
export type LabelledPoint = Point & { readonly label: string };

/** Rings around points, each with its words where they cover the least of the lines and of the marks before them. */
export function drawMarks(
  marks: readonly LabelledPoint[],
  lines: readonly (readonly (Point | undefined)[])[],
  plot: Box,
): string[] {
  const words = placeWords(marks, lines, plot, [9, 24, 44]);
  return marks.flatMap(({ x, y }, i) => [
    element("circle", { cx: x, cy: y, r: 4.6, fill: "#fff", stroke: INK, "stroke-width": 1.8 }),
    drawWords(words[i]!),
  ]);
}

/** Words and where they stand. */
export interface PlacedWords {
  readonly text: string;
  readonly box: Box;
}

export const drawWords = ({ text, box }: PlacedWords): string =>
  label(box.left, box.bottom - 3.5, text, { size: SIZE, halo: true });

/**
 * A place for the words of every point: where they cover the least of the lines, of all points and of the words before them.
 * @param distances from the points at which to look, in pixels, the best first
 */
export function placeWords(
  marks: readonly LabelledPoint[],
  lines: readonly (readonly (Point | undefined)[])[],
  plot: Box,
  distances: readonly number[],
): PlacedWords[] {
  const obstacles = [...lines.flatMap(pointsAlong), ...marks.flatMap((mark) => Array.from({ length: 12 }, () => mark))];
  const taken: Box[] = [];
  return marks.map((mark) => {
    const text = shorten(mark.label, SIZE, MOST_WIDTH);
    const boxes = boxesAround(mark, textWidth(text, SIZE), distances);
    const costs = boxes.map((box, rank) => {
      const nearer = marks.some((other) => other !== mark && distanceTo(box, other) <= distanceTo(box, mark));
      return rank + cost(box, obstacles, taken, plot) + (nearer ? MISTAKEN : 0);
    });
    const box = boxes[costs.indexOf(Math.min(...costs))]!;
    taken.push(box);
    return { text, box };
  });
}

/** Where words of that width may stand beside a point, the most pleasant place first. */
function boxesAround({ x, y }: Point, width: number, distances: readonly number[]): Box[] {
  const boxes: Box[] = [];
  for (const away of distances) {
    for (const top of [y - away - 15, y + away]) {
      for (const left of [x - width / 2, x + 6, x - 6 - width]) boxes.push(boxAt(left, top, width));
    }
    for (const left of [x + away + 2, x - away - 2 - width]) boxes.push(boxAt(left, y - 8, width));
  }
  return boxes;
}

function distanceTo({ left, top, right, bottom }: Box, { x, y }: Point): number {
  return Math.hypot(Math.max(left - x, x - right, 0), Math.max(top - y, y - bottom, 0));
}

function boxAt(left: number, top: number, width: number): Box {
  return { left, top, right: left + width, bottom: top + 15 };
}

function cost(box: Box, obstacles: readonly Point[], taken: readonly Box[], plot: Box): number {
  const outside = box.left < plot.left || box.right > plot.right || box.top < plot.top || box.bottom > plot.bottom;
  const overlaps = taken.some(
    (other) => box.left < other.right && other.left < box.right && box.top < other.bottom && other.top < box.bottom,
  );
  const covered = obstacles.reduce((sum, { x, y }) => {
    const inside = x > box.left - 3 && x < box.right + 3 && y > box.top - 2 && y < box.bottom + 2;
    return inside ? sum + 1 : sum;
  }, 0);
  return covered + (outside ? 1e6 : 0) + (overlaps ? 1e4 : 0);
}

/** Points every four pixels along a line, at most two thousand. */
function pointsAlong(line: readonly (Point | undefined)[]): Point[] {
  const points: Point[] = [];
  const every = Math.max(1, Math.ceil(line.length / 2000));
  for (let i = 0; i < line.length; i += every) {
    const from = line[i];
    const to = line[i + every] ?? from;
    if (from === undefined || to === undefined) continue;
    const pieces = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / 4));
    for (let k = 0; k < pieces; k++) {
      points.push({ x: from.x + ((to.x - from.x) * k) / pieces, y: from.y + ((to.y - from.y) * k) / pieces });
    }
  }
  return points;
}
