import type { LabelledSplit } from "./split.ts";

export interface LabelledImages {
  readonly rows: number;
  /** Image after image, all of one size. */
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
}

/** Mean of every pixel over all images, in [0, 1]. */
export function meanImage({ rows, images }: LabelledImages): Float64Array {
  const pixels = images.length / rows;
  const sum = new Float64Array(pixels);
  for (let row = 0, at = 0; row < rows; row++) {
    for (let pixel = 0; pixel < pixels; pixel++, at++) sum[pixel]! += images[at]!;
  }
  return sum.map((total) => total / (255 * rows));
}

/** Rows as pixels / 255 minus the mean image, Float32Array [n, pixels], with their classes. */
export function takeImages({ images, labels }: LabelledImages, rows: Int32Array, mean: Float64Array): LabelledSplit {
  const pixels = mean.length;
  const x = new Float32Array(rows.length * pixels);
  rows.forEach((row, i) => {
    for (let pixel = 0; pixel < pixels; pixel++) {
      x[i * pixels + pixel] = images[row * pixels + pixel]! / 255 - mean[pixel]!;
    }
  });
  const y = Int32Array.from(rows, (row) => labels[row]!);
  return { x: { data: x, shape: [rows.length, pixels] }, y: { data: y, shape: [rows.length] } };
}
