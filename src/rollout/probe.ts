import type { Engine, HeldArray, Program } from "../engine/engine.ts";
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
export function takeRows(array: HeldArray, rows: ArrayLike<number>): HeldArray {
  const each = sizeOf(array.shape.slice(1));
  const Kind = array.data.constructor as new (n: number) => HeldArray["data"];
  const data = new Kind(rows.length * each);
  for (let i = 0; i < rows.length; i++) data.set(array.data.subarray(rows[i]! * each, (rows[i]! + 1) * each), i * each);
  return { data, shape: [rows.length, ...array.shape.slice(1)] };
}

/**
 * A program traced on fewer rows than it is of, or undefined where its loss cannot be: it may hold something as long as its
 * batch, a weight for each example say, or refuse so few in words of its own.
 */
function onFewer(rows: number, at: (rows: number) => Program): Program | undefined {
  try {
    return at(rows);
  } catch {
    return undefined;
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
  feed: (input: GraphInput) => Promise<HeldArray>,
): Promise<boolean> {
  const most = Math.min(MOST_ROWS, rows);
  const few = onFewer(most, at);
  // A fault of the loss itself shows on all rows as well, and is thrown here.
  let program = few ?? at(rows);
  let n = few === undefined ? rows : most;
  while (flopOf(program.graph) > MOST_FLOP) {
    n = Math.floor(n / 2);
    const smaller = few === undefined || n < 1 ? undefined : onFewer(n, at);
    if (smaller === undefined) return false;
    program = smaller;
  }
  const inputs = inputsOf(program.graph);
  const values = await Promise.all(inputs.map(feed));
  await engine.verify(program, Object.fromEntries(inputs.map((input, i) => [input.name, values[i]!])));
  return true;
}
