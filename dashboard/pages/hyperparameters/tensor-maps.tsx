import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import type { TensorCurve, TensorInfo, TensorMapHeader } from "../../../src/server/api.ts";
import { useAnswer, useLateAnswer } from "../../data/answer.ts";
import { count, drawable, short } from "../../data/numbers.ts";
import { at, getMap, type TensorCells } from "../../data/server.ts";
import { type Cells, matrix, mosaic } from "../../draw/cells.ts";
import { colourScale, type ScaleKind } from "../../draw/colour-scale.ts";
import { HeatMap, type HeatMapProps } from "../../draw/heat-map.tsx";
import { Loading, Nothing, Trouble } from "../../parts/state.tsx";
import { type TensorProps } from "./tensor.ts";

/** A tensor as a map in the shape that it means something in. */
export function TensorMaps({ study, version, tensor, step, of }: TensorProps): JSX.Element {
  const { name } = tensor;
  // What is kept of a step never changes, so another version asks for nothing new.
  const { data, fault, late } = useLateAnswer<TensorCells>(at("map", { study, step, tensor: name, of }), "", getMap);
  const curve = useAnswer<TensorCurve>(of === "value" ? at("curve", { study, tensor: name }) : null, version).data;
  const [plain, setPlain] = useState<boolean | null>(null);
  const [own, setOwn] = useState(false);
  const spans = useMemo(() => spanOf(curve), [curve]);
  const shown = useMemo(() => {
    if (data === null) return null;
    const { header, cells } = data;
    const all = own || spans === null ? spanOfHeader(header) : joined(spans, spanOfHeader(header));
    const log = of === "hypergradient" || (tensor.transform === "log" && (all?.[0] ?? 0) > 0);
    const kind: ScaleKind = (plain ?? !log) ? "linear" : of === "hypergradient" ? "signed" : "log";
    return {
      header,
      cells,
      log,
      kind,
      layout: layoutOf(tensor, header),
      scale: all === null ? null : colourScale(all[0], all[1], kind, of === "hypergradient"),
    };
  }, [data, spans, own, plain, of, tensor]);
  if (shown === null) {
    if (fault === null)
      return <Loading what={`${of === "value" ? "the values" : "the hypergradient"} of outer step ${step}`} />;
    return <Trouble fault={fault} soft />;
  }
  const { header, cells, layout, scale, log, kind } = shown;
  if (scale === null)
    return (
      <Nothing title="No value is a finite number here.">{`All ${count(header.nonFinite)} values of outer step ${header.step} are NaN or infinite. The warnings in the overview may say where that began.`}</Nothing>
    );
  const title = `${name}: ${of === "value" ? "value" : "hypergradient"} at outer step ${header.step}`;
  const unit =
    of === "value" ? name : `∂ validation loss / ∂ ${tensor.transform === "identity" ? name : `unconstrained ${name}`}`;
  return (
    <div class={late ? "late" : ""}>
      <HeatMap
        title={title}
        values={cells}
        cells={layout}
        scale={scale}
        label={unit}
        blocks={header.blocks}
        summary={`${layout.rows} rows of ${layout.columns} cells, from ${short(header.least)} to ${short(header.most)}.`}
        {...axes(tensor, layout, header)}
        tools={
          <div class="tools">
            {(log || kind !== "linear") && (
              <label class="check">
                <input type="checkbox" checked={kind === "linear"} onChange={() => setPlain(kind !== "linear")} />{" "}
                linear colours
              </label>
            )}
            {!log && of === "value" && (header.least ?? 0) > 0 && kind === "linear" && plain === null && (
              <label class="check">
                <input type="checkbox" checked={false} onChange={() => setPlain(false)} /> logarithmic colours
              </label>
            )}
            {of === "value" && spans !== null && (
              <label class="check">
                <input type="checkbox" checked={own} onChange={() => setOwn(!own)} /> colours of this step alone
              </label>
            )}
          </div>
        }
        note={header.nonFinite > 0 ? `△ ${count(header.nonFinite)} values are NaN or infinite: grey.` : undefined}
      />
    </div>
  );
}

