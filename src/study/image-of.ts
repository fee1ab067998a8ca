import type { StartInfo } from "./events.ts";
import type { TensorInfo } from "./tensor-info.ts";

/** A tensor that is an image of the inputs as a whole, or each row of it (after the first axis) one, or each column. */
export interface TensorImage {
  readonly height: number;
  readonly width: number;
  readonly whole: boolean;
}

/** How a tensor folds into images of the inputs; undefined where it does not. */
export function imageOf(
  tensor: Pick<TensorInfo, "name" | "shape" | "perStep">,
  start: Pick<StartInfo, "image" | "parameters">,
): TensorImage | undefined {
  const { shape, perStep, name } = tensor;
  const { image, parameters = [] } = start;
  if (image === undefined || shape.length === 0 || isHidden(name, { image, parameters })) return undefined;
  const { height, width } = image;
  const pixels = height * width;
  const [rows, ...row] = shape;
  const columns = row.reduce((product, length) => product * length, 1);
  if (!perStep && rows! * columns === pixels) return { height, width, whole: true };
  const byColumn = !perStep && row.length === 1 && rows === pixels;
  return row.length > 0 && (columns === pixels || byColumn) ? { height, width, whole: false } : undefined;
}

/**
 * Whether a tensor belongs to weights that do not see the inputs: those of a hidden layer as wide as the image are no image.
 * The first weights with an input for each pixel are taken for those that do.
 */
function isHidden(name: string, { image, parameters }: Required<Pick<StartInfo, "image" | "parameters">>): boolean {
  const own = parameters.find(({ path }) => name.endsWith(`.${path}`));
  const first = parameters.find(({ shape }) => shape[0] === image.height * image.width);
  return own !== undefined && first !== undefined && own !== first;
}
