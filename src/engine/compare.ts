import { DrmadError } from "../errors.ts";
import type { Graph, GraphNode } from "../tensor/graph.ts";
import { showShape } from "../tensor/shape.ts";
import type { HeldArray, Precision, Program } from "./engine.ts";
import { rounding } from "./first-non-finite.ts";
import { evaluateAll, type Values } from "./reference/evaluate.ts";
import { toValues } from "./reference/engine.ts";

interface Tolerance {
  readonly relative: number;
  readonly roundoff: number;
  readonly largest: number;
}

/** Largest accepted ‖a − b‖ / ‖b‖, unit roundoff, and largest number, by precision. */
const TOLERANCE: Record<Precision, Tolerance> = {
  float32: { relative: 1e-4, roundoff: 2 ** -24, largest: (2 - 2 ** -23) * 2 ** 127 },
  float64: { relative: 1e-10, roundoff: 2 ** -53, largest: Number.MAX_VALUE },
};

/** Runs a program's graph once on the engine under test, without its loop. */
export type Runner = (probe: Program, feeds: Readonly<Record<string, HeldArray>>) => Promise<Record<string, HeldArray>>;

const norm = (data: ArrayLike<number>): number => {
  let total = 0;
  for (let i = 0; i < data.length; i++) total += data[i]! * data[i]!;
  return Math.sqrt(total);
};

/** An absolute floor from the operands' scale: a result that cancels cannot be better than its operands' rounding. */
function floorOf(n: GraphNode, values: readonly Values[], { roundoff, largest }: Tolerance): number {
  const norms = n.inputs.map((i) => norm(values[i]!.data.filter((v) => Math.abs(v) <= largest)));
  const scale = n.op === "matmul" ? norms.reduce((p, x) => p * x, 1) : norms.reduce((s, x) => s + x, 0);
  return 64 * roundoff * scale;
}

/** Rounding errors a computation is allowed, in multiples of what disturbing every value by one rounding does to it. */
const ROUNDINGS = 32;

/** Disturbances that are tried, of which the middle one counts: to one of them a single number may be blind by chance. */
const DISTURBANCES = [12.9898, 7.2345, 3.1173];

/** Every number off by up to one rounding, the same at every call. */
const disturbance =
  (roundoff: number, pitch: number) =>
  (data: Float64Array, node: number): Float64Array =>
    data.map((v, i) => v * (1 + roundoff * Math.sin(pitch * (i + 1) + 78.233 * (node + 1))));

interface Difference {
  readonly node: GraphNode;
  readonly relative: number;
  readonly native: number;
  readonly reference: number;
}

/** What lies between two packed numbers may be rounded to either. */
const slackOf = ({ dtype }: GraphNode, value: number): number =>
  dtype === "int8" ? 1 : dtype === "float16" ? 2 ** -10 * Math.abs(value) + 2 ** -24 : 0;

/** The engine's answer at one node against the interpreter's, or undefined where they agree. */
function differenceAt(
  node: GraphNode,
  got: HeldArray,
  want: Values,
  values: readonly Values[],
  precision: Precision,
): Difference | undefined {
  const tolerance = TOLERANCE[precision];
  // Both beyond what the precision holds: overflow is a property of the run, not a fault of the engine.
  const beyond = (v: number): boolean => !(Math.abs(v) <= tolerance.largest);
  const given = toValues(got).data;
  const deltas = Float64Array.from(want.data, (w, i) => {
    const g = given[i]!;
    return Math.abs(w - g) <= slackOf(node, w) || (beyond(w) && beyond(g)) ? 0 : w - g;
  });
  const size = norm(deltas);
  const scale = norm(want.data.filter((w) => !beyond(w)));
  if (size <= tolerance.relative * scale + floorOf(node, values, tolerance)) return undefined;
  let worst = 0;
  deltas.forEach((d, i) => {
    const largest = deltas[worst]!;
    if (!Number.isNaN(largest) && !(Math.abs(d) <= Math.abs(largest))) worst = i;
  });
  return { node, relative: size / scale, native: given[worst]!, reference: want.data[worst]! };
}

/**
 * Values of the interpreter, but for numbers that overflow or vanish on their way in this precision: no engine could do better.
 */
function withinReach(values: readonly Values[], rounded: readonly Values[]): readonly Values[] {
  return values.map(({ data, shape }, i) => {
    const limited = rounded[i]!.data;
    return { data: data.map((v, j) => (Number.isFinite(limited[j]!) ? v : limited[j]!)), shape };
  });
}

