import { scaleName } from "../rollout/path.ts";
import type { Buffers, Kept, Rollout, Snapshot } from "../rollout/rollout.ts";
import { knotName, TIMES } from "./knots.ts";

const tensorsOf = ({ weights, slots }: Snapshot): Snapshot["weights"] => ({ ...weights, ...slots });

/** Knots first … last and the one before, as the tables of the blocks between them. */
async function tablesOf(rollout: Rollout, path: readonly Snapshot[], first: number, last: number): Promise<Buffers> {
  const before = path[first - 1] ?? { ...path[first]!, time: path[first]!.time - 1 };
  const knots = [before, ...path.slice(first, last + 1)];
  const tables: Record<string, Buffers[string]> = {};
  tables[TIMES] = await rollout.load({ data: Float64Array.from(knots, ({ time }) => time), shape: [knots.length] });
  const all = knots.map(tensorsOf);
  for (const [name, { array, scale }] of Object.entries(all[0]!)) {
    const each = array.data.length;
    const Kind = array.data.constructor as new (n: number) => typeof array.data;
    const data = new Kind(knots.length * each);
    all.forEach((tensors, i) => data.set(tensors[name]!.array.data, i * each));
    tables[knotName(name)] = await rollout.load({ data, shape: [knots.length, ...array.shape] });
    if (scale === undefined) continue;
    const scales = Float64Array.from(all, (tensors) => tensors[name]!.scale!);
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
      const tensors = await tablesOf(rollout, knots, from, to);
      try {
        yield { range, tensors };
      } finally {
        rollout.free(tensors);
      }
    }
    to = from;
  }
}

/**
 * The same in the runs in which steps were kept, with their tables. Runs begin `blocks` steps apart from the first knot's time.
 */
export async function* keptRunsBack(
  rollout: Rollout,
  knots: readonly Snapshot[],
  blocks: number,
  kept: readonly Kept[],
): AsyncGenerator<Kept> {
  for (const { range, tensors } of kept.toReversed()) {
    const first = (range.from - knots[0]!.time) / blocks;
    const last = first + Math.ceil((range.to - range.from) / blocks);
    const tables = await tablesOf(rollout, knots, first, last);
    try {
      yield { range, tensors: { ...tables, ...tensors } };
    } finally {
      rollout.free(tables);
    }
  }
}
