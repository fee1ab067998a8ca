import { less, sqrt, where } from "../tensor/elementwise.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Below this a second moment counts as 0: its root, 1e-18, is far below any ε in use, and float32 has no full precision there. */
const NONE = 1e-36;

/**
 * √s of a second moment s = Σ cᵢ gᵢ², for use in m / (√s + ε) with m = Σ bᵢ gᵢ, with derivative 0 where s = 0.
 *
 * Let every cᵢ be above 0, so that s = 0 where all gᵢ are, and m = 0 there. Nearby, m and √s are at most a constant times ‖g‖:
 *
 *     m / (√s + ε) = m / ε − m √s / (ε (√s + ε)) = m / ε + O(‖g‖²)
 *
 * So the quotient has a derivative at g = 0, that of m over ε, although √s, a length, has a kink there. Taking the derivative of
 * √s as 0 gives just that; the chain rule by itself meets 0 · ∞, which is NaN. Where a cᵢ is 0, m need not vanish with s, and
 * the quotient can have a kink itself: see `adam` with β₂ = 0.
 */
export function root(s: Tensor): Tensor {
  const none = less(s, NONE);
  return where(none, 0, sqrt(where(none, 1, s)));
}
