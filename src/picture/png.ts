import { initWasm, Resvg } from "@resvg/resvg-wasm";
import { DrmadError } from "../errors.ts";

export interface PngAssets {
  /** The bytes of `@resvg/resvg-wasm/index_bg.wasm`. */
  readonly wasm: Uint8Array;
  /** The bytes of the fonts to draw with: DejaVuSans.ttf and DejaVuSans-Bold.ttf for the pictures of this folder. */
  readonly fonts: readonly Uint8Array[];
}

export interface PngOptions {
  /** Pixels of the PNG for one of the SVG, above 0 and at most 8; 2 unless told. */
  readonly scale?: number;
}

/** The module can be started once in a process; later calls wait for the first, whatever bytes they bring. */
let started: Promise<void> | undefined;

/**
 * The bytes of a PNG file that shows an SVG picture. No font of the system is used, so the same picture gives the
 * same pixels on every machine.
 *
 * Errors: `invalid-argument` when the scale is out of its range or the text is not SVG.
 */
export async function toPng(svg: string, assets: PngAssets, options: PngOptions = {}): Promise<Uint8Array> {
  const { scale = 2 } = options;
  if (!(scale > 0 && scale <= 8)) {
    throw new DrmadError("invalid-argument", `The scale of a PNG is ${scale}.`, {
      hint: "Give a number above 0 and at most 8.",
    });
  }
  started ??= initWasm(assets.wasm).catch((error: unknown) => {
    started = undefined; // so that a later call may bring better bytes
    throw error;
  });
  await started;
  let drawing: InstanceType<typeof Resvg> | undefined;
  try {
    drawing = new Resvg(svg, {
      fitTo: { mode: "zoom", value: scale },
      font: {
        fontBuffers: [...assets.fonts],
        defaultFontFamily: "DejaVu Sans",
        sansSerifFamily: "DejaVu Sans",
      },
    });
    const image = drawing.render();
    try {
      return image.asPng();
    } finally {
      image.free();
    }
  } catch (cause) {
    throw new DrmadError("invalid-argument", `The picture cannot be drawn: ${String(cause)}.`, {
      hint: "Give the text of an SVG document.",
      cause,
    });
  } finally {
    drawing?.free();
  }
}
