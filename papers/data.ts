import { mnist } from "drmad";

export type Images = ReturnType<typeof mnist>;
type Sizes = { readonly train: number; readonly valid: number; readonly test: number };

const read = new Map<string, Images>();

/** MNIST as drawn by a seed; read once, however often it is asked for in a row. */
export function images(folder: string, sizes: Sizes, seed: number): Images {
  const key = JSON.stringify([folder, sizes, seed]);
  const known = read.get(key);
  if (known !== undefined) return known;
  // One seed is used at a time, and each takes up to 160 MB.
  read.clear();
  const made = mnist({ folder, ...sizes, seed });
  read.set(key, made);
  return made;
}
