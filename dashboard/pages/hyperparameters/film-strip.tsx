import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Strip, StripFrame } from "../../../src/server/api.ts";
import { useAnswer } from "../../data/answer.ts";
import { count, short } from "../../data/numbers.ts";
import { at } from "../../data/server.ts";
import { DIVERGING_SHADES, GAP, NO_VALUE, SEQUENTIAL_SHADES, SHADES } from "../../draw/palette.ts";
import { Trouble } from "../../parts/state.tsx";
import type { TensorProps } from "./tensor.ts";

export interface FilmStripProps extends Omit<TensorProps, "version"> {
  /** Changes with the steps that are kept. */
  readonly version: string;
  readonly choose: (step: number) => void;
}

/** Sides of a picture on the screen, in pixels. */
const HEIGHT = 56;
const [NARROWEST, WIDEST] = [28, 140];

/** The tensor at each kept step in a row, small; a click or the arrow keys pick the step. */
export function FilmStrip({ study, tensor, of, step, best, version, choose }: FilmStripProps): JSX.Element | null {
  const { data, fault } = useAnswer<Strip>(at("strip", { study, tensor: tensor.name, of }), version);
  const row = useRef<HTMLDivElement>(null);
  const frames = data?.frames ?? [];
  // The picture of the step that is looked at, or the last one before it where not all have one.
  const current = Math.max(
    0,
    frames.findLastIndex((frame) => frame.step <= step),
  );
  useEffect(() => {
    const holder = row.current;
    const picked = holder?.children[current];
    if (!(picked instanceof HTMLElement) || holder === null) return;
    // The page itself stays where it is.
    const middle = picked.offsetLeft - holder.offsetLeft + picked.offsetWidth / 2;
    holder.scrollLeft = middle - holder.clientWidth / 2;
  }, [current, frames.length]);
  if (data === null) return fault === null ? <div class="strip-room" /> : <Trouble fault={fault} soft />;
  const bare = frames.filter(({ picture }) => picture === null).length;
  if (bare === frames.length) {
    return <p class="note">These steps have no small pictures: an older drmad kept them, or the tensor is empty.</p>;
  }
  const press = (event: KeyboardEvent): void => {
    const last = frames.length - 1;
    const to = { ArrowLeft: current - 1, ArrowRight: current + 1, Home: 0, End: last }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    // Along the pictures, which may be fewer than the steps that these keys go along elsewhere.
    event.stopPropagation();
    const next = Math.min(Math.max(to, 0), last);
    choose(frames[next]!.step);
    (row.current?.children[next] as HTMLElement | undefined)?.focus();
  };
  return (
    <section class="strip" aria-label="Small pictures of all kept outer steps">
      <div class="strip-row" ref={row} onKeyDown={press}>
        {frames.map((frame, i) => (
          <button
            key={frame.step}
            type="button"
            tabIndex={i === current ? 0 : -1}
            aria-pressed={frame.step === step}
            aria-label={`outer step ${frame.step}${frame.step === best ? ", the best" : ""}${frame.picture === null ? ", no picture" : ""}`}
            onClick={() => choose(frame.step)}
          >
            {frame.picture === null ? (
              <span class="strip-none">no picture</span>
            ) : (
              <Picture picture={frame.picture} diverging={data.diverging} images={tensor.image !== undefined} />
            )}
            <span class="strip-step">
              {frame.step}
              {frame.step === best ? " best" : ""}
            </span>
          </button>
        ))}
      </div>
      <p class="note">{captionOf(data, bare)}</p>
    </section>
  );
}

const WARPS: Readonly<Record<Strip["warp"], string>> = {
  linear: "linear colours",
  log: "logarithmic colours",
  signed: "colours logarithmic on both sides of zero",
};

function captionOf({ kept, frames, warp, least, most }: Strip, bare: number): string {
  const scale =
    least === null || most === null
      ? "No value is a finite number."
      : `All in one scale: ${WARPS[warp]} from ${short(least)} to ${short(most)}. A cell shows the most extreme of its values; grey has one that is NaN or infinite.`;
  const fewer = frames.length < kept ? ` ${count(frames.length)} of ${count(kept)} kept steps.` : "";
  return `${scale}${fewer}${bare > 0 ? ` An older drmad kept ${count(bare)} of them without a picture.` : ""}`;
}

function Picture({
  picture: { rows, columns, extent, cells },
  diverging,
  images,
}: {
  readonly picture: NonNullable<StripFrame["picture"]>;
  readonly diverging: boolean;
  readonly images: boolean;
}): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current!.getContext("2d")!;
    const image = context.createImageData(columns, rows);
    const pixels = new Uint32Array(image.data.buffer);
    const shades = diverging ? DIVERGING_SHADES : SEQUENTIAL_SHADES;
    const bytes = atob(cells);
    for (let i = 0; i < pixels.length; i++) pixels[i] = shades[shadeOf(bytes.charCodeAt(i))]!;
    context.putImageData(image, 0, 0);
  }, [rows, columns, cells, diverging]);
  const width = (HEIGHT * extent[1]) / extent[0];
  const most = images ? 3 * WIDEST : WIDEST;
  const style = { width: `${Math.round(Math.min(Math.max(width, NARROWEST), most))}px`, height: `${HEIGHT}px` };
  return <canvas ref={canvas} width={columns} height={rows} style={style} aria-hidden="true" />;
}

/** Of a level as the server sends it: 253 is the high end of the scale, 254 not finite, 255 no cell. */
const shadeOf = (level: number): number =>
  level === 255 ? GAP : level === 254 ? NO_VALUE : Math.min(Math.floor((level / 253) * SHADES), SHADES - 1);
