import { less, sqrt, where } from "../tensor/elementwise.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Below this a second moment counts as 0: its root is far below any ε, and float32 has no full precision there. */
const NONE = 1e-36;

/**
 * √s of a second moment s = Σ cᵢ gᵢ² for use in m / (√s + ε), with derivative 0 where s = 0.
 *
 * There every gᵢ is 0, and m with them; √s is the length of (√cᵢ gᵢ), so m / (√s + ε) = m / ε + O(‖g‖²): its derivative is
 * that of m, over ε, and s has no part in it. The chain rule by itself meets 0 · ∞ there, which is NaN.
 */
export function root(s: Tensor): Tensor {
  const none = less(s, NONE);
  return where(none, 0, sqrt(where(none, 1, s)));
}
