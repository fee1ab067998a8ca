import { logAxis } from "./axis.ts";
import { drawAxes, drawHeadings, EDGE, TICK_SIZE, WIDTH } from "./frame.ts";
import { legend, type NamedLine } from "./line-names.ts";
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
  /** A dashed line across, with its name. */
  readonly levels?: readonly { readonly name: string; readonly y: number }[];
  /** What stands at the bottom instead of a value: everything that is smaller than the smallest one shown. */
  readonly floor: { readonly y: number; readonly label: string };
}

const PLOT_HEIGHT = 340;
const SHAPES = [disc, diamond, square, triangle];
/** Farther than this from its point, words get a thread to it. */
const NEAR = 22;

/** Points with names on two logarithmic axes, as SVG, 760 pixels wide. Points that cannot be drawn are left out. */
export function scatterChart(chart: ScatterChart): string {
  const { floor, groups } = chart;
  const shown = (value: number): boolean => Number.isFinite(value) && value > 0;
  const points = chart.points
    .filter(({ x, y }) => shown(x) && Number.isFinite(y) && y >= 0)
    .map((point) => ({ ...point, y: Math.max(point.y, floor.y) }));
  const levels = (chart.levels ?? []).filter(({ y }) => shown(y)).map((level) => ({ ...level, y: Math.max(level.y, floor.y) }));
  const xs = points.map(({ x }) => x);
  const ys = [...points, ...levels].map(({ y }) => y);
  const xAxis = logAxis(Math.min(1, ...xs) / 1.15, Math.max(2, ...xs) * 1.3, 8);
  const above = logAxis(floor.y / 1.6, Math.max(10 * floor.y, ...ys) * 2, 9);
  const yAxis = {
    place: above.place,
    ticks: [{ value: floor.y, label: floor.label }, ...above.ticks.filter(({ value }) => value > 2 * floor.y)],
  };

  const { top, body: headings } = drawHeadings(chart);
  const left = EDGE + Math.max(...yAxis.ticks.map((tick) => textWidth(tick.label, TICK_SIZE))) + 10;
  const plot: Box = { left, top, right: WIDTH - EDGE, bottom: top + PLOT_HEIGHT };
  const toX = (x: number): number => left + xAxis.place(x) * (plot.right - left);
  const toY = (y: number): number => plot.bottom - yAxis.place(y) * PLOT_HEIGHT;
  const placed = points.map(({ x, y, name, group }) => ({ x: toX(x), y: toY(y), label: name, group }));
  const lines = levels.map(({ y }) => [
    { x: left, y: toY(y) },
    { x: plot.right, y: toY(y) },
  ]);
  const names: Box[] = levels.map(({ y, name }) => {
    const right = left + 6 + textWidth(name, TICK_SIZE);
    return { left: left + 6, right, top: toY(y) - 18, bottom: toY(y) - 3 };
  });
  const words = placeWords(placed, [...lines, ...names.map(outline)], plot, [9, 24, 44, 64]);
  const xLabels = wrap(chart.xLabel, TICK_SIZE, plot.right - left, 2);
  const under = plot.bottom + 42 + 16 * xLabels.length;
  const key = legend(groups.map(keyLine), EDGE + 16, under, WIDTH - 2 * EDGE);
  return picture(WIDTH, under + key.height + EDGE - 16, chart.title, [
    ...headings,
    ...drawAxes(xAxis, yAxis, plot),
    ...xLabels.map((line, i) =>
      label((left + plot.right) / 2, plot.bottom + 42 + 16 * i, line, {
        size: TICK_SIZE,
        fill: MUTED,
        anchor: "middle",
      }),
    ),
    ...levels.flatMap(({ name }, i) => drawLevel(name, lines[i]!, names[i]!)),
    ...placed.flatMap((point, i) => thread(point, words[i]!)),
    ...placed.map(({ x, y, group }) => symbol(x, y, group)),
    ...words.map(drawWords),
    ...key.body,
    ...groups.map((_, i) => keySymbol(i, groups, under)),
  ]);
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
