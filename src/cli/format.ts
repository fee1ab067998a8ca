/** Four figures: 0.04230, 12.35; three of those that need an exponent, below 0.001 and from a million on: 1.00e-4. */
export function number(value: number): string {
  if (!Number.isFinite(value) || value === 0) return String(value);
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e6) return value.toExponential(size >= 1e100 || size < 1e-99 ? 1 : 2);
  return size >= 1000 ? value.toFixed(0) : value.toPrecision(4);
}

/** The same without zeros that say nothing: 0.001, 0.07, 1e-4. Never in one table with those. */
export const short = (value: number): string =>
  Number.isFinite(value)
    ? number(value)
        .replace(/(\.\d*?)0+(?=e|$)/, "$1")
        .replace(/\.(?=e|$)/, "")
    : String(value);

/** 1,797 */
export const count = (value: number): string => String(value).replaceAll(/\B(?=(\d{3})+$)/g, ",");

/** 312 bytes, 4.2 kB, 1.3 GB */
export function bytesText(value: number): string {
  if (value < 1000) return counted(value, "byte");
  const power = Math.min(4, Math.floor(Math.log10(value) / 3));
  return `${(value / 1000 ** power).toPrecision(3).replace(/\.0+$/, "")} ${["", "kB", "MB", "GB", "TB"][power]}`;
}

/** `1 thread`, `2 threads` */
export const counted = (value: number, noun: string): string => `${count(value)} ${noun}${value === 1 ? "" : "s"}`;

const two = (value: number): string => String(value).padStart(2, "0");

/** 0:07, 12:34, 1:02:03 */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const minutes = Math.floor(whole / 60);
  const rest = two(whole % 60);
  return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${rest}`;
}

/** 0.6 s, 8.1 s, 34 s, 12:34 min */
export function seconds(value: number): string {
  if (value < 10) return `${value.toFixed(1)} s`;
  if (value < 100) return `${value.toFixed(0)} s`;
  return `${clock(value)} ${value < 3600 ? "min" : "h"}`;
}

/** Whether a metric is a share of rows, which reads best in percent. */
export const isShare = (metric: string, value: number): boolean =>
  (metric === "error" || metric === "accuracy") && value >= 0 && value <= 1;

/** 2.77 % */
export const percent = (value: number): string =>
  Number.isFinite(value) ? `${(100 * value).toFixed(2)} %` : String(value);

export const metricText = (metric: string, value: number): string =>
  isShare(metric, value) ? percent(value) : number(value);

/** a, b and c */
export const listed = (words: readonly string[], joint = "and"): string =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} ${joint} ${words.at(-1)}`;

/** Columns as wide as their widest cell, the first aligned left and the rest right. */
export function table(rows: readonly (readonly string[])[], gap = 2): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join(" ".repeat(gap))
      .trimEnd(),
  );
}

/** A word of a command that can be pasted into a shell, whatever is in it. */
export function shellWord(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  return process.platform === "win32" ? `"${word}"` : `'${word.replaceAll("'", "'\\''")}'`;
}
