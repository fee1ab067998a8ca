import { DrmadError } from "../errors.ts";
import { escaped } from "../store/event-codec.ts";
import { PLACES, type Of } from "../store/tensor-thumbnail.ts";
import { LEVELS, warped, type Thumbnail, type Warped } from "../store/thumbnail.ts";
import type { Strip, StripFrame } from "./api.ts";
import type { Study } from "./reader.ts";

/** Most pictures in an answer, but for the best step's; each takes 5 KB at most. */
const MOST_FRAMES = 100;

/** A tensor at each kept step as a small picture, all of them in one scale; no file is read. @throws DrmadError invalid-argument */
export async function strip(study: Study, tensor: string, of: Of): Promise<Strip> {
  const { kept, least, most, frames } = await study.thumbnails(PLACES[of] + escaped(tensor), MOST_FRAMES);
  if (kept === 0) {
    throw new DrmadError("invalid-argument", `no step keeps a ${of} of a tensor ${JSON.stringify(tensor)}`, {
      hint: "Ask for one of the tensors that /api/study lists.",
    });
  }
  const diverging = of === "hypergradient" || ((least ?? 0) < 0 && (most ?? 0) > 0);
  const end = Math.max(Math.abs(least ?? 0), Math.abs(most ?? 0)) || 1;
  const [low, high] = diverging ? [-end, end] : [least ?? 0, most ?? 0];
  const log = low > 0 && frames.some(({ thumbnail }) => thumbnail?.warp === "log");
  const warp = of === "hypergradient" ? "signed" : log ? "log" : "linear";
  const scale = warped(warp, low, high);
  return {
    kept,
    warp,
    diverging,
    least: least === null ? null : low,
    most: most === null ? null : high,
    frames: frames.map(({ step, thumbnail }) => ({ step, picture: thumbnail && pictureOf(thumbnail, scale) })),
  };
}

/** A thumbnail's levels, which are of its own scale, as levels of another. */
function pictureOf(thumbnail: Thumbnail, scale: Warped): StripFrame["picture"] {
  const { rows, columns, extent, levels, warp, least, most } = thumbnail;
  const own = warped(warp, least, most);
  const table = Uint8Array.from({ length: 256 }, (_, level) =>
    level > LEVELS ? level : Math.round(LEVELS * scale.place(own.value(level / LEVELS))),
  );
  const cells = Buffer.from(levels.map((level) => table[level]!)).toString("base64");
  return { rows, columns, extent, cells };
}
