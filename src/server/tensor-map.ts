import type { NdArray } from "../data/dataset.ts";
import type { StartInfo } from "../study/events.ts";
import type { Of } from "../store/tensor-thumbnail.ts";
import type { TensorMapHeader } from "./api.ts";
import { tensorInfos } from "./tensor-info.ts";
import { keptStep, tensorIn, type Study } from "./reader.ts";

/** Most cells either way: what a screen can show. */
const MOST_CELLS = 1024;

/** A tensor at a step as a map, laid out as api.ts says. @throws DrmadError invalid-argument, file-not-found, malformed-file */
export async function tensorMap(study: Study, step: number, tensor: string, of: Of): Promise<Uint8Array> {
  const { sequence } = keptStep(study, step);
  const array = tensorIn(await study.arrays(sequence), tensor, of);
  const { rows, columns, blocks, cells, ...rest } = downsample(array, layoutOf(array, tensor, startOf(study)));
  const header: TensorMapHeader = { step, tensor, of, shape: array.shape, rows, columns, blocks, ...rest };
  const json = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(4 + json.length + 4 * cells.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, json.length, true);
  bytes.set(json, 4);
  cells.forEach((cell, i) => view.setFloat32(4 + json.length + 4 * i, cell, true));
  return bytes;
}

type Layout = readonly [rows: number, columns: number];

/** What the study began as. */
export function startOf({ log }: Pick<Study, "log">): StartInfo | undefined {
  const start = log.find(({ event }) => event.type === "start")?.event;
  if (start?.type !== "start") return undefined;
  const { type: _, identity: __, at: ___, examples: ____, ...info } = start;
  return info;
}

function layoutOf({ data, shape }: NdArray, name: string, start: StartInfo | undefined): Layout {
  const { perStep = false, image } = (start && tensorInfos(start).find((tensor) => tensor.name === name)) ?? {};
  if (image?.whole === true) return [image.height, image.width];
  if (shape.length === 1) return perStep ? [data.length, 1] : [1, data.length];
  const rows = shape[0] ?? 1;
  return [rows, rows === 0 ? 0 : data.length / rows];
}

interface Downsampled extends Pick<TensorMapHeader, "rows" | "columns" | "blocks" | "least" | "most" | "nonFinite"> {
  readonly cells: Float64Array;
}

/** Means of the finite values of blocks; a block without any is NaN. */
export function downsample({ data }: Pick<NdArray, "data">, [height, width]: Layout): Downsampled {
  const down = Math.max(1, Math.ceil(height / MOST_CELLS));
  const across = Math.max(1, Math.ceil(width / MOST_CELLS));
  const [rows, columns] = [Math.ceil(height / down), Math.ceil(width / across)];
  const cells = new Float64Array(rows * columns);
  const counts = new Uint32Array(rows * columns);
  let [least, most, nonFinite] = [Infinity, -Infinity, 0];
  for (let row = 0, i = 0; row < height; row++) {
    const first = Math.floor(row / down) * columns;
    for (let column = 0; column < width; column++, i++) {
      const value = data[i]!;
      if (!Number.isFinite(value)) {
        nonFinite++;
        continue;
      }
      if (value < least) least = value;
      if (value > most) most = value;
      const cell = first + Math.floor(column / across);
      const count = ++counts[cell]!;
      // A running mean does not overflow, and of one value is that value.
      cells[cell] = count === 1 ? value : cells[cell]! + (value / count - cells[cell]! / count);
    }
  }
  counts.forEach((count, cell) => count === 0 && (cells[cell] = NaN));
  const some = nonFinite < data.length;
  return {
    rows,
    columns,
    blocks: [down, across],
    least: some ? least : null,
    most: some ? most : null,
    nonFinite,
    cells,
  };
}
