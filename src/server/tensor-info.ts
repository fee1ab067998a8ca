import type { StartInfo } from "../study/events.ts";
import { imageOf } from "../study/image-of.ts";
import { isPerExample } from "../study/examples.ts";
import type { TensorInfo } from "./api.ts";
import { tensorsIn, type Arrays } from "./reader.ts";

/** What the study tells of its tensors. */
export const tensorInfos = (start: StartInfo): readonly TensorInfo[] =>
  (start.tensors ?? []).map((tensor) => {
    const picture = imageOf(tensor, start);
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
