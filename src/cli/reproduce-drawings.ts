import { grid } from "../picture/grid.ts";
import { heatMap } from "../picture/heat-map.ts";
import { lineChart } from "../picture/line-chart.ts";
import { toPng } from "../picture/png.ts";
import { pngAssets } from "./assets.ts";
import type { Drawing } from "./reproduction.ts";

const svgOf = (drawing: Drawing): string =>
  drawing.kind === "lines" ? lineChart(drawing) : grid(drawing.maps.map(heatMap), drawing.columns);

/** As files. */
export async function drawn(
  drawings: Readonly<Record<string, Drawing>>,
): Promise<readonly (readonly [name: string, bytes: Uint8Array])[]> {
  const assets = pngAssets();
  const files: [string, Uint8Array][] = [];
  for (const [name, drawing] of Object.entries(drawings))
    files.push([`${name}.png`, await toPng(svgOf(drawing), assets)]);
  return files;
}
