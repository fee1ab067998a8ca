import type { ImageShape } from "../data/dataset.ts";
import type { StartInfo } from "../study/events.ts";
import type { TensorInfo as TunedTensor } from "../study/tensor-info.ts";
import { isPerExample } from "../study/examples.ts";
import type { TensorInfo } from "./api.ts";
import { tensorsIn, type Arrays } from "./reader.ts";

export type Picture = NonNullable<TensorInfo["image"]>;

/** A tensor that is an image of the inputs as a whole, or each row of it (after the first axis) one. */
export function imageOf(
  { shape, perStep }: Pick<TunedTensor, "shape" | "perStep">,
  image: ImageShape | undefined,
): Picture | undefined {
  if (image === undefined || shape.length === 0) return undefined;
  const { height, width } = image;
  const [rows, ...row] = shape;
  const size = row.reduce((product, length) => product * length, 1);
  if (!perStep && rows! * size === height * width) return { height, width, whole: true };
  return row.length > 0 && size === height * width ? { height, width, whole: false } : undefined;
}

/** What the study tells of its tensors. */
export const tensorInfos = ({ tensors = [], image, rows }: StartInfo): readonly TensorInfo[] =>
  tensors.map((tensor) => {
    const picture = imageOf(tensor, image);
    const { name, shape, perStep, transform } = tensor;
    return {
      name,
      shape,
      perStep,
      transform,
      ...(picture && { image: picture }),
      perExample: isPerExample(tensor, rows["train"] ?? 0),
    };
  });

/** What the arrays of a step tell of them, for studies that do not say. */
export const tensorsFound = (arrays: Arrays, rows: number): readonly TensorInfo[] =>
  tensorsIn(arrays, "value").map(([name, { shape }]) => {
    const tensor = { name, shape, perStep: false, transform: "unknown" };
    return { ...tensor, perExample: isPerExample(tensor, rows) };
  });
