import { add, cast, div, less, mul, sub, where } from "../tensor/elementwise.ts";
import { gather } from "../tensor/layout.ts";
import { unpack } from "../tensor/pack.ts";
import type { DType, Packed, Tensor } from "../tensor/tensor.ts";
import { unpacked } from "./reverse.ts";
import { scaleName, type Path, type PathContext } from "../rollout/path.ts";
import { isPackable } from "../rollout/state.ts";

export const knotName = (name: string): string => `knot/${name}`;
/** Times of the knots. */
export const TIMES = "knot/time";

/** Row of a table of knots: 0 is the knot at the block's left, 1 at its right, −1 the one before. */
function knot(name: string, shape: readonly number[], dtype: DType, place: -1 | 0 | 1, context: PathContext): Tensor {
  // Tables begin one knot early, so that no index wraps round to the last.
  return gather(context.input(knotName(name), [1, ...shape], { rows: true, dtype }), add(context.b, place + 1));
}

interface Placed {
  readonly name: string;
  readonly shape: readonly number[];
}

const valueAt = ({ name, shape }: Placed, packed: Packed | undefined, place: -1 | 0 | 1, c: PathContext): Tensor =>
  packed === undefined
    ? knot(name, shape, "float", place, c)
    : unpack({
        values: knot(name, shape, packed, place, c),
        scale: packed === "int8" ? knot(scaleName(name), [], "float", place, c) : undefined,
      });

const timeAt = (place: -1 | 0 | 1, { b, input }: PathContext): Tensor =>
  gather(input(TIMES, [1], { rows: true }), add(b, place + 1));

/**
 * The piecewise straight line through knots (τ_j, m_j):
 *
 *     w_t ≈ m_j + (t − τ_j)/(τ_{j+1} − τ_j) · (m_{j+1} − m_j)        τ_j ≤ t < τ_{j+1}
 *
 * and slots that weights do not tell likewise. Block j of the sweep holds the steps between two knots, so that knots are
 * unpacked once for all of them.
 */
export const knotPath = (
  steps: number,
  blocks: number,
  packed: Packed | undefined,
  activations?: Packed | undefined,
): Path => ({
  name: ["snapshots", packed, `${blocks} steps a block`, activations && `activations ${activations}`]
    .filter(Boolean)
    .join(", "),
  ...(activations && { product: (name, shape, c) => unpacked(name, shape, activations, c) }),
  length: steps,
  blocks,
  state(leaf, c) {
    if (leaf.recoverable) return undefined;
    const as = isPackable(leaf) ? packed : undefined;
    const left = valueAt(leaf, as, 0, c);
    const span = sub(valueAt(leaf, as, 1, c), left);
    const at = div(sub(cast(c.t, "float"), timeAt(0, c)), sub(timeAt(1, c), timeAt(0, c)));
    return add(left, mul(at, span));
  },
  // (m_{j+1} − m_j) / (τ_{j+1} − τ_j) where step t lies: in this block, or, for the step before its first, in the last one.
  change(leaf, c, t) {
    const weights = { name: `weights/${leaf.path}`, shape: leaf.shape };
    const slope = (place: -1 | 0): Tensor => {
      const after = place === -1 ? 0 : 1;
      return div(
        sub(valueAt(weights, packed, after, c), valueAt(weights, packed, place, c)),
        sub(timeAt(after, c), timeAt(place, c)),
      );
    };
    return where(less(cast(t, "float"), timeAt(0, c)), slope(-1), slope(0));
  },
});
