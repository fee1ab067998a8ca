import { DrmadError } from "../errors.ts";
import { type Axis, linearAxis, logAxis } from "./axis.ts";
import { NO_VALUE, SCALE_STOPS, scaleColour } from "./palette.ts";
import { AXIS, decimal, element, label, MUTED, picture } from "./svg.ts";
import { textWidth, wrap } from "./text.ts";

export interface HeatMap {
  readonly title: string;
  readonly subtitle?: string;
  /** Row by row from the top left, `height · width` of them. One that cannot be shown leaves a grey cell. */
  readonly values: ArrayLike<number>;
  readonly height: number;
  readonly width: number;
  /** What the colours show, unit included. */
  readonly label: string;
  /** Logarithmic colours; values at or below 0 leave grey cells. */
  readonly log?: boolean;
}

const EDGE = 24;
/** Room that the cells may take, in pixels. */
const MOST_WIDTH = 900;
const MOST_HEIGHT = 560;
/** Side of a map that does not need more. */
const USUAL = 392;
const LEAST_WIDTH = 312;
const MOST_CELLS = 2 ** 20;
const LARGEST = 1e300;
const SMALLEST_LOG = 1e-280;
const SHADES = 256;

/**
 * A heat map as SVG: square cells, dark for low and light for high, and below them the scale with its unit. The size
 * follows from the number of cells: 28 × 28 take 14 pixels each, 8 × 8 take 49.
 *
 * Errors: `invalid-argument` when the numbers of cells and values differ, or there are none, or more than 2²⁰.
 */
export function heatMap(map: HeatMap): string {
  const { values, height, width } = map;
  const cells = height * width;
  const counts = [height, width].every((count) => Number.isSafeInteger(count) && count > 0);
  if (!counts || cells !== values.length || cells > MOST_CELLS) {
    throw new DrmadError("invalid-argument", `A heat map of ${height} × ${width} cells with ${values.length} values.`, {
      hint: `Give one value for each cell, at least 1 and at most ${MOST_CELLS} of them.`,
    });
  }
  const cell = cellSize(height, width);
  const inner = Math.max(LEAST_WIDTH, cell * width);
  const scale = scaleOf(values, map.log === true, inner / 80);

  const titles = wrap(map.title, 17, inner, 4, true);
  const subtitles = wrap(map.subtitle ?? "", 13, inner, 4).filter((line) => line !== "");
  const titleBottom = EDGE + 12 + 22 * (titles.length - 1);
  const top = titleBottom + 4 + 18 * subtitles.length + 16;
  const barTop = top + cell * height + 20;
  const bar = drawBar(scale, map.label, { left: EDGE, top: barTop, width: inner });
  const body = [
    ...titles.map((line, i) => label(EDGE, EDGE + 12 + 22 * i, line, { size: 17, bold: true })),
    ...subtitles.map((line, i) => label(EDGE, titleBottom + 22 + 18 * i, line, { size: 13, fill: MUTED })),
    drawCells(values, width, scale, { left: EDGE, top, cell }),
    ...bar.body,
  ];
  return picture(inner + 2 * EDGE, barTop + bar.height + EDGE - 4, map.title, body);
}

interface Scale {
  /** Undefined when there is no value to show. */
  readonly axis: Axis | undefined;
  /** 0 … 255, or -1 for a cell without a value. */
  readonly shade: (value: number) => number;
  /** Some cell has no value. */
  readonly gaps: boolean;
}

function scaleOf(values: ArrayLike<number>, log: boolean, count: number): Scale {
  const shown = (value: number): boolean => Math.abs(value) <= LARGEST && (!log || value >= SMALLEST_LOG);
  let low = Infinity;
  let high = -Infinity;
  let gaps = false;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!shown(value)) gaps = true;
    else {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  if (low > high) return { axis: undefined, shade: () => -1, gaps };
  const axis = log ? logAxis(low, high, count + 1) : linearAxis(low, high, { count });
  const shade = (value: number): number =>
    shown(value) ? Math.min(Math.max(Math.floor(axis.place(value) * SHADES), 0), SHADES - 1) : -1;
  return { axis, shade, gaps };
}

