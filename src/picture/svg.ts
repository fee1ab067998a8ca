/** Ink on white, from the strongest to the faintest: titles and names, tick labels and units, axes, grid lines. */
export const INK = "#1b1b1b";
export const MUTED = "#595959";
export const AXIS = "#8c8c8c";
export const GRID = "#e4e4e4";

export type Attributes = Readonly<Record<string, string | number | undefined>>;

/** An SVG element; attributes that are undefined are left out, numbers are written with two decimals at most. */
export function element(name: string, attributes: Attributes, ...children: readonly string[]): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === "number" ? decimal(value) : escapeText(String(value))}"`)
    .join("");
  return children.length === 0 ? `<${name}${written}/>` : `<${name}${written}>${children.join("")}</${name}>`;
}

/**
 * A coordinate with two decimals, never in exponent notation. A coordinate that is not finite is a defect of the
 * caller.
 */
export function decimal(value: number): string {
  if (!Number.isFinite(value)) throw new Error(`the coordinate ${value}`);
  return String(Math.round(value * 100) / 100 + 0);
}

/** Text as XML: markup is escaped; controls, lone surrogates and non-characters, which XML forbids, become U+FFFD. */
export function escapeText(text: string): string {
  return text
    .replaceAll(/[\t\n\r]/g, " ")
    .replaceAll(/[\p{Cc}\p{Cs}\ufffe\uffff]/gu, "\ufffd")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

export interface TextStyle {
  readonly size: number;
  readonly bold?: boolean;
  readonly fill?: string;
  readonly anchor?: "start" | "middle" | "end";
  /** A white outline, for text over lines. */
  readonly halo?: boolean;
}

/** One line of text with its baseline at `y`. */
export function label(x: number, y: number, content: string, style: TextStyle): string {
  const halo = style.halo
    ? { stroke: "#fff", "stroke-width": 3.5, "stroke-linejoin": "round", "paint-order": "stroke" }
    : {};
  return element(
    "text",
    {
      x,
      y,
      "font-size": style.size,
      "font-weight": style.bold ? "bold" : undefined,
      "text-anchor": style.anchor === "start" ? undefined : style.anchor,
      fill: style.fill ?? INK,
      ...halo,
    },
    escapeText(content),
  );
}

/** A whole picture on white; `title` is its accessible name. */
export function picture(width: number, height: number, title: string, body: readonly string[]): string {
  return element(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      width,
      height,
      viewBox: `0 0 ${decimal(width)} ${decimal(height)}`,
      role: "img",
      "aria-label": title,
      // DejaVu Sans is what the layout measures; Verdana has the same widths.
      "font-family": "DejaVu Sans, Verdana, Geneva, sans-serif",
    },
    element("rect", { width, height, fill: "#fff" }),
    ...body,
  );
}
