import { formula } from "./measure.ts";

/** Rows of a few features, each of a class, the same in every language. */
export const classified = (seed: number, rows: number, features: number, classes = 2) => ({
  x: { data: formula(seed, features * rows), shape: [rows, features] },
  y: { data: Int32Array.from({ length: rows }, (_, i) => (i * i + seed) % classes), shape: [rows] },
});

/** One row of a zero, for experiments that read no data. */
export const nothing = { x: { data: new Float64Array(1), shape: [1, 1] } };
