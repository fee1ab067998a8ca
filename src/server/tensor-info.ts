import type { ImageShape } from "../data/dataset.ts";
import type { StartInfo } from "../study/events.ts";
import type { TensorInfo as TunedTensor } from "../study/tensor-info.ts";
import { isPerExample } from "../study/examples.ts";
import type { TensorInfo } from "./api.ts";
import { tensorsIn, type Arrays } from "./reader.ts";

type Picture = NonNullable<TensorInfo["image"]>;

/** A tensor that is an image of the inputs as a whole, or each row of it (after the first axis) one, or each column. */
function imageOf(
  { shape, perStep }: Pick<TunedTensor, "shape" | "perStep">,
  image: ImageShape | undefined,
): Picture | undefined {
  if (image === undefined || shape.length === 0) return undefined;
  const { height, width } = image;
  const [rows, ...row] = shape;
  const size = row.reduce((product, length) => product * length, 1);
  if (!perStep && rows! * size === height * width) return { height, width, whole: true };
  const columns = !perStep && row.length === 1 && rows === height * width;
  return row.length > 0 && (size === height * width || columns) ? { height, width, whole: false } : undefined;
}

/**
 * Whether a tensor belongs to weights that do not see the inputs: those of a hidden layer as wide as the image are no image.
 * The first weights with an input for each pixel are taken for those that do.
 */
function isHidden(name: string, { parameters = [], image }: StartInfo): boolean {
  const own = parameters.find(({ path }) => name.endsWith(`.${path}`));
  const first = parameters.find(({ shape }) => shape[0] === (image?.height ?? 0) * (image?.width ?? 0));
  return own !== undefined && first !== undefined && own !== first;
}

/** What the study tells of its tensors. */
export const tensorInfos = (start: StartInfo): readonly TensorInfo[] =>
  (start.tensors ?? []).map((tensor) => {
    const picture = isHidden(tensor.name, start) ? undefined : imageOf(tensor, start.image);
    const { name, shape, perStep, transform } = tensor;
    return {
      name,
      shape,
      perStep,
      transform,
      ...(picture && { image: picture }),
      perExample: isPerExample(tensor, start.rows["train"] ?? 0),
    };
  });

/** What the arrays of a step tell of them, for studies that do not say. */
export const tensorsFound = (arrays: Arrays, rows: number): readonly TensorInfo[] =>
  tensorsIn(arrays, "value").map(([name, { shape }]) => {
    const tensor = { name, shape, perStep: false, transform: "unknown" };
    return { ...tensor, perExample: isPerExample(tensor, rows) };
  });
