import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { short, visible } from "../data/numbers.ts";
import { useValue } from "../data/value.ts";
import { type Drawing, chartOptions, type Line } from "./chart-options.ts";
import { ChartTable } from "./chart-table.tsx";
import { theme } from "./palette.ts";

export interface LineChartProps extends Partial<Omit<Drawing, "x" | "lines">> {
  readonly title: string;
  readonly x: readonly number[];
  readonly lines: readonly Line[];
  readonly xLabel: string;
  readonly yLabel: string;
  /** What the chart shows, in a sentence or two, for whoever does not see it. */
  readonly summary: string;
  readonly height?: number;
  /** What else must be known to read it. */
  readonly note?: string | undefined;
  /** Why there is nothing to draw, where that is known. */
  readonly empty?: string | undefined;
}

const plain = (value: number): string => String(Number(value.toPrecision(4)));

/** Lines over a common x. Dragging looks closer, a double click shows all again. */
export function LineChart(props: LineChartProps): JSX.Element {
  const { title, lines, x, summary, height = 240, note, empty = "No finite values to draw." } = props;
  const logarithmic = props.log === true && spreads(props);
  const drawing: Drawing = {
    whole: false,
    levels: [],
    marks: [],
    format: plain,
    ...props,
    log: logarithmic,
    lines: logarithmic ? lines.map((line) => ({ ...line, y: line.y.map(positive) })) : lines,
  };
  const now = useRef(drawing);
  now.current = drawing;
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const [index, setIndex] = useState<number | null>(null);
  const colours = useValue(theme, (found) => found);

  // A chart is made anew when anything but its numbers is another.
  const { xLabel, yLabel, log, whole } = drawing;
  const form = JSON.stringify([
    lines.map((line) => ({ ...line, y: null })),
    xLabel,
    yLabel,
    log,
    whole,
    height,
    x.length === 1,
  ]);
  useEffect(() => {
    const element = place.current!;
    const width = Math.max(160, element.clientWidth);
    const made = new uPlot(
      chartOptions(() => now.current, colours, width, height, setIndex),
      dataOf(now.current),
      element,
    );
    chart.current = made;
    const observer = new ResizeObserver(() => {
      const width = Math.max(160, element.clientWidth);
      if (width !== made.width) made.setSize({ width, height });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      chart.current = null;
    };
  }, [form, colours]);
  const drawn = useRef("");
  useEffect(() => {
    const made = chart.current;
    const key = JSON.stringify([
      x,
      drawing.lines.map(({ y }) => y),
      drawing.levels,
      drawing.marks,
      drawing.at,
      drawing.range,
    ]);
    if (made === null || key === drawn.current) return;
    drawn.current = key;
    const { min, max } = made.scales["x"]!;
    const all = made.data[0];
    // Whoever looks closer goes on doing so. A chart that was just made has no range yet.
    const ranged = typeof min === "number" && typeof max === "number" && all.length > 1;
    const closer = ranged && (min > all[0]! || max < all.at(-1)!);
    made.setData(dataOf(drawing), !closer);
    if (closer) made.redraw(true, true);
  });

  const shown = index !== null && index < x.length ? index : null;
  return (
    <figure class="chart">
      <figcaption>
        <span class="chart-title">{visible(title)}</span>
        <Legend drawing={drawing} index={shown} />
      </figcaption>
      <div class="chart-place" ref={place} role="img" aria-label={`${title}. ${summary}`} />
      {lines.every(({ y }) => y.every((v) => v === null)) && <p class="chart-empty">{empty}</p>}
      {note !== undefined && <p class="note">{note}</p>}
      <ChartTable title={title} drawing={drawing} />
    </figure>
  );
}

/** A logarithmic axis says more once the largest is several times the smallest; below, its numbers are odd ones. */
function spreads({ lines, levels = [] }: Pick<LineChartProps, "lines" | "levels">): boolean {
  const found = [...lines.flatMap(({ y }) => y), ...levels.map(({ y }) => y)].filter(
    (v) => v !== null && v > 0,
  ) as number[];
  return found.reduce((a, b) => Math.max(a, b), 0) > 5 * found.reduce((a, b) => Math.min(a, b), Infinity);
}

const positive = (y: number | null): number | null => (y !== null && y > 0 ? y : null);
const dataOf = ({ x, lines }: Drawing): uPlot.AlignedData => [[...x], ...lines.map(({ y }) => [...y])];

/** Names of the lines, with their values under the pointer, or at their ends. */
function Legend({ drawing, index }: { readonly drawing: Drawing; readonly index: number | null }): JSX.Element {
  const { lines, x, format, whole, xLabel } = drawing;
  const at = index ?? x.length - 1;
  const unit = whole ? xLabel.replace(/^outer /, "") : xLabel;
  return (
    <span class="legend">
      {x.length > 0 && (
        <span class="legend-at">
          {unit} {whole ? Math.round(x[at]!) : short(x[at]!)}
        </span>
      )}
      {lines
        .filter(({ quiet }) => quiet !== true)
        .map((line) => (
          <span class="legend-line" key={line.name}>
            <Swatch line={line} />
            {visible(line.name)} <b>{valueText(line.y[index ?? latest(line)], format)}</b>
            {index === null && latest(line) >= 0 && latest(line) < at && whole && ` at ${Math.round(x[latest(line)]!)}`}
          </span>
        ))}
    </span>
  );
}

/** Where a line has its last value; -1 where it has none. */
const latest = ({ y }: Line): number => y.findLastIndex((v) => v !== null && v !== undefined);

const valueText = (value: number | null | undefined, format: (value: number) => string): string =>
  value === null || value === undefined ? "–" : format(value);

function Swatch({ line: { colour, dash, points, width = 1.6, opacity = 1 } }: { readonly line: Line }): JSX.Element {
  if (points === true)
    return (
      <svg class="swatch" width="10" height="8" viewBox="0 0 10 8" aria-hidden="true">
        <circle cx="5" cy="4" r="3.5" fill={colour} />
      </svg>
    );
  return (
    <svg class="swatch" width="18" height="8" viewBox="0 0 18 8" aria-hidden="true">
      <line
        x1="0"
        x2="18"
        y1="4"
        y2="4"
        stroke={colour}
        stroke-opacity={opacity}
        stroke-width={width}
        stroke-dasharray={dash?.join(" ")}
      />
    </svg>
  );
}
