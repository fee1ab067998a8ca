import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { count, short, visible } from "../data/numbers.ts";
import { type Cells, cellSize, drawCells, type Label } from "./cells.ts";
import { ColourBar } from "./colour-bar.tsx";
import type { ColourScale } from "./colour-scale.ts";
import { type NumberAt, type Part, widthOfNumbers, XNumbers, YNumbers, YParts } from "./map-axes.tsx";

export interface HeatMapProps {
  readonly title: string;
  readonly values: Float32Array;
  readonly cells: Cells;
  readonly scale: ColourScale;
  /** What the colours show, with the unit. */
  readonly label: string;
  readonly summary: string;
  readonly xLabel?: string;
  readonly yLabel?: string;
  /** How many values a cell is the mean of. */
  readonly blocks?: readonly [number, number];
  readonly height?: number;
  readonly note?: string | undefined;
  /** What each row is called, where that fits. */
  readonly rowNames?: readonly string[];
  /** Where parts of the rows begin, shown where single rows cannot be named. */
  readonly parts?: readonly Part[];
  /** The numbers of columns and rows, where they have any. */
  readonly xAt?: NumberAt;
  readonly yAt?: NumberAt;
  /** Ways to show it. */
  readonly tools?: JSX.Element;
}

interface Place {
  readonly row: number;
  readonly column: number;
}

/** What the scale and the reading need beside a map. */
const SIDE = 340;
const TURNED = 22;
const NAMES = 92;

const MOVES: Readonly<Record<string, Place>> = {
  ArrowLeft: { row: 0, column: -1 },
  ArrowRight: { row: 0, column: 1 },
  ArrowUp: { row: -1, column: 0 },
  ArrowDown: { row: 1, column: 0 },
};

