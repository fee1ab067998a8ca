import type { Num } from "../../src/server/api.ts";

/** The number itself; NaN where there is none. */
export const num = (value: Num | null | undefined): number =>
  value === null || value === undefined ? NaN : Number(value);

/** What a chart can draw: null leaves a gap. */
export const drawable = (value: Num | null | undefined): number | null => {
  const found = num(value);
  return Number.isFinite(found) ? found : null;
};

const MINUS = "−";
const signed = (text: string): string => text.replaceAll("-", MINUS);

/** At most four figures: 0.0423, 12.35, 1.2e−7, ∞, NaN; a dash where there is none. */
export function short(value: Num | null | undefined): string {
  if (value === null || value === undefined) return "–";
  const found = Number(value);
  if (Number.isNaN(found)) return "NaN";
  if (!Number.isFinite(found)) return found > 0 ? "∞" : `${MINUS}∞`;
  if (found === 0) return "0";
  const size = Math.abs(found);
  const text =
    size < 1e-3 || size >= 1e6
      ? found.toExponential(2)
      : size >= 1000
        ? count(Math.round(found))
        : found.toPrecision(4);
  return signed(text.replace(/(\.\d*?)0+(?=e|$)/, "$1").replace(/\.(?=e|$)/, ""));
}

/** The same with all four figures, as the columns of a table need them to stand below each other: 0.7300. */
export function figures(value: Num | null | undefined): string {
  const text = short(value);
  const size = Math.abs(num(value));
  return size >= 1e-3 && size < 1000 ? signed(num(value).toPrecision(4)) : text;
}

/** Numbers at an axis: as few figures as tell neighbours apart. */
export function tick(value: number, distance: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) return signed(value.toExponential(1).replace(".0e", "e").replace("e+", "e"));
  let digits = 0;
  while (
    digits < 6 &&
    Math.abs(distance * 10 ** digits - Math.round(distance * 10 ** digits)) > 1e-6 * 10 ** digits * distance
  )
    digits++;
  return signed(value.toFixed(digits));
}

/** 1,797 */
export const count = (value: number): string => String(value).replaceAll(/\B(?=(\d{3})+$)/g, ",");
export const counted = (value: number, noun: string): string => `${count(value)} ${noun}${value === 1 ? "" : "s"}`;

/** Whether a metric is a share of rows, which reads best in percent. */
export const isShare = (metric: string): boolean => metric === "error" || metric === "accuracy";
export const percent = (value: number, digits = 2): string =>
  Number.isFinite(value) ? signed(`${(100 * value).toFixed(digits)} %`) : short(value as Num);
export const metricText = (metric: string, value: Num | null | undefined): string =>
  isShare(metric) && value !== null && value !== undefined ? percent(num(value)) : figures(value);

/** −12.3 %, against where it began. */
export function change(from: number, to: number): string {
  if (!Number.isFinite(from) || !Number.isFinite(to) || from === 0) return "–";
  const share = (100 * (to - from)) / Math.abs(from);
  return `${share > 0 ? "+" : ""}${signed(share.toFixed(Math.abs(share) < 10 ? 1 : 0))} %`;
}

const two = (value: number): string => String(value).padStart(2, "0");

/** 0.6 s, 34 s, 12:34 min, 1:02:03 h */
export function seconds(value: Num | null | undefined): string {
  const found = num(value);
  if (!Number.isFinite(found)) return "–";
  if (found < 0.1) return `${Number((1000 * found).toPrecision(2))} ms`;
  if (found < 10) return `${found.toFixed(1)} s`;
  if (found < 100) return `${found.toFixed(0)} s`;
  const whole = Math.round(found);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours === 0 ? `${minutes}:${two(whole % 60)} min` : `${hours}:${two(minutes)}:${two(whole % 60)} h`;
}

/** How long ago, coarsely. */
export function ago(when: string, now: number): string {
  const passed = (now - Date.parse(when)) / 1000;
  if (!Number.isFinite(passed)) return "–";
  if (passed < 60) return "just now";
  if (passed < 3600) return `${Math.floor(passed / 60)} min ago`;
  if (passed < 86_400) return `${Math.floor(passed / 3600)} h ago`;
  if (passed < 60 * 86_400) return `${Math.floor(passed / 86_400)} d ago`;
  return when.slice(0, 10);
}

/** 20:46:22, in the time of whoever looks. */
export function timeOfDay(when: string): string {
  const date = new Date(when);
  if (Number.isNaN(date.getTime())) return when;
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
}

/** 2026-11-21 20:46:22 */
export function moment(when: string): string {
  const date = new Date(when);
  if (Number.isNaN(date.getTime())) return when;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${timeOfDay(when)}`;
}

/**
 * Text with its invisible marks made visible: controls that turn the direction of writing or hide, as ⟨202E⟩. What is
 * shown is then what is there.
 */
export const visible = (text: string): string =>
  text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (mark) =>
    mark === "\n" || mark === "\t" || mark === "\u200d"
      ? mark
      : `⟨${mark.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}⟩`,
  );
