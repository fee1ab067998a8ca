import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import type { TensorInfo } from "../../../src/server/api.ts";
import { useLateAnswer } from "../../data/answer.ts";
import { drawable, short } from "../../data/numbers.ts";
import { at, getMap, type TensorCells } from "../../data/server.ts";
import { isWide } from "../../data/study.ts";
import { useValue } from "../../data/value.ts";
import { matrix } from "../../draw/cells.ts";
import type { Line } from "../../draw/chart-options.ts";
import { colourScale } from "../../draw/colour-scale.ts";
import { HeatMap } from "../../draw/heat-map.tsx";
import { LineChart } from "../../draw/line-chart.tsx";
import { lineStyle, theme } from "../../draw/palette.ts";
import { Loading, Trouble } from "../../parts/state.tsx";
import { groupOf, type TensorProps } from "./tensor.ts";

/** More of them are a map only. */
const MOST_LINES = 14;
const MOST_TENSORS = 40;

type Row = readonly [name: string, values: Float32Array];

/** All schedules of a group, such as the rates of all layers: a line each, and together a map of layer × step. */
export function Schedules({
  study,
  tensor,
  step,
  of,
  tensors,
}: TensorProps & { readonly tensors: readonly TensorInfo[] }): JSX.Element | null {
  const group = tensors.filter((one) => one.perStep && groupOf(one) === groupOf(tensor)).slice(0, MOST_TENSORS);
  const key = JSON.stringify([study, step, of, group.map(({ name }) => name)]);
  const { data, fault } = useLateAnswer(key, "", getRows);
  const colours = useValue(theme, (found) => found);
  const rows = useMemo(() => data?.flatMap(({ name, map }) => rowsOf(name, map)) ?? [], [data]);
  const map = useMemo(
    () => layerMap(rows, tensor.transform === "log" && of === "value", of === "hypergradient"),
    [rows, of, tensor],
  );
  if (data === null) return fault === null ? <Loading what="the schedules" /> : <Trouble fault={fault} soft />;
  const steps = data[0]!.map.header.rows;
  const every = data[0]!.map.header.blocks[0];
  const x = Array.from({ length: steps }, (_, t) => (t + (every - 1) / 2) * every);
  const lines: readonly Line[] = rows.slice(0, MOST_LINES).map(([name, values], i) => ({
    name,
    y: Array.from(values, (v) => (Number.isFinite(v) ? v : null)),
    ...lineStyle(colours, i),
    width: 1.7,
    dots: steps <= 12,
  }));
  const parts = data.map(({ name }, i) => ({
    name,
    row: data.slice(0, i).reduce((sum, { map }) => sum + map.header.columns, 0),
  }));
  const all = lines.flatMap(({ y }) => y);
  const what = of === "value" ? "" : "hypergradient of ";
  return (
    <>
      {rows.length <= MOST_LINES && (
        <LineChart
          title={`${groupOf(tensor)}: ${what}the schedule at outer step ${data[0]!.map.header.step}`}
          x={x}
          lines={lines}
          xLabel="training step"
          yLabel={`${what}${groupOf(tensor)}`}
          whole
          log={of === "value" && tensor.transform === "log" && isWide(all)}
          levels={of === "hypergradient" ? [{ y: 0, name: "" }] : []}
          format={short}
          height={280}
          summary={`${rows.length} schedules over ${steps} training steps.`}
        />
      )}
      {map !== null && rows.length > 1 && (
        <HeatMap
          title={`${what}${groupOf(tensor)}: all its schedules, layer by layer`}
          values={map.values}
          cells={{
            ...matrix(rows.length, steps, (row, column) => `${rows[row]![0]}, training step ${x[column]}`),
            time: true,
          }}
          scale={map.scale}
          label={`${what}${groupOf(tensor)}`}
          xLabel="training step"
          rowNames={rows.map(([name]) => name)}
          parts={parts}
          xAt={(column) => column * every}
          height={Math.max(60, Math.min(360, 26 * rows.length))}
          summary={`${rows.length} rows from ${rows[0]![0]} to ${rows.at(-1)![0]}.`}
        />
      )}
    </>
  );
}

interface Named {
  readonly name: string;
  readonly map: TensorCells;
}

/** All tensors of a group, asked for together: what they are named by is the text of the question. */
function getRows(key: string, signal: AbortSignal): Promise<readonly Named[]> {
  const [study, step, of, names] = JSON.parse(key) as [string, number, string, string[]];
  return Promise.all(
    names.map(async (name) => ({ name, map: await getMap(at("map", { study, step, tensor: name, of }), signal) })),
  );
}

/** A schedule for each column: the first axis is time. */
const rowsOf = (name: string, { header, cells }: TensorCells): readonly Row[] =>
  Array.from({ length: header.columns }, (_, column) => [
    header.columns === 1 ? name : `${name}[${column * header.blocks[1]}]`,
    Float32Array.from({ length: header.rows }, (_, t) => cells[t * header.columns + column]!),
  ]);

function layerMap(
  rows: readonly Row[],
  log: boolean,
  signed: boolean,
): { values: Float32Array; scale: ReturnType<typeof colourScale> } | null {
  const values = Float32Array.from(rows.flatMap(([, row]) => [...row]));
  let [least, most] = [Infinity, -Infinity];
  for (const v of values)
    if (drawable(Number.isFinite(v) ? v : null) !== null) [least, most] = [Math.min(least, v), Math.max(most, v)];
  if (least > most || rows.some(([, row]) => row.length !== rows[0]![1].length)) return null;
  return { values, scale: colourScale(least, most, signed ? "signed" : log ? "log" : "linear", signed) };
}
