import { value } from "../data/value.ts";
import { DIVERGING, LINE_COLOURS, SEQUENTIAL, type Triple } from "./stops.ts";

/** On dark paper: the same family, each light enough to be seen there; what is black on white is white on black. */
const DARK_LINE_COLOURS: readonly string[] = [
  "#56b4e9",
  "#f08c4a",
  "#2fc49a",
  "#dd9cbf",
  "#e6b830",
  "#a5b8f3",
  "#ffffff",
];

export const SHADES = 256;
/** A cell without a value, and one that is no cell: the gap between two images. */
export const NO_VALUE = SHADES;
export const GAP = SHADES + 1;

function shadeTable(stops: readonly Triple[]): Uint32Array {
  const table = new Uint32Array(SHADES + 2);
  for (let i = 0; i < SHADES; i++) {
    const position = ((i + 0.5) / SHADES) * (stops.length - 1);
    const below = Math.min(Math.floor(position), stops.length - 2);
    const [r, g, b] = [0, 1, 2].map((c) => {
      const from = stops[below]![c]!;
      return Math.round(from + (position - below) * (stops[below + 1]![c]! - from));
    }) as [number, number, number];
    table[i] = packed(r, g, b);
  }
  table[NO_VALUE] = packed(217, 217, 217);
  table[GAP] = 0;
  return table;
}

/** As a canvas keeps it: red in the lowest byte. */
const packed = (r: number, g: number, b: number): number => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;

/** Colours by shade, for a canvas. */
export const SEQUENTIAL_SHADES = shadeTable(SEQUENTIAL);
export const DIVERGING_SHADES = shadeTable(DIVERGING);

/** What charts are drawn with, which style sheets do not reach. */
export interface Theme {
  readonly lines: readonly string[];
  readonly ink: string;
  readonly muted: string;
  readonly grid: string;
  readonly panel: string;
  readonly bad: string;
}

const LIGHT: Theme = {
  lines: LINE_COLOURS,
  ink: "#1a1f24",
  muted: "#59626b",
  grid: "#e9ebed",
  panel: "#ffffff",
  bad: "#b3261e",
};
const DARK: Theme = {
  lines: DARK_LINE_COLOURS,
  ink: "#e6e9ec",
  muted: "#a1abb5",
  grid: "#2a3036",
  panel: "#1a1e22",
  bad: "#ff9a90",
};

const prefersDark = matchMedia("(prefers-color-scheme: dark)");
export const theme = value<Theme>(prefersDark.matches ? DARK : LIGHT);
prefersDark.addEventListener("change", ({ matches }) => theme.set(matches ? DARK : LIGHT));

/** The colour of a line, and how it is drawn when the colours come again. */
export const lineStyle = ({ lines }: Theme, index: number): { readonly colour: string; readonly dash?: number[] } => ({
  colour: lines[index % lines.length]!,
  ...(index < lines.length ? {} : { dash: index < 2 * lines.length ? [2, 3] : [8, 3, 2, 3] }),
});