async function firstDifference(
  program: Program,
  feeds: Readonly<Record<string, HeldArray>>,
  precision: Precision,
  run: Runner,
): Promise<Difference | undefined> {
  let values = evaluateAll(program.graph, mapValues(feeds, toValues));
  const got = await run(program, feeds);
  const suspicious = (): [string, number][] =>
    Object.entries(program.graph.outputs).filter(
      ([name, at]) => differenceAt(program.graph.nodes[at]!, got[name]!, values[at]!, values, precision) !== undefined,
    );
  if (suspicious().length === 0) return undefined;
  values = withinReach(values, evaluateAll(program.graph, mapValues(feeds, toValues), rounding(precision)));
  const suspects = suspicious();
  if (suspects.length === 0) return undefined;
  // Cancellation anywhere magnifies rounding; how much is measured, so that no engine is blamed for it.
  const disturbed = DISTURBANCES.map((pitch) =>
    evaluateAll(program.graph, mapValues(feeds, toValues), disturbance(TOLERANCE[precision].roundoff, pitch)),
  );
  const beyondRounding = (at: number, result: HeldArray): boolean => {
    const want = values[at]!.data;
    const given = toValues(result).data;
    const off = norm(want.map((w, i) => w - given[i]!));
    const [, middle] = disturbed
      .map((other) => norm(want.map((w, i) => w - other[at]!.data[i]!)))
      .sort((p, q) => p - q);
    return !(off <= ROUNDINGS * middle!);
  };
  if (!suspects.some(([name, at]) => beyondRounding(at, got[name]!))) return undefined;
  // Look again with every intermediate value exposed, to name the operation that went wrong first.
  const everything: Graph = {
    nodes: program.graph.nodes,
    outputs: Object.fromEntries(program.graph.nodes.map((_, i) => [String(i), i])),
  };
  const all = await run({ ...program, graph: everything }, feeds);
  for (const [i, node] of program.graph.nodes.entries()) {
    const found = differenceAt(node, all[String(i)]!, values[i]!, values, precision);
    if (found !== undefined && beyondRounding(i, all[String(i)]!)) return found;
  }
  for (const [name, at] of Object.entries(program.graph.outputs)) {
    const found = differenceAt(program.graph.nodes[at]!, got[name]!, values[at]!, values, precision);
    if (found !== undefined && beyondRounding(at, got[name]!)) return found;
  }
  return undefined;
}

/**
 * Runs the body of a program on the engine under test and in the float64 interpreter, on the same inputs rounded to the
 * engine's precision. A difference is looked at again on slightly moved inputs, so that a tie at a kink (two equal
 * elements under a maximum) is not held against the engine.
 * @throws DrmadError engine-disagrees with the operation, its shape and both numbers
 */
export async function compareWithReference(
  program: Program,
  inputs: Readonly<Record<string, HeldArray>>,
  precision: Precision,
  run: Runner,
): Promise<void> {
  const feeds = mapValues(inputs, (array) => rounded(array, precision));
  if ((await firstDifference(program, feeds, precision, run)) === undefined) return;
  const moved = mapValues(feeds, (array) => rounded(jittered(array), precision));
  const found = await firstDifference(program, moved, precision, run);
  if (found === undefined) return;
  throw new DrmadError(
    "engine-disagrees",
    `in "${program.name}", ${found.node.op} of shape ${showShape(found.node.shape)} gave ${found.native} natively and ` +
      `${found.reference} in the reference interpreter (relative difference ${found.relative.toExponential(1)})`,
    {
      hint: "The result cannot be trusted on this engine. Use --engine reference, or --trust-engine to go on regardless.",
    },
  );
}

const mapValues = <A, B>(record: Readonly<Record<string, A>>, f: (value: A) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, f(value)]));

/** Integers, and packed numbers, are what they are. */
const isExact = ({ data }: HeldArray): boolean =>
  data instanceof Int32Array || data instanceof Int8Array || data instanceof Uint16Array;

const rounded = (array: HeldArray, precision: Precision): HeldArray =>
  isExact(array)
    ? array
    : {
        data: precision === "float32" ? Float32Array.from(array.data) : Float64Array.from(array.data),
        shape: array.shape,
      };

/** Real numbers moved by about one part in a thousand, each differently, the same at every call. */
function jittered(array: HeldArray): HeldArray {
  if (isExact(array)) return array;
  return {
    data: Float64Array.from(
      array.data,
      (v, i) => v * (1 + 1e-3 * Math.sin(12.9898 * (i + 1))) + 1e-6 * Math.sin(78.233 * (i + 1)),
    ),
    shape: array.shape,
  };
}
