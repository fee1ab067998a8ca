import type { Engine, HeldArray, Range } from "../engine/engine.ts";
import type { Problem } from "../problem/problem.ts";
import { add, div } from "../tensor/elementwise.ts";
import { toGraph, type Graph } from "../tensor/graph.ts";
import { input } from "../tensor/layout.ts";
import { pack } from "../tensor/pack.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { scaleName } from "./path.ts";
import type { Buffers, Snapshot, SnapshotOptions } from "./rollout.ts";
import { isPackable, isPlaced, stateLeaves, type StateLeaf } from "./state.ts";

const snapshotName = (name: string): string => `snapshot/${name}`;
const sumName = (name: string): string => `sum/${name}`;
const COUNT = "count";

/** Sums over a window that a training step adds to, by the input they continue; none for points. */
export function windowSums(
  problem: Problem,
  state: readonly Tensor[],
  { of }: SnapshotOptions,
): Readonly<Record<string, Tensor>> {
  if (of === "points") return {};
  const sums = stateLeaves(problem).flatMap((leaf, i) => {
    const name = sumName(leaf.name);
    return isPlaced(leaf) ? [[name, add(input(name, leaf.shape), state[i]!)] as const] : [];
  });
  return { ...Object.fromEntries(sums), [COUNT]: add(input(COUNT, []), 1) };
}

/** What is kept at the end of a window: the weights (and slots that they do not tell) as they are then, or their mean over it. */
export function windowEnd(problem: Problem, { of, packed }: SnapshotOptions): Graph {
  const outputs: Record<string, Tensor> = {};
  for (const leaf of stateLeaves(problem).filter(isPlaced)) {
    const { name, shape } = leaf;
    const value = of === "points" ? input(name, shape) : div(input(sumName(name), shape), input(COUNT, []));
    if (packed === undefined || !isPackable(leaf)) {
      outputs[snapshotName(name)] = value;
      continue;
    }
    const { values, scale } = pack(value, packed);
    outputs[snapshotName(name)] = values;
    if (scale !== undefined) outputs[snapshotName(scaleName(name))] = scale;
  }
  return toGraph(outputs);
}

type Arrays = Readonly<Record<string, HeldArray>>;

/** Row i of an array. */
function rowOf({ data, shape }: HeldArray, i: number): HeldArray {
  const each = data.length / shape[0]!;
  return { data: data.slice(i * each, (i + 1) * each), shape: shape.slice(1) };
}

async function readTables(engine: Engine, result: Buffers, names: readonly string[]): Promise<Arrays> {
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await engine.read(result[name]!)] as const)),
  );
}

/** Single results, read as tables of one row. */
export async function readAsRows(engine: Engine, result: Buffers, names: readonly string[]): Promise<Arrays> {
  const arrays = Object.entries(await readTables(engine, result, names));
  return Object.fromEntries(arrays.map(([name, { data, shape }]) => [name, { data, shape: [1, ...shape] }]));
}

/** Row i of the tables of what windows end with. */
export function snapshotOf(problem: Problem, tables: Arrays, i: number, time: number): Snapshot {
  const leaves = stateLeaves(problem).filter(isPlaced);
  const of = (kind: StateLeaf["kind"]): Snapshot["weights"] =>
    Object.fromEntries(
      leaves.flatMap(({ name, kind: its }) => {
        const scales = tables[snapshotName(scaleName(name))];
        const value = { array: rowOf(tables[snapshotName(name)]!, i), scale: scales?.data[i] };
        return its === kind ? [[name, value] as const] : [];
      }),
    );
  return { time, weights: of("weights"), slots: of("slot") };
}

/** The snapshots of a run of training steps, off the engine. */
export async function readSnapshots(
  engine: Engine,
  problem: Problem,
  result: Buffers,
  end: Graph,
  { from, to }: Range,
  { every, of }: SnapshotOptions,
): Promise<readonly Snapshot[]> {
  const tables = await readTables(engine, result, Object.keys(end.outputs));
  return Array.from({ length: Math.ceil((to - from) / every) }, (_, i) => {
    const first = from + i * every;
    const steps = Math.min(every, to - first);
    const time = of === "points" ? first + steps : first + (steps - 1) / 2;
    return snapshotOf(problem, tables, i, time);
  });
}
