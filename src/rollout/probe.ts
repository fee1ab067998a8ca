import type { NdArray } from "../data/dataset.ts";
import { DrmadError } from "../errors.ts";
import type { Engine, Program } from "../engine/engine.ts";
import { inputsOf, type Graph, type GraphInput } from "../tensor/graph.ts";
import { sizeOf } from "../tensor/shape.ts";

/** Most rows, and most arithmetic, of a comparison with the reference interpreter. */
const MOST_ROWS = 8;
const MOST_FLOP = 2e8;

/** Floating-point operations of a graph, roughly: 2mnk for a product, one for each element of anything else. */
export const flopOf = (graph: Graph): number =>
  graph.nodes.reduce((total, n) => {
    if (n.op === "input" || n.op === "constant" || n.op === "literal" || n.op === "reshape") return total;
    if (n.op !== "matmul") return total + sizeOf(n.shape);
    const a = graph.nodes[n.inputs[0]!]!.shape;
    return total + 2 * sizeOf(n.shape) * a[a.length - (n.attributes.transposeA ? 2 : 1)]!;
  }, 0);

/** Some rows of an array. */
export function takeRows(array: NdArray, rows: ArrayLike<number>): NdArray {
  const each = sizeOf(array.shape.slice(1));
  const Kind = array.data.constructor as new (n: number) => NdArray["data"];
  const data = new Kind(rows.length * each);
  for (let i = 0; i < rows.length; i++) data.set(array.data.subarray(rows[i]! * each, (rows[i]! + 1) * each), i * each);
  return { data, shape: [rows.length, ...array.shape.slice(1)] };
}

/** A loss may hold something as long as its batch, a weight for each example say: it cannot be traced on fewer rows. */
function tracesOnFewer(rows: number, at: (rows: number) => Program): boolean {
  try {
    at(Math.min(MOST_ROWS, rows));
    return true;
  } catch (error) {
    if (error instanceof DrmadError && error.code === "shape-mismatch" && rows > MOST_ROWS) return false;
    throw error;
  }
}

/**
 * Compares a program with the reference interpreter on as many rows of its data, up to eight, as can be interpreted soon.
 * @param at the program traced for a number of rows
 * @param feed the value of an input of such a program
 * @returns false where even one row is too much arithmetic, and nothing was compared
 */
export async function verifyOnFewRows(
  engine: Engine,
  rows: number,
  at: (rows: number) => Program,
  feed: (input: GraphInput) => Promise<NdArray>,
): Promise<boolean> {
  const few = tracesOnFewer(rows, at);
  for (let n = few ? Math.min(MOST_ROWS, rows) : rows; n >= 1; n = few ? Math.floor(n / 2) : 0) {
    const program = at(n);
    if (flopOf(program.graph) > MOST_FLOP) continue;
    const inputs = inputsOf(program.graph);
    const values = await Promise.all(inputs.map(feed));
    await engine.verify(program, Object.fromEntries(inputs.map((input, i) => [input.name, values[i]!])));
    return true;
  }
  return false;
}
