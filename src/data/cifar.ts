import { DrmadError, requireOptions } from "../errors.ts";
import type { NdArray } from "./dataset.ts";
import { failsAt, MAX_BYTES, type ParseOptions } from "./limits.ts";

export const CIFAR_SIDE = 32;
const PIXELS = 3 * CIFAR_SIDE * CIFAR_SIDE;

/** Of CIFAR-10, one label a record; of CIFAR-100, two: a coarse and a fine one. */
export type CifarLabels = "label" | "coarse" | "fine";

const CLASSES: Readonly<Record<CifarLabels, readonly number[]>> = { label: [10], coarse: [20, 100], fine: [20, 100] };

export interface CifarOptions extends ParseOptions {
  /** Which label is read: `label` of CIFAR-10, as unless told, or `coarse` or `fine` of CIFAR-100. */
  readonly labels?: CifarLabels;
}

/**
 * The records of a binary CIFAR file (cs.toronto.edu/~kriz/cifar.html): one byte for the class, or two in CIFAR-100, then 32 × 32
 * bytes of red, as many of green and of blue, each row by row. `images` is Uint8Array [n, 3, 32, 32], `labels` Uint8Array [n].
 *
 * Errors: `malformed-file`, with the offset, when the file is empty or ends inside a record, or a label is above the last class
 * (9; 19 coarse, 99 fine). There is nothing else in the format that could be wrong: any bytes are pixels.
 */
export function parseCifar(
  bytes: Uint8Array,
  options: CifarOptions = {},
): { readonly images: NdArray; readonly labels: NdArray } {
  requireOptions("parseCifar", options, { name: "text?", maxBytes: "number?", labels: "text?" });
  const { name = "cifar", maxBytes = MAX_BYTES, labels: which = "label" } = options;
  const fail = failsAt(name, "The file is damaged, or is not a file of the binary version of CIFAR; fetch it again.");
  if (!Object.hasOwn(CLASSES, which)) {
    throw new DrmadError("invalid-argument", `CIFAR has no labels ${JSON.stringify(which)}.`, {
      hint: 'Give "label" for CIFAR-10, "fine" or "coarse" for CIFAR-100.',
    });
  }
  const heads = CLASSES[which];
  const size = heads.length + PIXELS;
  const rows = Math.floor(bytes.length / size);
  if (rows === 0 || rows * size !== bytes.length)
    return fail(bytes.length, `the file ends ${bytes.length - rows * size} bytes into a record of ${size}`);
  if (bytes.length > maxBytes) return fail(0, `${bytes.length} bytes in memory, more than ${maxBytes}`);
  const images = new Uint8Array(rows * PIXELS);
  const labels = new Uint8Array(rows);
  for (let row = 0; row < rows; row++) {
    const at = row * size;
    heads.forEach((classes, i) => {
      if (bytes[at + i]! >= classes) fail(at + i, `record ${row} has the label ${bytes[at + i]}, above ${classes - 1}`);
    });
    labels[row] = bytes[at + (which === "fine" ? 1 : 0)]!;
    images.set(bytes.subarray(at + heads.length, at + size), row * PIXELS);
  }
  return {
    images: { data: images, shape: [rows, 3, CIFAR_SIDE, CIFAR_SIDE] },
    labels: { data: labels, shape: [rows] },
  };
}
