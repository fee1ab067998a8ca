import { abs, div, maximum } from "./elementwise.ts";
import { detach } from "./layout.ts";
import { max } from "./reduce.ts";
import { node, type Packed, type Tensor } from "./tensor.ts";

/** Smallest scale, so that a tensor of zeros is packed without dividing by zero. */
const SMALLEST = 1e-30;

/** Packed numbers, with the scale of those that have one. */
export interface PackedTensor {
  readonly values: Tensor;
  readonly scale: Tensor | undefined;
}

/**
 * Real numbers in less space. float16 keeps 11 bits of each, in ±65,504, beyond which they become infinite; int8 keeps
 * round(127 x / max|x|), one scale for the whole tensor, so that the error is at most max|x| / 254. Both round ties to even.
 * No derivative passes through. Numbers should be finite: float16 keeps what is not, int8 has no place for NaN, and what comes
 * out for it is up to the engine. Training with weights that are not finite ends in an error.
 */
export function pack(x: Tensor, as: Packed): PackedTensor {
  if (as === "float16") return { values: node("pack", [x], {}, x.shape, as), scale: undefined };
  const scale = detach(maximum(div(max(abs(x)), 127), SMALLEST));
  return { values: node("pack", [x, scale], {}, x.shape, as), scale };
}

/** The inverse of `pack`, up to what packing rounds away. */
export const unpack = ({ values, scale }: PackedTensor): Tensor =>
  node("unpack", scale === undefined ? [values] : [values, scale], {}, values.shape, "float");
