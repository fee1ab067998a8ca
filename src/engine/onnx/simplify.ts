import { add, broadcastTo, constant, constantValue, div, mul, neg, sub } from "../../tensor/elementwise.ts";
import { toGraph, type Graph } from "../../tensor/graph.ts";
import { reshape, transpose } from "../../tensor/layout.ts";
import { matmul } from "../../tensor/matmul.ts";
import { sizeOf } from "../../tensor/shape.ts";
import { node, type Tensor } from "../../tensor/tensor.ts";

/** A factor is worth moving into an operand this much smaller than the product. */
const MUCH_SMALLER = 4;

/** Through how many nodes a factor is handed on at most. */
const DEEPEST = 100;

/** A flat graph as linked tensors again. */
function linked(graph: Graph): readonly Tensor[] {
  const tensors: Tensor[] = [];
  for (const n of graph.nodes) {
    tensors.push(
      node(
        n.op,
        n.inputs.map((i) => tensors[i]!),
        n.attributes,
        n.shape,
        n.dtype,
      ),
    );
  }
  return tensors;
}

const smallOperand = (t: Tensor): number => (sizeOf(t.inputs[0]!.shape) <= sizeOf(t.inputs[1]!.shape) ? 0 : 1);

// Not mul, which would draw the factor out again.
const product = (t: Tensor, a: Tensor, b: Tensor): Tensor => node("mul", [a, b], {}, t.shape, t.dtype);

/**
 * Spares passes over large tensors by moving constant factors to where they cost nothing: into other constants, into
 * values that are computed once outside the loop, or into the small operand of a matrix product. Values that something
 * else uses too stay as they are.
 *
 * @param varying which nodes are computed anew in every step
 */
export function sinkConstants(graph: Graph, varying: readonly boolean[]): Graph {
  const nodes = linked(graph);
  const index = new Map(nodes.map((t, i) => [t, i]));
  const uses = new Map<Tensor, number>();
  const use = (t: Tensor): void => void uses.set(t, (uses.get(t) ?? 0) + 1);
  // A sum of twice the same uses it once: as twice a value.
  nodes.forEach((t) => (t.op === "add" ? [...new Set(t.inputs)] : t.inputs).forEach(use));
  Object.values(graph.outputs).forEach((at) => use(nodes[at]!));

  const varies = (t: Tensor): boolean => varying[index.get(t)!] === true;

  // Whether a factor of t costs nothing, or little, somewhere in what only t is computed from: through how many nodes it
  // is handed on to get there. Known for all nodes beforehand, and bounded, so that deep graphs do not overflow the stack.
  const handedOn = new Map<Tensor, number>();
  const absorbs = (t: Tensor): boolean => handedOn.has(t);
  const through = (t: Tensor): number => {
    if (!varies(t)) return 0;
    if (uses.get(t) !== 1) return Infinity;
    const [a = Infinity, b = Infinity] = t.inputs.map((x) => handedOn.get(x) ?? Infinity);
    const first = 1 + (a < Infinity ? a : b);
    switch (t.op) {
      case "mul":
        return first;
      case "add":
      case "sub":
        return 1 + Math.max(a, b);
      case "matmul":
        return first === Infinity && MUCH_SMALLER * sizeOf(t.inputs[smallOperand(t)]!.shape) <= sizeOf(t.shape)
          ? 1
          : first;
      case "div":
      case "neg":
      case "reshape":
      case "transpose":
      case "broadcast":
        return 1 + a;
      default:
        return Infinity;
    }
  };
  for (const t of nodes) {
    const steps = through(t);
    if (steps <= DEEPEST) handedOn.set(t, steps);
  }

  const rebuilt = new Map<Tensor, Tensor>();
  const now = (t: Tensor): Tensor => rebuilt.get(t)!;
  const scaled = (t: Tensor, factor: number): Tensor => {
    if (!varies(t) || !absorbs(t)) return mul(constant(factor), now(t));
    const [a, b] = t.inputs as readonly [Tensor, Tensor];
    switch (t.op) {
      case "mul":
        return absorbs(a) ? product(t, scaled(a, factor), now(b)) : product(t, now(a), scaled(b, factor));
      case "add":
        return add(scaled(a, factor), scaled(b, factor));
      case "sub":
        return sub(scaled(a, factor), scaled(b, factor));
      case "matmul": {
        const chosen = absorbs(a) ? 0 : absorbs(b) ? 1 : smallOperand(t);
        return chosen === 0
          ? matmul(scaled(a, factor), now(b), t.attributes)
          : matmul(now(a), scaled(b, factor), t.attributes);
      }
      case "div":
        return div(scaled(a, factor), now(b));
      case "neg":
        return scaled(a, -factor);
      case "reshape":
        return reshape(scaled(a, factor), t.shape);
      case "transpose":
        return transpose(scaled(a, factor), t.attributes.permutation);
      case "broadcast":
        return broadcastTo(scaled(a, factor), t.shape);
      default:
        return mul(factor, now(t));
    }
  };

  const rebuild = (t: Tensor): Tensor => {
    if (t.dtype !== "float") return copy(t);
    const [a, b] = t.inputs as readonly [Tensor, Tensor];
    switch (t.op) {
      case "mul": {
        const left = constantValue(a);
        const right = constantValue(b);
        if (left !== undefined && absorbs(b)) return broadcastTo(scaled(b, left), t.shape);
        if (right !== undefined && absorbs(a)) return broadcastTo(scaled(a, right), t.shape);
        return product(t, now(a), now(b));
      }
      case "neg":
        return absorbs(a) ? scaled(a, -1) : neg(now(a));
      case "add":
        if (a === b) return absorbs(a) ? scaled(a, 2) : mul(2, now(a));
        return add(now(a), now(b));
      case "sub":
        return sub(now(a), now(b));
      default:
        return copy(t);
    }
  };
  const copy = (t: Tensor): Tensor => {
    const inputs = t.inputs.map(now);
    return inputs.every((x, i) => x === t.inputs[i]) ? t : node(t.op, inputs, t.attributes, t.shape, t.dtype);
  };
  for (const t of nodes) rebuilt.set(t, rebuild(t));
  return toGraph(Object.fromEntries(Object.entries(graph.outputs).map(([name, at]) => [name, now(nodes[at]!)])));
}