type Span = readonly [least: number, most: number];

/** The same colours at every outer step, so that a change of colour is a change of value. */
function spanOf(curve: TensorCurve | null): Span | null {
  const least = curve?.least.flatMap((v) => drawable(v) ?? []) ?? [];
  const most = curve?.most.flatMap((v) => drawable(v) ?? []) ?? [];
  return least.length === 0 || most.length === 0 ? null : [Math.min(...least), Math.max(...most)];
}

const spanOfHeader = ({ least, most }: TensorMapHeader): Span | null =>
  least === null || most === null ? null : [least, most];
const joined = (a: Span, b: Span | null): Span => (b === null ? a : [Math.min(a[0], b[0]), Math.max(a[1], b[1])]);

function layoutOf({ image, perStep, name, shape }: TensorInfo, { rows, columns, blocks }: TensorMapHeader): Cells {
  const pixels = image === undefined ? 0 : image.height * image.width;
  const whole = blocks[0] * blocks[1] === 1;
  if (image !== undefined && whole && !perStep) {
    if (rows * columns === pixels) return mosaic(1, image, (_, pixel) => pixel, "");
    if (columns === pixels) return mosaic(rows, image, (n, pixel) => n * columns + pixel, "image");
    if (rows === pixels) return mosaic(columns, image, (n, pixel) => pixel * columns + n, "unit");
  }
  // A vector is folded into lines that fit a screen, unless it runs along the steps of training.
  if ((rows === 1 || columns === 1) && !perStep && whole) return folded(rows * columns, name);
  if (perStep && rows > columns) {
    // Time runs to the right.
    const layout = matrix(
      columns,
      rows,
      (row, column) => `training step ${column * blocks[0]}${columns > 1 ? `, value ${row}` : ""}`,
    );
    return { ...layout, time: true, direct: false, index: (row, column) => column * columns + row };
  }
  return matrix(rows, columns, (row, column) => {
    const [r, c] = [row * blocks[0], column * blocks[1]];
    return shape.length < 2 ? `value ${c}` : `row ${r}, column ${c}`;
  });
}

function folded(length: number, name: string): Cells {
  const columns = Math.min(length, length <= 1000 ? 50 : 100 * Math.ceil(Math.sqrt(length / 20_000)));
  const rows = Math.ceil(length / columns);
  return {
    rows,
    columns,
    images: false,
    direct: false,
    index: (row, column) => (row * columns + column < length ? row * columns + column : -1),
    name: (row, column) => `${name}[${row * columns + column}]`,
  };
}

type Axes = Pick<HeatMapProps, "xLabel" | "yLabel" | "xAt" | "yAt">;

function axes(
  { perStep, perExample, shape }: TensorInfo,
  cells: Cells,
  { blocks, rows, columns }: TensorMapHeader,
): Axes {
  if (cells.images) return {};
  const down = (row: number): number => row * blocks[0];
  const across = (column: number): number => column * blocks[1];
  // Laid out as it was sent, or turned so that time runs to the right.
  if (perStep && rows > columns) {
    // Sharing by unit leaves one value for all inputs of each.
    const what =
      shape.length === 3 && shape[1] === 1 ? "unit" : shape.length === 3 && shape[2] === 1 ? "input" : "value";
    return { xLabel: "training step", xAt: down, ...(columns > 1 ? { yLabel: what, yAt: across } : {}) };
  }
  if (perStep) return { xLabel: "value", xAt: across, yLabel: "training step", yAt: down };
  if (shape.length >= 2) return { xLabel: "column", xAt: across, yLabel: "row", yAt: down };
  return cells.rows > 1
    ? { yLabel: perExample ? "training row" : "index", yAt: (row) => row * cells.columns }
    : { xLabel: "index", xAt: across };
}
