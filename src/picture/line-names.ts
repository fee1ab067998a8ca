import type { Box, Point } from "./marks.ts";
import { element, label } from "./svg.ts";
import { shorten, textWidth } from "./text.ts";

export interface NamedLine {
  readonly name: string;
  readonly emphasis: boolean;
  readonly colour: string;
  /** In pixels. */
  readonly width: number;
  readonly dash: string | undefined;
  /** It has points, but no two in a row. */
  readonly dotted: boolean;
}

export interface Drawing {
  readonly body: readonly string[];
  /** Room taken below the plot, in pixels. */
  readonly height: number;
}

/** How the names of lines are shown: in a column at their ends, or in a legend when `fit` is false. */
export interface Names {
  readonly fit: boolean;
  /** Pixels to keep free right of the plot. */
  readonly columnWidth: number;
  readonly lines: readonly NamedLine[];
  /** The column, given where each line ends. */
  readonly draw: (ends: readonly (Point | undefined)[], plot: Box) => Drawing;
}

const SIZE = 12.5;
/** Distance of two names in the column. */
const GAP = 18;
const SWATCH = 16;
const MOST_WIDTH = 190;
const MOST_LINES = 12;

/** Decides where the names go. A line without a name gets none. */
export function placeNames(lines: readonly NamedLine[]): Names {
  const widest = Math.max(0, ...lines.map(({ name, emphasis }) => textWidth(name, SIZE, emphasis)));
  const fit = widest <= MOST_WIDTH && lines.length <= MOST_LINES;
  const columnWidth = fit && widest > 0 ? 10 + SWATCH + 6 + widest : 6;
  return { fit, columnWidth, lines, draw: (ends, plot) => ({ body: drawColumn(lines, ends, plot), height: 0 }) };
}

function drawColumn(lines: readonly NamedLine[], ends: readonly (Point | undefined)[], plot: Box): string[] {
  const shown = lines.map((line, i) => ({ line, end: ends[i] })).filter(({ line }) => line.name !== "");
  // A line without any point is named at the bottom.
  const wanted = shown.map(({ end }) => end?.y ?? plot.bottom);
  const heights = spread(wanted, GAP, plot.top, plot.bottom);
  return shown.flatMap(({ line, end }, i) => {
    const y = heights[i]!;
    const x = plot.right + 10;
    const parts = [swatch(line, x, y), nameText(line, x + SWATCH + 6, y, MOST_WIDTH)];
    // A thread to the line's end where the name had to move away from it.
    if (end !== undefined && Math.abs(end.x - plot.right) < 1 && Math.abs(end.y - y) > 1.5) {
      const d = `M${plot.right + 2} ${end.y.toFixed(2)}L${x - 1} ${y.toFixed(2)}`;
      parts.unshift(element("path", { d, fill: "none", stroke: line.colour, "stroke-width": 1, opacity: 0.6 }));
    }
    return parts;
  });
}

/** All names in rows below the plot, in columns of one width, as many as fit into `width`. */
export function legend(lines: readonly NamedLine[], left: number, top: number, width: number): Drawing {
  const shown = lines.filter(({ name }) => name !== "");
  const widest = Math.max(0, ...shown.map(({ name, emphasis }) => textWidth(name, SIZE, emphasis)));
  const between = 24;
  const columns = Math.max(1, Math.floor((width + between) / (SWATCH + 6 + widest + between)));
  const columnWidth = (width + between) / columns;
  const body = shown.flatMap((line, i) => {
    const x = left + (i % columns) * columnWidth;
    const y = top + 6 + 20 * Math.floor(i / columns);
    return [swatch(line, x, y), nameText(line, x + SWATCH + 6, y, columnWidth - between - SWATCH - 6)];
  });
  return { body, height: 20 * Math.ceil(shown.length / columns) + 6 };
}

function swatch({ colour, width, dash, dotted }: NamedLine, x: number, y: number): string {
  if (dotted) return element("circle", { cx: x + SWATCH / 2, cy: y, r: width + 1.6, fill: colour });
  const stroke = { stroke: colour, "stroke-width": width, "stroke-dasharray": dash };
  return element("line", { x1: x, x2: x + SWATCH, y1: y, y2: y, ...stroke });
}

function nameText({ name, emphasis }: NamedLine, x: number, y: number, width: number): string {
  return label(x, y + 4.4, shorten(name, SIZE, width, emphasis), { size: SIZE, bold: emphasis });
}

/**
 * Heights as near as possible to the wanted ones (least squares) that are `gap` apart in their order, between `top`
 * and `bottom` as far as they have room there.
 */
export function spread(wanted: readonly number[], gap: number, top: number, bottom: number): number[] {
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a]! - wanted[b]!);
  // Names that touch form a block, which stands at the mean of what its names want.
  const blocks: { sum: number; count: number }[] = [];
  const start = ({ sum, count }: { sum: number; count: number }): number => {
    const room = Math.max(top, bottom - (count - 1) * gap);
    return Math.min(Math.max(sum / count - ((count - 1) * gap) / 2, top), room);
  };
  for (const i of order) {
    let block = { sum: wanted[i]!, count: 1 };
    for (let above = blocks.at(-1); above !== undefined; above = blocks.at(-1)) {
      if (start(above) + above.count * gap <= start(block)) break;
      blocks.pop();
      block = { sum: above.sum + block.sum, count: above.count + block.count };
    }
    blocks.push(block);
  }
  const heights: number[] = wanted.map(() => 0);
  let next = 0;
  for (const block of blocks) {
    for (let k = 0; k < block.count; k++) heights[order[next++]!] = start(block) + k * gap;
  }
  return heights;
}
