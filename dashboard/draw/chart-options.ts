import type uPlot from "uplot";
import { short, tick } from "../data/numbers.ts";
import type { Theme } from "./palette.ts";

export interface Line {
  readonly name: string;
  readonly y: readonly (number | null)[];
  readonly colour: string;
  readonly dash?: readonly number[] | undefined;
  readonly width?: number;
  /** From 0 to 1. */
  readonly opacity?: number;
  /** Whether it is named below the title. */
  readonly quiet?: boolean;
  /** Filled down to the line of this index. */
  readonly bandTo?: number;
  readonly dots?: boolean;
  /** Points alone, for what was not measured in between. */
  readonly points?: boolean;
}

export interface Level {
  readonly y: number;
  readonly name: string;
}

export interface Mark {
  readonly x: number;
  readonly y: number;
  readonly name: string;
  readonly colour: string;
}

/** What is drawn; numbers that are not finite are gaps, and are told of below the chart. */
export interface Drawing {
  readonly x: readonly number[];
  readonly lines: readonly Line[];
  readonly xLabel: string;
  readonly yLabel: string;
  readonly log: boolean;
  /** Whether x counts something, so that there is nothing between two whole numbers. */
  readonly whole: boolean;
  readonly levels: readonly Level[];
  readonly marks: readonly Mark[];
  /** A place along x that something else shows. */
  readonly at?: number | undefined;
  readonly range?: readonly [number, number] | undefined;
  readonly format: (value: number) => string;
}

const FONT = '12px system-ui, -apple-system, "Segoe UI", sans-serif';
const WHOLE = [1, 2, 5].flatMap((m) => [m, 10 * m, 100 * m, 1000 * m, 1e4 * m, 1e5 * m, 1e6 * m]).sort((a, b) => a - b);

/** Room above a level at the top, for its name. */
const NAMED = 2.6;

function yRange({ lines, levels, log, range }: Drawing): [number, number] {
  if (range !== undefined) return [...range];
  let [least, most] = [Infinity, -Infinity];
  const take = (y: number | null): void => {
    if (y === null || !Number.isFinite(y) || (log && y <= 0)) return;
    least = Math.min(least, y);
    most = Math.max(most, y);
  };
  for (const { y } of lines) for (const v of y) take(v);
  for (const { y } of levels) take(y);
  if (least > most) return log ? [0.1, 1] : [0, 1];
  const above = levels.some(({ y, name }) => y === most && name !== "") ? NAMED : 1;
  if (log) {
    const margin = Math.max((most / least) ** 0.06, 1.05);
    return [least / margin, most * margin ** above];
  }
  const margin = least === most ? Math.abs(least) * 0.1 || 1 : (most - least) * 0.06;
  // Losses and shares do not go below nothing, and an axis that does so looks as if they might.
  return [least >= 0 && least < margin ? 0 : least - margin, most + above * margin];
}

/** One place alone has room on both sides; where one looks closer, `min` and `max` say. */
function xRange(x: readonly number[], min: number, max: number): [number, number] {
  return x.length === 1 ? [x[0]! - 0.5, x[0]! + 0.5] : [min, max];
}

