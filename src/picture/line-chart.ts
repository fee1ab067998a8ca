import { DrmadError } from "../errors.ts";
import { type Axis, linearAxis, logAxis } from "./axis.ts";
import { drawAxes, drawHeadings, EDGE, TICK_SIZE, WIDTH } from "./frame.ts";
import { legend, type NamedLine, placeNames } from "./line-names.ts";
import { type Box, drawMarks, type Point } from "./marks.ts";
import { LINE_COLOURS } from "./palette.ts";
import { decimal, element, label, MUTED, picture } from "./svg.ts";
import { textWidth, wrap } from "./text.ts";

export interface Series {
  readonly name: string;
  /** Points in the order in which they are joined. One that is not finite, or too large to draw, leaves a gap. */
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
  /** The line that the reader should see first. */
  readonly emphasis?: boolean;
  readonly dashed?: boolean;
}

export interface Mark {
  readonly x: number;
  readonly y: number;
  readonly label: string;
}

export interface LineChart {
  readonly title: string;
  readonly subtitle?: string;
  /** What the axes show, units included. */
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly Series[];
  /** Single points worth a word. */
  readonly marks?: readonly Mark[];
  /** Logarithmic y; points at or below 0 leave gaps. */
  readonly logY?: boolean;
}

/** A series with the points that can be drawn, undefined for each other one. */
interface PlacedSeries extends Series {
  readonly points: readonly (Point | undefined)[];
}

const PLOT_HEIGHT = 300;
/** Beyond, differences overflow; nothing that is measured is there. */
const LARGEST = 1e300;
const SMALLEST_LOG = 1e-280;

/**
 * A line chart as SVG, 760 pixels wide. Names stand at the ends of the lines where they fit, in a legend below where
 * they do not.
 *
 * Errors: `invalid-argument` when the x and y of a series differ in length.
 */
export function lineChart(chart: LineChart): string {
  const logY = chart.logY === true;
  const series = chart.series.map((one): PlacedSeries => ({ ...one, points: pointsOf(one, logY) }));
  const marks = (chart.marks ?? []).filter((mark) => drawable(mark, logY));
  const finite = [...series.flatMap(({ points }) => points.filter((point) => point !== undefined)), ...marks];
  const [xAxis, yAxis] = axesOf(finite, logY);

  const { top, body: headings } = drawHeadings(chart);
  const bottom = top + PLOT_HEIGHT;
  const left = EDGE + Math.max(...yAxis.ticks.map((tick) => textWidth(tick.label, TICK_SIZE)), 0) + 10;

  const named = placeNames(series.map(lineStyle));
  const right = WIDTH - EDGE - named.columnWidth;
  const toX = (x: number): number => left + xAxis.place(x) * (right - left);
  const toY = (y: number): number => bottom - yAxis.place(y) * (bottom - top);
  const lines = series.map(({ points }) =>
    points.map((point) => (point === undefined ? undefined : { x: toX(point.x), y: toY(point.y) })),
  );

  const plot: Box = { left, top, right, bottom };
  const xLabels = wrap(chart.xLabel, TICK_SIZE, right - left, 2);
  const under = bottom + 42 + 16 * xLabels.length;
  const names = named.fit ? named.draw(lines.map(lastPoint), plot) : legend(named.lines, EDGE, under, WIDTH - 2 * EDGE);
  const order = lines.map((_, i) => i).sort((a, b) => emphasisOf(series[a]!) - emphasisOf(series[b]!));
  const body = [
    ...headings,
    ...drawAxes(xAxis, yAxis, plot),
    ...xLabels.map((line, i) =>
      label((left + right) / 2, bottom + 42 + 16 * i, line, { size: TICK_SIZE, fill: MUTED, anchor: "middle" }),
    ),
    ...order.map((i) => drawLine(lines[i]!, named.lines[i]!)),
    ...order.flatMap((i) => drawDots(lines[i]!, named.lines[i]!)),
    ...names.body,
    ...drawMarks(
      marks.map((mark) => ({ x: toX(mark.x), y: toY(mark.y), label: mark.label })),
      lines,
      plot,
    ),
  ];
  if (finite.length === 0) {
    const style = { size: 14, fill: MUTED, anchor: "middle", halo: true } as const;
    body.push(label((left + right) / 2, (top + bottom) / 2, "no finite values", style));
  }
  return picture(WIDTH, under + names.height + EDGE - 16, chart.title, body);
}

