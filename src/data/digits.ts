import type { Dataset } from "./dataset.ts";
import { digitsText } from "./digits-bytes.ts";
import { requireOptions } from "../errors.ts";
import { requireSeed, substream } from "./random.ts";
import { drawRows, type LabelledSplit } from "./split.ts";

const ROWS = 1797;
const PIXELS = 64;
const WHITEST = 16;

export interface DigitsOptions {
  /** Rows to fit weights on, 1000 unless told. */
  readonly train?: number;
  /** Rows to tune hyperparameters on, 397 unless told. */
  readonly valid?: number;
  /** Rows for the report, 400 unless told. */
  readonly test?: number;
  /** Names the random split; 0 unless told. */
  readonly seed?: number;
}

/**
 * The UCI optical recognition of handwritten digits (Alpaydin and Kaynak 1998; 13 writers), embedded: 1797 images of
 * 8 × 8 pixels. `x` is Float32Array [n, 64] in [0, 1], row by row from the top left; `y` is Int32Array [n], the digit.
 * The rows are split at random, not stratified, so that splits of the same seed and sizes are always the same.
 *
 * Errors: `invalid-argument` when a size is not a positive integer, or when they add up to more than 1797.
 */
export function digits(options: DigitsOptions = {}): Dataset<LabelledSplit> {
  requireOptions("digits", options, { train: "number?", valid: "number?", test: "number?", seed: "number?" });
  const { train = 1000, valid = 397, test = 400, seed = 0 } = options;
  requireSeed("digits", seed);
  const rows = drawRows("digits", ROWS, { train, valid, test }, substream(seed, "digits"));
  return {
    train: decodeRows(rows.train),
    valid: decodeRows(rows.valid),
    test: decodeRows(rows.test),
    image: { height: 8, width: 8 },
  };
}

function decodeRows(rows: Int32Array): LabelledSplit {
  const x = new Float32Array(rows.length * PIXELS);
  const y = new Int32Array(rows.length);
  rows.forEach((row, i) => {
    const start = row * (PIXELS + 1);
    for (let pixel = 0; pixel < PIXELS; pixel++) x[i * PIXELS + pixel] = decodeAt(start + pixel) / WHITEST;
    y[i] = decodeAt(start + PIXELS);
  });
  return { x: { data: x, shape: [rows.length, PIXELS] }, y: { data: y, shape: [rows.length] } };
}

/** `0`..`9` and `a`..`g` stand for 0..16. */
function decodeAt(index: number): number {
  const code = digitsText.charCodeAt(index);
  return code < 97 ? code - 48 : code - 87;
}
