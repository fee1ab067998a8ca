import { grid } from "../picture/grid.ts";
import { heatMap } from "../picture/heat-map.ts";
import { lineChart } from "../picture/line-chart.ts";
import { type PngAssets, toPng } from "../picture/png.ts";
import { pngAssets } from "./assets.ts";
import { heedSignals } from "./interrupt.ts";
import { wordedDrawing } from "./reproduce-words.ts";
import type { Drawing } from "./reproduction.ts";

const svgOf = (stated: Drawing): string => {
  const drawing = wordedDrawing(stated);
  return drawing.kind === "lines" ? lineChart(drawing) : grid(drawing.maps.map(heatMap), drawing.columns);
};

/** A picture is kept in the repository: the sharpest that stays below this. */
const MOST_BYTES = 1e5;
const SCALES = [2, 1.5, 1, 0.75, 0.5, 0.375, 0.25] as const;

async function png(svg: string, assets: PngAssets): Promise<Uint8Array> {
  let bytes: Uint8Array = new Uint8Array();
  for (const scale of SCALES) {
    bytes = await toPng(svg, assets, { scale });
    await heedSignals();
    if (bytes.length < MOST_BYTES) break;
  }
  return bytes;
}

/** As files. */
export async function drawn(
  drawings: Readonly<Record<string, Drawing>>,
): Promise<readonly (readonly [name: string, bytes: Uint8Array])[]> {
  const assets = pngAssets();
  const files: [string, Uint8Array][] = [];
  for (const [name, drawing] of Object.entries(drawings))
    files.push([`${name}.png`, await png(svgOf(drawing), assets)]);
  return files;
}
