import { add, cast, div, less, mul, sub, where } from "../tensor/elementwise.ts";
import { gather } from "../tensor/layout.ts";
import { unpack } from "../tensor/pack.ts";
import type { DType, Packed, Tensor } from "../tensor/tensor.ts";
import { scaleName, type Path, type PathContext } from "../rollout/path.ts";
import type { Buffers, Kept, Rollout, Snapshot } from "../rollout/rollout.ts";

const knotName = (name: string): string => `knot/${name}`;
const TIMES = "knot/time";

/** Row of a table of knots: 0 is the knot at the block's left, 1 at its right, −1 the one before. */
function knot(name: string, shape: readonly number[], dtype: DType, place: -1 | 0 | 1, context: PathContext): Tensor {
  // Tables begin one knot early, so that no index wraps round to the last.
  return gather(context.input(knotName(name), [1, ...shape], { rows: true, dtype }), add(context.b, place + 1));
}

interface Weights {
  readonly name: string;
  readonly shape: readonly number[];
}

const weightsAt = ({ name, shape }: Weights, packed: Packed | undefined, place: -1 | 0 | 1, c: PathContext): Tensor =>
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
 * Block j of the sweep holds the steps between two knots, so that knots are unpacked once for all of them.
 */
export const knotPath = (steps: number, blocks: number, packed: Packed | undefined): Path => ({
  name: `snapshots${packed === undefined ? "" : ` ${packed}`}, ${blocks} steps a block`,
  length: steps,
  blocks,
  state(leaf, c) {
    if (leaf.kind !== "weights") return undefined;
    const left = weightsAt(leaf, packed, 0, c);
    const span = sub(weightsAt(leaf, packed, 1, c), left);
    const at = div(sub(cast(c.t, "float"), timeAt(0, c)), sub(timeAt(1, c), timeAt(0, c)));
    return add(left, mul(at, span));
  },
  // (m_{j+1} − m_j) / (τ_{j+1} − τ_j) where step t lies: in this block, or, for the step before its first, in the last one.
  change(leaf, c, t) {
    const weights = { name: `weights/${leaf.path}`, shape: leaf.shape };
    const slope = (place: -1 | 0): Tensor => {
      const after = place === -1 ? 0 : 1;
      return div(
        sub(weightsAt(weights, packed, after, c), weightsAt(weights, packed, place, c)),
        sub(timeAt(after, c), timeAt(place, c)),
      );
    };
    return where(less(cast(t, "float"), timeAt(0, c)), slope(-1), slope(0));
  },
});

/** Knots j … j + n of a list and the one before, as the tables of n blocks. */
async function tablesOf(rollout: Rollout, knots: readonly Snapshot[]): Promise<Buffers> {
  const tables: Record<string, Buffers[string]> = {};
  tables[TIMES] = await rollout.load({ data: Float64Array.from(knots, ({ time }) => time), shape: [knots.length] });
  for (const [name, { array, scale }] of Object.entries(knots[0]!.weights)) {
    const each = array.data.length;
    const Kind = array.data.constructor as new (n: number) => typeof array.data;
    const data = new Kind(knots.length * each);
    knots.forEach(({ weights }, i) => data.set(weights[name]!.array.data, i * each));
    tables[knotName(name)] = await rollout.load({ data, shape: [knots.length, ...array.shape] });
    if (scale === undefined) continue;
    const scales = Float64Array.from(knots, ({ weights }) => weights[name]!.scale!);
    tables[knotName(scaleName(name))] = await rollout.load({ data: scales, shape: [knots.length] });
  }
  return tables;
}

/** Blocks in one run of the sweep, at most. */
const BLOCKS_A_RUN = 64;

/** Runs of whole blocks between knots, last first, each with its tables; knots[j] and knots[j + 1] bound block j. */
export async function* runsBack(rollout: Rollout, knots: readonly Snapshot[], blocks: number): AsyncGenerator<Kept> {
  const edge = (j: number): number => Math.ceil(knots[j]!.time);
  let to = knots.length - 1;
  while (to > 0) {
    let from = to - 1;
    const whole = (j: number): boolean => edge(j + 1) - edge(j) === blocks;
    while (whole(to - 1) && from > 0 && whole(from - 1) && to - from < BLOCKS_A_RUN) from--;
    const range = { from: edge(from), to: edge(to) };
    if (range.to > range.from) {
      const before = knots[from - 1] ?? { ...knots[from]!, time: knots[from]!.time - 1 };
      const tensors = await tablesOf(rollout, [before, ...knots.slice(from, to + 1)]);
      try {
        yield { range, tensors };
      } finally {
        rollout.free(tensors);
      }
    }
    to = from;
  }
}
