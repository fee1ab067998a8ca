import type { Axis } from "./axis.ts";
import type { Drawing } from "./line-names.ts";
import type { Box } from "./marks.ts";
import { AXIS, element, GRID, label, MUTED } from "./svg.ts";
import { textWidth, wrap } from "./text.ts";

/** In pixels, of every chart with axes. */
export const WIDTH = 760;
export const EDGE = 24;
export const TICK_SIZE = 12;

export interface Headings {
  readonly title: string;
  readonly subtitle?: string;
  readonly yLabel: string;
}

/** What stands above a plot: title, subtitle, and what its vertical axis shows; and where the plot begins. */
export function drawHeadings({
  title,
  subtitle = "",
  yLabel,
}: Headings): Pick<Drawing, "body"> & { readonly top: number } {
  const titles = wrap(title, 17, WIDTH - 2 * EDGE, 3, true);
  const subtitles = wrap(subtitle, 13, WIDTH - 2 * EDGE, 3).filter((line) => line !== "");
  const titleBottom = EDGE + 12 + 22 * (titles.length - 1);
  const subtitleBottom = titleBottom + 4 + 18 * subtitles.length;
  const yLabels = wrap(yLabel, TICK_SIZE, WIDTH - 2 * EDGE, 2);
  return {
    top: subtitleBottom + 18 + 16 * yLabels.length + 12,
    body: [
      ...titles.map((line, i) => label(EDGE, EDGE + 12 + 22 * i, line, { size: 17, bold: true })),
      ...subtitles.map((line, i) => label(EDGE, titleBottom + 22 + 18 * i, line, { size: 13, fill: MUTED })),
      ...yLabels.map((line, i) => label(EDGE, subtitleBottom + 30 + 16 * i, line, { size: TICK_SIZE, fill: MUTED })),
    ],
  };
}

/** Grid lines with their values, and the axis below with its ticks. */
export function drawAxes(xAxis: Axis, yAxis: Axis, { left, top, right, bottom }: Box): string[] {
  const parts: string[] = [];
  for (const { value, label: content } of yAxis.ticks) {
    const y = bottom - yAxis.place(value) * (bottom - top);
    parts.push(element("line", { x1: left, x2: right, y1: y, y2: y, stroke: GRID, "stroke-width": 1 }));
    parts.push(label(left - 8, y + 4.3, content, { size: TICK_SIZE, fill: MUTED, anchor: "end" }));
  }
  parts.push(element("line", { x1: left, x2: right, y1: bottom, y2: bottom, stroke: AXIS, "stroke-width": 1.2 }));
  let taken = -Infinity;
  for (const { value, label: content } of xAxis.ticks) {
    const x = left + xAxis.place(value) * (right - left);
    parts.push(element("line", { x1: x, x2: x, y1: bottom, y2: bottom + 5, stroke: AXIS, "stroke-width": 1.2 }));
    const half = textWidth(content, TICK_SIZE) / 2;
    const centre = Math.min(x, WIDTH - 4 - half);
    // Long numbers: leave out the label that would touch the one before.
    if (centre - half < taken + 8) continue;
    taken = centre + half;
    parts.push(label(centre, bottom + 20, content, { size: TICK_SIZE, fill: MUTED, anchor: "middle" }));
  }
  return parts;
}
