/** The same as in the pictures of the command line, `src/picture/palette.ts`, which says whose they are. */
export const LINE_COLOURS: readonly string[] = [
  "#0072b2", // blue
  "#d55e00", // vermilion
  "#009e73", // bluish green
  "#cc79a7", // reddish purple
  "#e69f00", // orange
  "#56b4e9", // sky blue
  "#000000",
];

export type Triple = readonly [number, number, number];

/** From low to high, evenly spaced and even in lightness: the stops of the command line's maps. */
export const SEQUENTIAL: readonly Triple[] = [
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

/** From blue for negative through nearly white at zero to vermilion for positive; as dark at one end as at the other. */
export const DIVERGING: readonly Triple[] = [
  [3, 47, 97],
  [0, 114, 178],
  [114, 178, 220],
  [196, 222, 239],
  [246, 246, 244],
  [250, 214, 184],
  [240, 156, 97],
  [213, 94, 0],
  [118, 41, 3],
];