/** Values as colours, with the number under the pointer; with the keyboard, arrows move from cell to cell. */
export function HeatMap(props: HeatMapProps): JSX.Element {
  const {
    title,
    values,
    cells,
    scale,
    label,
    summary,
    xLabel,
    yLabel,
    blocks = [1, 1],
    height = 440,
    note,
    rowNames,
    parts,
    xAt,
    yAt,
    tools,
  } = props;
  const holder = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const [place, setPlace] = useState<Place | null>(null);
  useLayoutEffect(() => {
    const measure = (): void => setWidth(holder.current!.clientWidth);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(holder.current!);
    return () => observer.disconnect();
  }, []);
  useEffect(() => drawCells(canvas.current!, values, cells, scale), [values, cells, scale]);
  useEffect(() => setPlace(null), [cells.rows, cells.columns]);

  // Names of rows need cells as high as a line of text, which is known once there is room for the names.
  const tall = rowNames !== undefined && height / cells.rows >= 13;
  const other = !tall && parts !== undefined ? NAMES : !tall && yAt !== undefined ? widthOfNumbers(cells.rows, yAt) : 0;
  const left = tall ? NAMES : other + (yLabel === undefined ? 0 : TURNED);
  const [w, h] = cellSize(cells, Math.max(1, width - left), height);
  const named = tall && h >= 13;
  const turned = !tall && yLabel !== undefined && h * cells.rows >= 60;
  const beside = width - left - w * cells.columns >= SIDE;
  const offset = { marginLeft: `${tall ? (named ? NAMES : 0) : other + (turned ? TURNED : 0)}px` };
  const size = { width: `${w * cells.columns}px`, height: `${h * cells.rows}px` };
  const point = (event: PointerEvent): void => {
    const box = canvas.current!.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * cells.columns);
    const row = Math.floor(((event.clientY - box.top) / box.height) * cells.rows);
    setPlace(inside({ row, column }, cells) ? { row, column } : null);
  };
  const press = (event: KeyboardEvent): void => {
    const move = MOVES[event.key];
    if (move === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const from = place ?? { row: 0, column: 0 };
    const next = place === null ? from : { row: from.row + move.row, column: from.column + move.column };
    if (inside(next, cells)) setPlace(next);
  };
  const index = place === null ? -1 : cells.index(place.row, place.column);
  const value = index < 0 ? undefined : values[index];
  const many = w < 1 || h < 1;
  return (
    <figure class="map">
      <figcaption class="chart-title">{visible(title)}</figcaption>
      <div class={`map-body${beside ? " beside" : ""}`} ref={holder}>
        <div class="map-holder">
          <div class="map-frame">
            {turned && <span class="map-y">{yLabel} →</span>}
            {named && (
              <ol class="map-rows">
                {rowNames.map((name) => (
                  <li key={name} style={{ height: `${h}px` }}>
                    {visible(name)}
                  </li>
                ))}
              </ol>
            )}
            {!tall && parts !== undefined && <YParts parts={parts} size={h} width={other} />}
            {!tall && parts === undefined && yAt !== undefined && (
              <YNumbers rows={cells.rows} size={h} at={yAt} width={other} />
            )}
            <div class="map-canvas">
              <canvas
                ref={canvas}
                class={many ? "shrunk" : ""}
                style={size}
                tabIndex={0}
                role="img"
                aria-label={`${title}. ${summary} Arrow keys read single cells.`}
                onPointerMove={point}
                onPointerDown={point}
                onPointerLeave={() => setPlace(null)}
                onKeyDown={press}
                onBlur={() => setPlace(null)}
              />
              {labelsThatFit(cells, w, h).map(({ row, column, text }) => (
                <span
                  key={text}
                  class="map-label"
                  aria-hidden="true"
                  style={{ left: `${column * w}px`, top: `${row * h}px` }}
                >
                  {text}
                </span>
              ))}
              {place !== null && index >= 0 && (
                <span
                  class="map-cursor"
                  style={{
                    left: `${place.column * w}px`,
                    top: `${place.row * h}px`,
                    width: `${Math.max(w, 3)}px`,
                    height: `${Math.max(h, 3)}px`,
                  }}
                />
              )}
            </div>
          </div>
          <div style={offset}>
            {xAt !== undefined && <XNumbers columns={cells.columns} size={w} at={xAt} />}
            {xLabel !== undefined && <span class="map-x">{xLabel} →</span>}
          </div>
        </div>
        <div class="map-side">
          <p class="map-reading" aria-live="polite">
            {place === null || value === undefined ? (
              <span class="muted">{readingHint(cells, blocks, many)}</span>
            ) : (
              <>
                {cells.name(place.row, place.column)}: <b>{short(numOf(value))}</b>
                {blocks[0] * blocks[1] > 1 && <span class="muted"> (mean of a block)</span>}
              </>
            )}
          </p>
          <Legend values={values} scale={scale} label={label} value={value} />
          {tools}
          {note !== undefined && <p class="note">{note}</p>}
        </div>
      </div>
    </figure>
  );
}

function Legend({
  values,
  scale,
  label,
  value,
}: {
  readonly values: Float32Array;
  readonly scale: ColourScale;
  readonly label: string;
  readonly value: number | undefined;
}): JSX.Element {
  return useMemo(
    () => <ColourBar values={values} scale={scale} label={label} value={value} />,
    [values, scale, label, value],
  );
}

/** None where one of them would lie over an image. */
function labelsThatFit({ labels = [] }: Cells, w: number, h: number): readonly Label[] {
  const fits = ({ text, room: [rows, columns] }: Label): boolean => rows * h >= 13 && columns * w >= 7 * text.length;
  return labels.every(fits) ? labels : [];
}

const inside = ({ row, column }: Place, { rows, columns }: Cells): boolean =>
  row >= 0 && column >= 0 && row < rows && column < columns;

const numOf = (value: number): number | "NaN" | "Infinity" | "-Infinity" =>
  Number.isFinite(value) ? value : (String(value) as "NaN" | "Infinity" | "-Infinity");

function readingHint({ rows, columns }: Cells, [down, across]: readonly [number, number], many: boolean): string {
  const point = "Point at a cell to read it.";
  if (down * across > 1)
    return `${count(rows)} × ${count(columns)} cells, each the mean of ${down} × ${across} values. ${point}`;
  return many ? `${count(rows)} × ${count(columns)} cells, several to a pixel of the screen. ${point}` : point;
}
