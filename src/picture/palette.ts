/**
 * Colours of lines, told apart with every kind of colour vision: Okabe and Ito (2008), "Color universal design",
 * jfly.uni-koeln.de/color, without the yellow that white paper swallows; the most different first.
 */
export const LINE_COLOURS: readonly string[] = [
  "#0072b2", // blue
  "#d55e00", // vermilion
  "#009e73", // bluish green
  "#cc79a7", // reddish purple
  "#e69f00", // orange
  "#56b4e9", // sky blue
  "#000000",
];

/** A cell without a value. */
export const NO_VALUE = "#d9d9d9";

/**
 * From dark violet over teal to yellow, evenly spaced; even in lightness, after viridis (van der Walt and Smith
 * 2015).
 */
const ANCHORS: readonly (readonly [number, number, number])[] = [
  [68, 1, 84],
  [71, 45, 123],
  [59, 82, 139],
  [44, 114, 142],
  [33, 145, 140],
  [40, 174, 128],
  [94, 201, 98],
  [173, 220, 48],
  [253, 231, 37],
];

/** The colour of a share of the scale from 0 (dark) to 1 (light), as #rrggbb; outside it is that of the nearer end. */
export function scaleColour(share: number): string {
  const position = Math.min(Math.max(share, 0), 1) * (ANCHORS.length - 1);
  const below = Math.min(Math.floor(position), ANCHORS.length - 2);
  const channels = ANCHORS[below]!.map((from, channel) => {
    const value = from + (position - below) * (ANCHORS[below + 1]![channel]! - from);
    return Math.round(value).toString(16).padStart(2, "0");
  });
  return `#${channels.join("")}`;
}

/** The colours between which `scaleColour` runs straight, at even distances. */
export const SCALE_STOPS: readonly string[] = ANCHORS.map((_, i) => scaleColour(i / (ANCHORS.length - 1)));
