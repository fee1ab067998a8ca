import { add, cast, div, less, log, mul, pow, sub, tanh, where } from "../tensor/elementwise.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * 1 − βⁿ after step t, n = t + 1: what an exponential average that began at 0 lacks of a full one. 0 ≤ β < 1.
 *
 * For β near 1 the difference would cancel, so it is taken as 1 − eˣ = −2h / (1 − h), h = tanh(x / 2), x = n log β.
 */
export function weightOfAverage(decay: Tensor, t: Tensor): Tensor {
  const n = cast(add(t, 1), "float");
  const small = less(decay, 0.5);
  const h = tanh(mul(0.5, mul(n, log(where(small, 0.5, decay)))));
  return where(small, sub(1, pow(decay, n)), div(mul(-2, h), sub(1, h)));
}
