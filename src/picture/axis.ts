export interface Tick {
  readonly value: number;
  readonly label: string;
}

/** A range of values with round numbers marked on it. */
export interface Axis {
  /**
   * 0 at the low end, 1 at the high end. Outside of the range, and without end on a logarithmic axis for 0, it goes
   * on.
   */
  readonly place: (value: number) => number;
  readonly ticks: readonly Tick[];
}

export interface LinearOptions {
  /** About how many ticks; there may be half or one and a half times as many. */
  readonly count: number;
  /** Ticks at whole numbers only. */
  readonly whole?: boolean;
  /** Extend the range to the ticks that surround it, and to 0 when that is near. */
  readonly round?: boolean;
}

/** An even axis from `low` to `high`; `low === high` becomes a range around the value. |low|, |high| ≤ 1e300. */
export function linearAxis(low: number, high: number, options: LinearOptions): Axis {
  let [from, to] = widen(low, high, options.whole === true ? 1 : 0);
  if (options.round && from > 0 && from < to / 3) from = 0;
  // 2.5 is no step between whole numbers; 25 would be, but is not missed.
  const mantissas = options.whole ? [1, 2, 5, 10] : [1, 2, 2.5, 5, 10];
  let rough = (to - from) / options.count;
  let step = roundStep(rough, mantissas);
  // Two ticks at least, which a coarse step may miss.
  while (Math.floor(to / step) - Math.ceil(from / step) < 1) step = roundStep((rough /= 2), mantissas);
  if (options.whole) step = Math.max(1, step);
  if (options.round) {
    from = step * Math.floor(from / step + 1e-9);
    to = step * Math.ceil(to / step - 1e-9);
  }
  const values: number[] = [];
  // A tick that rounding puts a little outside is still a tick.
  const first = Math.ceil(from / step - 1e-9);
  const last = Math.floor(to / step + 1e-9);
  // Rounded to the step's own decimals, so that 3 · 0.1 is 0.3 and 0 is 0.
  for (let i = first; i <= last; i++) values.push(Number((i * step).toPrecision(15)));
  return { place: (value) => (value - from) / (to - from), ticks: evenLabels(values, step) };
}

/**
 * A logarithmic axis from `low` to `high`, both from 1e-280 to 1e300. Ticks are powers of ten, with 2 and 5 (or 3)
 * between them where there is room, or even steps where the range is short.
 */
export function logAxis(low: number, high: number, count: number): Axis {
  // Closer ends have logarithms that differ in too few bits.
  const [from, to] = low < high * (1 - 1e-6) ? [low, high] : [low / 2, high * 2];
  const place = (value: number): number => (Math.log(value) - Math.log(from)) / (Math.log(to) - Math.log(from));
  const inside = (value: number): boolean => value >= from * (1 - 1e-9) && value <= to * (1 + 1e-9);
  const first = Math.floor(Math.log10(from));
  const last = Math.ceil(Math.log10(to));
  for (const [mantissas, every] of LOG_STEPS) {
    const values: number[] = [];
    for (let exponent = Math.ceil(first / every) * every; exponent <= last; exponent += every) {
      for (const mantissa of mantissas) values.push(Number(`${mantissa}e${exponent}`));
    }
    const ticks = values.filter(inside);
    if (ticks.length < 3 && every === 1 && mantissas.length === 3) break;
    if (ticks.length <= count) return { place, ticks: logLabels(ticks) };
  }
  const even = linearAxis(from, to, { count: Math.min(count, 4) });
  return { place, ticks: even.ticks.filter(({ value }) => inside(value)) };
}

/** From the densest: multiples of the powers of ten, and which powers. Doubles span 632 of them. */
const LOG_STEPS: readonly (readonly [readonly number[], number])[] = [
  [[1, 2, 5], 1],
  [[1, 3], 1],
  ...[1, 2, 3, 5, 10, 20, 50, 100, 200].map((every) => [[1], every] as const),
];

function widen(low: number, high: number, least: number): readonly [number, number] {
  const size = Math.max(Math.abs(low), Math.abs(high));
  // Below that there are not enough doubles in the range for ticks.
  if (high - low > 1e-9 * size && high - low > 1e-290) return [low, high];
  const margin = Math.max(size > 1e-280 ? 0.1 * size : 1, least);
  return [low - margin, high + margin];
}

/** One of the mantissas times a power of ten, near to `rough`. */
function roundStep(rough: number, mantissas: readonly number[]): number {
  const exponent = Math.floor(Math.log10(rough));
  const mantissa = rough / 10 ** exponent;
  const round = mantissas.find((candidate) => mantissa <= candidate * 1.2) ?? 10;
  return Number(`${round}e${exponent}`);
}

function evenLabels(values: readonly number[], step: number): Tick[] {
  const largest = Math.max(...values.map(Math.abs));
  const shift = largest >= 1e6 || (largest > 0 && largest < 1e-3) ? Math.floor(Math.log10(largest)) : 0;
  const scale = Number(`1e${-shift}`);
  const decimals = decimalsOf(step * scale);
  return values.map((value) => {
    if (shift === 0) return { value, label: plain(value, decimals) };
    if (value === 0) return { value, label: "0" };
    return { value, label: `${plain(value * scale, decimals)}×10${raised(shift)}` };
  });
}

/** How many decimals a multiple of 1, 2, 2.5 or 5 times a power of ten needs. */
function decimalsOf(step: number): number {
  for (let decimals = 0; decimals < 15; decimals++) {
    const scaled = step * 10 ** decimals;
    if (Math.abs(scaled - Math.round(scaled)) < 1e-6 * scaled) return decimals;
  }
  return 15;
}

function logLabels(values: readonly number[]): Tick[] {
  const far = values.some((value) => value < 0.99e-4 || value > 1.01e5);
  return values.map((value) => {
    const exponent = Math.floor(Math.log10(value * (1 + 1e-9)));
    if (!far) return { value, label: plain(value, Math.max(0, -exponent)) };
    const mantissa = Math.round(value / Number(`1e${exponent}`));
    return { value, label: `${mantissa === 1 ? "" : `${mantissa}×`}10${raised(exponent)}` };
  });
}

/** A number with a true minus sign and commas between thousands. */
function plain(value: number, decimals: number): string {
  const [whole, fraction] = Math.abs(value).toFixed(decimals).split(".") as [string, string?];
  const grouped = whole.replaceAll(/\B(?=(\d{3})+$)/g, ",");
  return (value < 0 ? "−" : "") + grouped + (fraction === undefined ? "" : `.${fraction}`);
}

function raised(exponent: number): string {
  return String(exponent).replaceAll(/./g, (figure) => (figure === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(figure)]!));
}