function pointsOf({ name, x, y }: Series, logY: boolean): (Point | undefined)[] {
  if (x.length !== y.length) {
    throw new DrmadError(
      "invalid-argument",
      `The series ${JSON.stringify(name)} has ${x.length} x but ${y.length} y.`,
      {
        hint: "Give one y for each x.",
      },
    );
  }
  return Array.from({ length: x.length }, (_, i) => {
    const point = { x: x[i]!, y: y[i]! };
    return drawable(point, logY) ? point : undefined;
  });
}

function drawable({ x, y }: Point, logY: boolean): boolean {
  return Math.abs(x) <= LARGEST && Math.abs(y) <= LARGEST && (!logY || y >= SMALLEST_LOG);
}

function axesOf(points: readonly Point[], logY: boolean): readonly [Axis, Axis] {
  const [x0, x1, y0, y1] = points.length > 0 ? extent(points) : [0, 1, logY ? 0.1 : 0, 1];
  const whole = points.every(({ x }) => Number.isSafeInteger(x));
  const xAxis = linearAxis(x0, x1, { count: 7, whole });
  if (!logY) return [xAxis, linearAxis(y0, y1, { count: 5, round: true })];
  // Lines should not run along the frame.
  const margin = (y1 / y0) ** 0.04;
  return [xAxis, logAxis(Math.max(y0 / margin, SMALLEST_LOG), Math.min(y1 * margin, LARGEST), 7)];
}

function extent(points: readonly Point[]): [number, number, number, number] {
  const found: [number, number, number, number] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const { x, y } of points) {
    found[0] = Math.min(found[0], x);
    found[1] = Math.max(found[1], x);
    found[2] = Math.min(found[2], y);
    found[3] = Math.max(found[3], y);
  }
  return found;
}

function lineStyle({ name, emphasis = false, dashed = false, points }: PlacedSeries, index: number): NamedLine {
  const colours = LINE_COLOURS.length;
  return {
    name: name !== "" && points.every((point) => point === undefined) ? `${name}: no values` : name,
    emphasis,
    // When the colours are used up, they come again dotted.
    dash: dashed ? "7 4" : index >= colours ? "2 3.5" : undefined,
    colour: LINE_COLOURS[index % colours]!,
    width: emphasis ? 3 : 1.9,
    dotted: points.some((point) => point !== undefined) && points.every((point, i) => isAlone(points, i) || !point),
  };
}

/** A point that no line leads to or from. */
function isAlone(points: readonly (Point | undefined)[], i: number): boolean {
  return points[i] !== undefined && points[i - 1] === undefined && points[i + 1] === undefined;
}

function emphasisOf({ emphasis }: Series): number {
  return emphasis === true ? 1 : 0;
}

function lastPoint(line: readonly (Point | undefined)[]): Point | undefined {
  return line.findLast((point) => point !== undefined);
}

/** Joins neighbouring points, but for those that fall onto the one before. */
function drawLine(line: readonly (Point | undefined)[], { colour, width, dash }: NamedLine): string {
  const path: string[] = [];
  let before: Point | undefined;
  line.forEach((point, i) => {
    if (point === undefined) {
      before = undefined;
    } else if (
      !isAlone(line, i) &&
      (before === undefined || line[i + 1] === undefined || distance(before, point) > 0.3)
    ) {
      path.push(`${before === undefined ? "M" : "L"}${decimal(point.x)} ${decimal(point.y)}`);
      before = point;
    }
  });
  if (path.length === 0) return "";
  const stroke = { stroke: colour, "stroke-width": width, "stroke-dasharray": dash, "stroke-linejoin": "round" };
  return element("path", { d: path.join(""), fill: "none", ...stroke });
}

/** The points that no line joins. */
function drawDots(line: readonly (Point | undefined)[], { colour, width }: NamedLine): string[] {
  return line.flatMap((point, i) =>
    point !== undefined && isAlone(line, i)
      ? [element("circle", { cx: point.x, cy: point.y, r: width + 1.6, fill: colour })]
      : [],
  );
}

function distance(a: Point, b: Point): number {
  return Math.max(Math.abs(a.x - b.x), Math.abs(a.y - b.y));
}