function colourOf(shade: number): string {
  return shade < 0 ? NO_VALUE : scaleColour((shade + 0.5) / SHADES);
}

/** Whole pixels where there is one for each cell. */
function cellSize(height: number, width: number): number {
  const room = Math.min(MOST_WIDTH / width, MOST_HEIGHT / height, Math.max(USUAL / Math.max(height, width), 10));
  return room >= 1 ? Math.floor(room) : room;
}

/** One path for each shade, cells of one shade side by side as one rectangle: small files, and no seams. */
function drawCells(
  values: ArrayLike<number>,
  width: number,
  { shade }: Scale,
  { left, top, cell }: { readonly left: number; readonly top: number; readonly cell: number },
): string {
  const paths = new Map<number, string[]>();
  for (let i = 0; i < values.length;) {
    const row = Math.floor(i / width);
    const first = i;
    const found = shade(values[i]!);
    for (i++; i < (row + 1) * width && shade(values[i]!) === found; i++);
    const x = decimal(left + (first - row * width) * cell);
    const y = decimal(top + row * cell);
    const length = decimal((i - first) * cell);
    const run = `M${x} ${y}h${length}v${decimal(cell)}h-${length}z`;
    const path = paths.get(found);
    if (path === undefined) paths.set(found, [run]);
    else path.push(run);
  }
  const parts = [...paths].map(([key, runs]) => element("path", { d: runs.join(""), fill: colourOf(key) }));
  return element("g", { "shape-rendering": "crispEdges" }, ...parts);
}

/** The same in every picture, so that two of them in one page do not disturb each other. */
const GRADIENT = "drmad-scale";

function gradient(): string {
  const stops = SCALE_STOPS.map((colour, i) =>
    element("stop", { offset: `${(100 * i) / (SCALE_STOPS.length - 1)}%`, "stop-color": colour }),
  );
  return element("linearGradient", { id: GRADIENT }, ...stops);
}

function drawBar(
  { axis, gaps }: Scale,
  unit: string,
  { left, top, width }: { readonly left: number; readonly top: number; readonly width: number },
): { readonly body: readonly string[]; readonly height: number } {
  const body: string[] = [];
  const key = gaps ? "no value" : "";
  let y = top;
  const units = wrap(unit, 12, width - (gaps ? textWidth(key, 12) + 40 : 0), 2);
  units.forEach((line, i) => body.push(label(left, y + 10 + 16 * i, line, { size: 12, fill: MUTED })));
  if (gaps) {
    const x = left + width - textWidth(key, 12);
    body.push(element("rect", { x: x - 18, y, width: 12, height: 12, fill: NO_VALUE }));
    body.push(label(x, y + 10, key, { size: 12, fill: MUTED }));
  }
  y += 16 * units.length + 4;
  if (axis === undefined) return { body, height: y - top };

  body.push(gradient(), element("rect", { x: left, y, width, height: 12, fill: `url(#${GRADIENT})` }));
  let taken = -Infinity;
  for (const { value, label: content } of axis.ticks) {
    const x = left + axis.place(value) * width;
    body.push(element("line", { x1: x, x2: x, y1: y + 12, y2: y + 17, stroke: AXIS, "stroke-width": 1.2 }));
    const half = textWidth(content, 12) / 2;
    // Over the end of the scale a label may not run over the edge of the picture.
    const centre = Math.min(Math.max(x, left - EDGE + 4 + half), left + width + EDGE - 4 - half);
    if (centre - half < taken + 8) continue;
    taken = centre + half;
    body.push(label(centre, y + 31, content, { size: 12, fill: MUTED, anchor: "middle" }));
  }
  return { body, height: y + 35 - top };
}
