import type { ImageShape } from "../data/dataset.ts";
import type { TensorInfo } from "./tensor-info.ts";

/** A tensor that is an image of the inputs as a whole, or each row of it (after the first axis) one. */
export interface TensorImage {
  readonly height: number;
  readonly width: number;
  readonly whole: boolean;
}

export function imageOf(
  { shape, perStep }: Pick<TensorInfo, "shape" | "perStep">,
  image: ImageShape | undefined,
): TensorImage | undefined {
  if (image === undefined || shape.length === 0) return undefined;
  const { height, width } = image;
  const [rows, ...row] = shape;
  const size = row.reduce((product, length) => product * length, 1);
  if (!perStep && rows! * size === height * width) return { height, width, whole: true };
  return row.length > 0 && size === height * width ? { height, width, whole: false } : undefined;
}
