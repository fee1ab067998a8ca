import { logAxis } from "./axis.ts";
import { drawAxes, drawHeadings, EDGE, TICK_SIZE, WIDTH } from "./frame.ts";
import { type Box, drawWords, placeWords, type PlacedWords, type Point } from "./marks.ts";
import { LINE_COLOURS } from "./palette.ts";
import { AXIS, element, label, MUTED, picture } from "./svg.ts";
import { textWidth, wrap } from "./text.ts";

export interface ScatterPoint {
  readonly name: string;
  readonly x: number;
  /** Below the chart's floor it is drawn on it. */
  readonly y: number;
  /** Index into the chart's groups. */
  readonly group: number;
}

export interface ScatterChart {
  readonly title: string;
  readonly subtitle?: string;
  readonly xLabel: string;
  readonly yLabel: string;
  /** What the colours and shapes mean; at most four. */
  readonly groups: readonly string[];
  readonly points: readonly ScatterPoint[];
  /** What stands at the bottom instead of a value: everything that is smaller than the smallest one shown. */
  readonly floor: { readonly y: number; readonly label: string };
}

const PLOT_HEIGHT = 360;
const SHAPES = [disc, diamond, square, triangle];
/** Where names are looked for, in pixels from their points. */
const DISTANCES = [9, 24, 42, 60, 80, 104];
/** Farther than this from its point, a name gets a thread to it. */
const NEAR = 14;
const KEY_SIZE = 12.5;

/**
 * Points with names on two logarithmic axes, as SVG, 760 pixels wide. Points that cannot be drawn (x not above 0, a number
 * that is not finite) are left out.
 */
export function scatterChart(chart: ScatterChart): string {
  const { floor, groups } = chart;
  const points = chart.points
    .filter(({ x, y }) => Number.isFinite(x) && x > 0 && Number.isFinite(y) && y >= 0)
    .map((point) => ({ ...point, y: Math.max(point.y, floor.y) }));
  const xs = points.map(({ x }) => x);
  const ys = points.map(({ y }) => y);
  const xAxis = logAxis(Math.min(1, ...xs) / 1.25, Math.max(2, ...xs) * 1.35, 8);
  const above = logAxis(floor.y / 3, Math.max(10 * floor.y, ...ys) * 3, 9);
  const yAxis = {
    place: above.place,
    ticks: [{ value: floor.y, label: floor.label }, ...above.ticks.filter(({ value }) => value > 2 * floor.y)],
  };

  const { top, body: headings } = drawHeadings(chart);
  const left = EDGE + Math.max(...yAxis.ticks.map((tick) => textWidth(tick.label, TICK_SIZE))) + 10;
  const plot: Box = { left, top, right: WIDTH - EDGE, bottom: top + PLOT_HEIGHT };
  const placed = points.map(({ x, y, name, group }) => ({
    x: left + xAxis.place(x) * (plot.right - left),
    y: plot.bottom - yAxis.place(y) * PLOT_HEIGHT,
    label: name,
    group,
  }));
  const words = placeWords(placed, [], plot, DISTANCES);
  const xLabels = wrap(chart.xLabel, TICK_SIZE, plot.right - left, 2);
  const under = plot.bottom + 50 + 16 * xLabels.length;
  return picture(WIDTH, under + EDGE, chart.title, [
    ...headings,
    ...drawAxes(xAxis, yAxis, plot),
    ...xLabels.map((line, i) =>
      label((left + plot.right) / 2, plot.bottom + 42 + 16 * i, line, {
        size: TICK_SIZE,
        fill: MUTED,
        anchor: "middle",
      }),
    ),
    ...placed.flatMap((point, i) => thread(point, words[i]!)),
    ...placed.map(({ x, y, group }) => symbol(x, y, group)),
    ...words.map(drawWords),
    ...key(groups, left, under),
    ...(points.length > 0 ? [] : [nothing((left + plot.right) / 2, (top + plot.bottom) / 2)]),
  ]);
}

const nothing = (x: number, y: number): string =>
  label(x, y, "no finite values", { size: 14, fill: MUTED, anchor: "middle", halo: true });

/** From a point to the nearest place of its name, where that stands apart. */
function thread({ x, y }: Point, { box }: PlacedWords): string[] {
  const near = { x: Math.min(Math.max(x, box.left), box.right), y: Math.min(Math.max(y, box.top), box.bottom) };
  if (Math.hypot(near.x - x, near.y - y) <= NEAR) return [];
  return [element("line", { x1: x, y1: y, x2: near.x, y2: near.y, stroke: AXIS, "stroke-width": 0.8 })];
}

/** The groups with their symbols, in one row. */
function key(groups: readonly string[], left: number, top: number): string[] {
  let x = left;
  return groups.flatMap((name, group) => {
    const parts = [symbol(x + 6, top, group), label(x + 18, top + 4.4, name, { size: KEY_SIZE })];
    x += 18 + textWidth(name, KEY_SIZE) + 26;
    return parts;
  });
}

const colourOf = (group: number): string => LINE_COLOURS[group % LINE_COLOURS.length]!;
const symbol = (x: number, y: number, group: number): string => SHAPES[group % SHAPES.length]!(x, y, colourOf(group));

function disc(cx: number, cy: number, fill: string): string {
  return element("circle", { cx, cy, r: 5.5, fill, stroke: "#fff", "stroke-width": 1 });
}
function shape(d: string, fill: string): string {
  return element("path", { d, fill, stroke: "#fff", "stroke-width": 1 });
}
const at = (...values: readonly number[]): string => values.map((value) => value.toFixed(2)).join(" ");
function diamond(x: number, y: number, fill: string): string {
  return shape(`M${at(x, y - 7)}L${at(x + 7, y)}L${at(x, y + 7)}L${at(x - 7, y)}Z`, fill);
}
function square(x: number, y: number, fill: string): string {
  return shape(`M${at(x - 5, y - 5)}H${at(x + 5)}V${at(y + 5)}H${at(x - 5)}Z`, fill);
}
function triangle(x: number, y: number, fill: string): string {
  return shape(`M${at(x, y - 6.5)}L${at(x + 6, y + 5)}L${at(x - 6, y + 5)}Z`, fill);
}