/** @param now what to draw, asked at every drawing, so that new numbers need no new chart */
export function chartOptions(
  now: () => Drawing,
  theme: Theme,
  width: number,
  height: number,
  onCursor: (index: number | null) => void,
): uPlot.Options {
  const first = now();
  const numbers = (_: uPlot, splits: readonly (number | null)[]): string[] => {
    const shown = splits.filter((v): v is number => v !== null);
    const distance = shown.length > 1 ? Math.abs(shown[1]! - shown[0]!) : 1;
    return splits.map((v) => (v === null ? "" : first.log ? tick(v, Math.abs(v)) : tick(v, distance)));
  };
  const axis: uPlot.Axis = {
    stroke: theme.muted,
    font: FONT,
    labelFont: FONT,
    labelSize: 18,
    labelGap: 2,
    ticks: { stroke: theme.grid, size: 4 },
    grid: { stroke: theme.grid, width: 1 },
  };
  const widest = (u: uPlot, values: string[] | null): number => {
    u.ctx.font = FONT;
    const most = Math.max(0, ...(values ?? []).map((text) => u.ctx.measureText(text).width));
    return Math.ceil(most) + 12;
  };
  return {
    width,
    height,
    legend: { show: false },
    padding: [8, 16, 0, 0],
    cursor: {
      drag: { x: true, y: false },
      points: { size: 7 },
      y: false,
    },
    scales: {
      x: { time: false, range: (_, min, max) => xRange(now().x, min, max) },
      y: { distr: first.log ? 3 : 1, range: () => yRange(now()) },
    },
    axes: [
      {
        ...axis,
        label: first.xLabel,
        size: 28,
        ...(first.whole ? { incrs: WHOLE } : {}),
        values: (_, splits) => splits.map((v) => (Math.abs(v) >= 1e5 ? short(v) : String(Number(v.toPrecision(6))))),
      },
      {
        ...axis,
        label: first.yLabel,
        values: numbers,
        size: (u, values) => widest(u, values),
        ...(first.log
          ? { filter: decadesOrFew, grid: { ...axis.grid, filter: decades }, ticks: { ...axis.ticks, filter: decades } }
          : {}),
      },
    ],
    series: [
      {},
      ...first.lines.map((line): uPlot.Series => ({
        label: line.name,
        stroke: faded(line.colour, line.opacity ?? 1),
        width: line.width ?? 1.6,
        ...(line.dash === undefined ? {} : { dash: [...line.dash] }),
        spanGaps: false,
        ...(line.points === true ? { paths: () => null } : {}),
        points: {
          show: line.dots === true || line.points === true,
          size: line.points === true ? 8 : 5,
          fill: line.colour,
          filter: alone,
        },
      })),
    ],
    bands: first.lines.flatMap((line, i) =>
      line.bandTo === undefined
        ? []
        : [{ series: [i + 1, line.bandTo + 1] as [number, number], fill: faded(line.colour, 0.14), dir: -1 as const }],
    ),
    hooks: {
      setCursor: [(u) => onCursor(u.cursor.idx ?? null)],
      draw: [(u) => (drawBars(u, now()), drawExtras(u, now(), theme))],
    },
  };
}

/** Points that no line leads to or from, which would not be seen. */
function alone(u: uPlot, series: number, show: boolean): number[] | null {
  if (show) return null;
  const y = u.data[series]!;
  const is = (i: number): boolean => y[i] !== null && y[i] !== undefined;
  const found: number[] = [];
  for (let i = 0; i < y.length; i++) if (is(i) && !is(i - 1) && !is(i + 1)) found.push(i);
  return found;
}

/** Where a band is known at single places only, it is a bar at each: nothing is said of what lies between. */
function drawBars(u: uPlot, { lines }: Drawing): void {
  const { ctx } = u;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.lineWidth = 7 * ratio;
  for (const [i, { bandTo, colour }] of lines.entries()) {
    if (bandTo === undefined) continue;
    ctx.strokeStyle = faded(colour, 0.28);
    for (const at of alone(u, i + 1, false) ?? []) {
      const low = u.data[bandTo + 1]![at];
      if (low === null || low === undefined) continue;
      const x = u.valToPos(u.data[0][at]!, "x", true);
      ctx.beginPath();
      ctx.moveTo(x, u.valToPos(u.data[i + 1]![at]!, "y", true));
      ctx.lineTo(x, u.valToPos(low, "y", true));
      ctx.stroke();
    }
  }
  ctx.restore();
}

/** Over more than two decades, only the powers of ten have a line. */
const decades = (u: uPlot, splits: number[]): (number | null)[] => {
  const { min, max } = u.scales["y"]!;
  if (max! / min! < 100) return splits;
  const every = Math.ceil(Math.log10(max! / min!) / 7);
  return splits.map((v) => {
    const power = Math.log10(v);
    return Math.abs(power - Math.round(power)) < 1e-6 && Math.round(power) % every === 0 ? v : null;
  });
};

