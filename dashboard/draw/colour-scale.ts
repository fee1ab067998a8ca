import { DIVERGING_SHADES, NO_VALUE, SEQUENTIAL_SHADES, SHADES } from "./palette.ts";

/** `signed`: logarithmic on both sides of zero, and straight within a thousandth of the largest value. */
export type ScaleKind = "linear" | "log" | "signed";

/** Which number has which colour. */
export interface ColourScale {
  readonly kind: ScaleKind;
  readonly least: number;
  readonly most: number;
  readonly diverging: boolean;
  readonly shades: Uint32Array;
  /** Where on the scale a number lies: 0 at its low end and 1 at its high end; outside these beyond them, NaN nowhere. */
  place(value: number): number;
  /** The number at a place. */
  value(place: number): number;
}

/**
 * @param least of the finite values
 * @param signed whether zero is in the middle: for hypergradients, and for values of both signs
 */
export function colourScale(least: number, most: number, kind: ScaleKind, signed: boolean): ColourScale {
  const diverging = signed || (least < 0 && most > 0);
  const shades = diverging ? DIVERGING_SHADES : SEQUENTIAL_SHADES;
  if (diverging) {
    const end = Math.max(Math.abs(least), Math.abs(most)) || 1;
    const bend = end / 1000;
    const [to, from] =
      kind === "linear"
        ? [(v: number) => v / end, (p: number) => p * end]
        : [
            (v: number) => (Math.sign(v) * Math.log1p(Math.abs(v) / bend)) / Math.log1p(1000),
            (p: number) => Math.sign(p) * bend * Math.expm1(Math.abs(p) * Math.log1p(1000)),
          ];
    const place = (v: number): number => (to(v) + 1) / 2;
    return {
      kind: kind === "linear" ? "linear" : "signed",
      least: -end,
      most: end,
      diverging,
      shades,
      place,
      value: (p) => from(2 * p - 1),
    };
  }
  const log = kind === "log" && least > 0;
  const [a, b] = log ? [Math.log(least), Math.log(most)] : [least, most];
  const span = b - a;
  // A map of one value has the middle colour.
  const place = (v: number): number =>
    span === 0 ? (v === least ? 0.5 : NaN) : ((log ? (v > 0 ? Math.log(v) : NaN) : v) - a) / span;
  const value = (p: number): number => (log ? Math.exp(a + p * span) : a + p * span);
  return { kind: log ? "log" : "linear", least, most, diverging, shades, place, value };
}

/** The shade of each value. Values outside the scale have the colour of its nearer end; those that are none have grey. */
export function shade(scale: ColourScale, value: number): number {
  if (!Number.isFinite(value)) return NO_VALUE;
  const place = scale.place(value);
  return Number.isNaN(place) ? NO_VALUE : Math.min(Math.max(Math.floor(place * SHADES), 0), SHADES - 1);
}

/** Numbers to write at a scale: powers of ten, or round ones. */
export function scaleTicks({ kind, least, most, value }: ColourScale): readonly number[] {
  if (!(most > least)) return [least];
  if (kind === "signed") {
    // The thousandth of the largest value at which the scale bends is a few decades below.
    const power = 10 ** Math.floor(Math.log10(most));
    return [-power, -power / 100, 0, power / 100, power];
  }
  if (kind === "log") {
    const decades = Math.log10(most / least);
    const every = Math.max(1, Math.ceil(decades / 6));
    const found: number[] = [];
    for (let e = Math.floor(Math.log10(least)); e <= Math.log10(most); e += every)
      for (const m of decades < 1.5 ? [1, 2, 5] : [1]) found.push(m * 10 ** e);
    const inside = found.filter((v) => v >= least * 0.999 && v <= most * 1.001);
    return inside.length >= 2 ? inside : [least, value(0.5), most];
  }
  const rough = (most - least) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 2.5, 5, 10].find((m) => m * power >= rough) ?? 10);
  const found: number[] = [];
  for (let i = Math.ceil(least / step - 1e-9); i * step <= most + step * 1e-9; i++) found.push(i * step);
  return found;
}
