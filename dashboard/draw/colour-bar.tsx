import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { short, tick } from "../data/numbers.ts";
import { useValue } from "../data/value.ts";
import { histogram } from "./cells.ts";
import { type ColourScale, scaleTicks } from "./colour-scale.ts";
import { SHADES, theme } from "./palette.ts";

const WIDTH = 256;
const BARS = 64;
const HEIGHT = 34;

export interface ColourBarProps {
  readonly values: Float32Array;
  readonly scale: ColourScale;
  readonly label: string;
  /** One that is pointed at. */
  readonly value: number | undefined;
}

/** The colours and their numbers, and above them how many values have each. */
export function ColourBar({ values, scale, label, value }: ColourBarProps): JSX.Element {
  const bars = useRef<HTMLCanvasElement>(null);
  const ramp = useRef<HTMLCanvasElement>(null);
  const { muted } = useValue(theme, (found) => found);
  useEffect(() => {
    const context = ramp.current!.getContext("2d")!;
    const image = context.createImageData(SHADES, 1);
    new Uint32Array(image.data.buffer).set(scale.shades.subarray(0, SHADES));
    context.putImageData(image, 0, 0);
  }, [scale]);
  useEffect(() => {
    const context = bars.current!.getContext("2d")!;
    const found = histogram(values, scale, BARS);
    const most = Math.max(1, ...found);
    context.clearRect(0, 0, WIDTH, HEIGHT);
    context.fillStyle = muted;
    found.forEach((n, i) => {
      const tall = n === 0 ? 0 : Math.max(1, (n / most) * HEIGHT);
      context.fillRect((i * WIDTH) / BARS, HEIGHT - tall, WIDTH / BARS - 1, tall);
    });
  }, [values, scale, muted]);
  const ticks = scaleTicks(scale);
  const distance = ticks.length > 1 ? Math.abs(ticks[1]! - ticks[0]!) : 1;
  const place = value === undefined || !Number.isFinite(value) ? NaN : scale.place(value);
  const kinds = { linear: "", log: ", logarithmic", signed: ", logarithmic on both sides of 0" };
  return (
    <div class="colour-bar">
      <canvas ref={bars} width={WIDTH} height={HEIGHT} aria-hidden="true" class="colour-bars" />
      <div class="colour-ramp">
        <canvas
          ref={ramp}
          width={SHADES}
          height={1}
          role="img"
          aria-label={`Colours from ${short(scale.least)} to ${short(scale.most)}`}
        />
        {place >= 0 && place <= 1 && <span class="colour-needle" style={{ left: `${100 * place}%` }} />}
      </div>
      <div class="colour-ticks" aria-hidden="true">
        {ticks.map((v) => {
          const at = scale.place(v);
          const side = at < 0.08 ? "first" : at > 0.92 ? "last" : "";
          return (
            <span key={v} class={side} style={{ left: `${100 * Math.min(Math.max(at, 0), 1)}%` }}>
              {scale.kind === "linear" ? tick(v, distance) : short(v)}
            </span>
          );
        })}
      </div>
      <p class="colour-label">
        {label}
        {kinds[scale.kind]}
      </p>
    </div>
  );
}
