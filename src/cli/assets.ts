import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { PngAssets } from "../picture/png.ts";

/** What `toPng` needs, from the installed packages: the renderer and the fonts, about 4 MB in all. */
export function pngAssets(): PngAssets {
  const { resolve } = createRequire(import.meta.url);
  const read = (specifier: string): Uint8Array => readFileSync(resolve(specifier));
  return {
    wasm: read("@resvg/resvg-wasm/index_bg.wasm"),
    fonts: [read("dejavu-fonts-ttf/ttf/DejaVuSans.ttf"), read("dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf")],
  };
}