/** Numbers at 1, 2 and 5 times the powers of ten, or at these alone. */
const decadesOrFew = (u: uPlot, splits: number[]): (number | null)[] => {
  const { min, max } = u.scales["y"]!;
  if (max! / min! >= 100) return decades(u, splits);
  const first = max! / min! < 4 ? [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9] : [1, 2, 5];
  return splits.map((v) => {
    const digit = v / 10 ** Math.floor(Math.log10(v) + 1e-9);
    return first.some((m) => Math.abs(digit - m) < 1e-6) ? v : null;
  });
};

/** #rrggbb with an opacity. */
const faded = (colour: string, opacity: number): string =>
  `${colour}${Math.round(255 * opacity)
    .toString(16)
    .padStart(2, "0")}`;

function drawExtras(u: uPlot, { levels, marks, at }: Drawing, theme: Theme): void {
  const { ctx } = u;
  const ratio = devicePixelRatio;
  const { left, top, width, height } = u.bbox;
  const toX = (x: number): number => u.valToPos(x, "x", true);
  const toY = (y: number): number => u.valToPos(y, "y", true);
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, width, height);
  ctx.clip();
  ctx.font = FONT.replace("12px", `${11.5 * ratio}px`);
  if (at !== undefined) {
    ctx.strokeStyle = theme.ink;
    ctx.lineWidth = ratio;
    ctx.beginPath();
    ctx.moveTo(toX(at), top);
    ctx.lineTo(toX(at), top + height);
    ctx.stroke();
  }
  for (const { y, name } of levels) {
    ctx.strokeStyle = theme.muted;
    ctx.lineWidth = ratio;
    ctx.setLineDash([5 * ratio, 4 * ratio]);
    ctx.beginPath();
    ctx.moveTo(left, toY(y));
    ctx.lineTo(left + width, toY(y));
    ctx.stroke();
    ctx.setLineDash([]);
    if (name === "") continue;
    const low = toY(y) - top < 16 * ratio;
    // The name of a mark near its end would lie over it.
    const near = (mark: Mark): boolean =>
      toX(mark.x) > left + 0.6 * width && Math.abs(toY(mark.y) - toY(y)) < 45 * ratio;
    const [side, x] = marks.some(near)
      ? (["left", left + 6 * ratio] as const)
      : (["right", left + width - 6 * ratio] as const);
    write(ctx, name, x, toY(y) + (low ? 13 : -5) * ratio, side, theme);
  }
  ctx.restore();
  ctx.save();
  ctx.font = FONT.replace("12px", `${11.5 * ratio}px`);
  for (const { x, y, name, colour } of marks) {
    // Where one looks closer, it may be elsewhere.
    if (x < u.scales["x"]!.min! || x > u.scales["x"]!.max!) continue;
    const [px, py] = [toX(x), toY(y)];
    ctx.beginPath();
    ctx.arc(px, py, 5 * ratio, 0, 2 * Math.PI);
    ctx.fillStyle = theme.panel;
    ctx.strokeStyle = colour;
    ctx.lineWidth = 2 * ratio;
    ctx.fill();
    ctx.stroke();
    const right = px > left + width * 0.6;
    const below = py - top < 24 * ratio;
    write(ctx, name, px + (right ? -4 : 4) * ratio, py + (below ? 20 : -10) * ratio, right ? "right" : "left", theme);
  }
  ctx.restore();
}

/** Text with a rim of paper, so that lines behind it do not disturb. */
function write(
  ctx: CanvasRenderingContext2D,
  text: string,
  x: number,
  y: number,
  align: CanvasTextAlign,
  { ink, panel }: Theme,
): void {
  ctx.textAlign = align;
  ctx.textBaseline = "alphabetic";
  ctx.lineJoin = "round";
  ctx.lineWidth = 4 * devicePixelRatio;
  ctx.strokeStyle = panel;
  ctx.strokeText(text, x, y);
  ctx.fillStyle = ink;
  ctx.fillText(text, x, y);
}
