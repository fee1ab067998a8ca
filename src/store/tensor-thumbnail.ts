import type { NdArray } from "../data/dataset.ts";
import type { StartInfo } from "../study/events.ts";
import { imageOf } from "../study/image-of.ts";
import { unescaped } from "./event-codec.ts";
import { gridOf } from "./grid.ts";
import { drawThumbnail, encodeThumbnail, type Warp } from "./thumbnail.ts";

/** What a study tells of its tensors as it begins; one of an older drmad tells nothing. */
export type Told = Pick<StartInfo, "tensors" | "image" | "parameters">;

const VALUES = "values/";
const GRADIENT = "kept/found/gradient/";

/** Which of a step's arrays are looked at. */
export type Of = "value" | "hypergradient";
export const PLACES: Readonly<Record<Of, string>> = { value: VALUES, hypergradient: GRADIENT };

/**
 * A picture of one of an event's arrays, as bytes: of natural values and hypergradients, which people look at. Values are in
 * logarithms where their transform is `log`, hypergradients on both sides of zero.
 */
export function thumbnailOf(
  arrays: Readonly<Record<string, NdArray>>,
  path: string,
  told: Told | undefined,
): Uint8Array | null {
  const of = path.startsWith(VALUES) ? "value" : path.startsWith(GRADIENT) ? "hypergradient" : undefined;
  if (of === undefined) return null;
  const name = path.slice(PLACES[of].length);
  const array = arrays[path]!;
  // Points have no shape of their own.
  const { shape } = arrays[VALUES + name] ?? array;
  const tensor = told?.tensors?.find((each) => each.name === unescaped(name));
  const warp: Warp = of === "hypergradient" ? "signed" : tensor?.transform === "log" ? "log" : "linear";
  const image = tensor && imageOf(tensor, told!);
  const drawn = drawThumbnail(array, gridOf(shape, { perStep: tensor?.perStep ?? false, image }), warp);
  return drawn === undefined ? null : encodeThumbnail(drawn);
}
