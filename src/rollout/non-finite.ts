import type { Precision } from "../engine/engine.ts";
import type { NonFiniteNode, OperandRange } from "../engine/first-non-finite.ts";
import type { Graph, GraphNode } from "../tensor/graph.ts";
import { showShape, type Shape } from "../tensor/shape.ts";
import type { Op } from "../tensor/tensor.ts";

/** What was being computed. */
export type Place =
  | "the hyperparameters"
  | "initial"
  | "train.loss"
  | "the gradient of train.loss"
  | "the update of the weights"
  | "valid.loss"
  | "the gradient of valid.loss";

/** The operation that was given finite numbers only, and gave one that is not. */
export interface Culprit {
  readonly op: Op;
  readonly shape: Shape;
  readonly place: Place;
  /** Infinity, −Infinity or NaN. */
  readonly gave: number;
  readonly operands: readonly { readonly shape: Shape; readonly least: number; readonly greatest: number }[];
}

/** Where a run stops being finite. */
export interface NonFinite {
  /** The training step, from 0; absent where it is before or after training. */
  readonly step?: number;
  /** Absent where the operation could not be found; the message says why. */
  readonly culprit?: Culprit;
  /** "it began in step 3 of 40, where …" */
  readonly message: string;
  readonly hint: string;
}

/** The largest magnitude among the weights, before training and where it went wrong. */
export interface Growth {
  readonly from: number;
  readonly to: number;
}

export const SMALLER = "Start from a smaller learning rate or a smaller initial scale.";

/** Growth of the weights from which they, and not the operation, are to blame for an overflow. */
const GREW = 1e3;

const LARGEST: Record<Precision, string> = { float32: "3.4e38", float64: "1.8e308" };
const EXP_LIMIT: Record<Precision, number> = { float32: 88.7, float64: 709.7 };

const shown = (value: number): string => String(Number(value.toPrecision(3)));

const values = ({ least, greatest }: OperandRange): string =>
  least === greatest ? shown(least) : `${shown(least)} to ${shown(greatest)}`;

interface Reason {
  readonly why: string;
  readonly hint: string;
}

/** Why an operation can give what is not finite, and what to do about it. */
export function reasonOf(
  graph: Graph,
  found: NonFiniteNode,
  place: Place,
  precision: Precision,
  growth: Growth | undefined,
): Reason {
  const node = graph.nodes[found.node]!;
  const [a, b] = found.operands;
  const grown = growth !== undefined && growth.to > GREW * Math.max(growth.from, 1);
  const overflow = (why: string, hint: string): Reason =>
    place === "the hyperparameters"
      ? { why, hint: "Start from smaller hyperparameters, or take smaller outer steps." }
      : grown
        ? {
            why: `${why}; the largest weight had grown from ${shown(growth.from)} to ${shown(growth.to)}`,
            hint: SMALLER,
          }
        : { why, hint };
  switch (node.op) {
    case "log":
      return {
        why: a!.least < 0 ? "the logarithm of a negative number" : "the logarithm of 0",
        hint: "Keep its operand above 0, as in ops.log(ops.maximum(x, 1e-30)); for probabilities use ops.logSoftmax or ops.crossEntropy.",
      };
    case "sqrt":
      return {
        why: "the square root of a negative number",
        hint: "Keep its operand at 0 or above, as in ops.relu(x).",
      };
    case "exp":
      return overflow(
        `exp overflows above ${EXP_LIMIT[precision]} in ${precision}`,
        "Subtract the largest value first, or use ops.logSumExp, ops.logSoftmax or ops.softplus.",
      );
    case "div":
      if (b!.hasZero) return { ...zeroDivisor(graph, b!.node, place) };
      break;
    case "pow":
      if (a!.least < 0 && Number.isNaN(found.gave))
        return { why: "a fractional power of a negative number", hint: "Keep the base at 0 or above." };
      if (a!.hasZero && b!.least < 0)
        return {
          why: place.startsWith("the gradient") ? "the derivative of a power at 0" : "a negative power of 0",
          hint: "Keep the base away from 0, as in ops.add(x, 1e-12).",
        };
      break;
    case "constant":
    case "literal":
      return {
        why: "a number that was so when the experiment was traced",
        hint: "JavaScript computed it before any tensor was: look for 0 / 0, Math.log(0) and undefined values.",
      };
    default:
  }
  return overflow(`the result is beyond ${LARGEST[precision]}, the largest number of ${precision}`, SMALLER);
}

function zeroDivisor(graph: Graph, divisor: number, place: Place): Reason {
  const isLogOf = (n: GraphNode): boolean => n.op === "log" && n.inputs[0] === divisor;
  const derivativeOf = graph.nodes[divisor]!.op === "sqrt" ? "sqrt" : graph.nodes.some(isLogOf) ? "log" : undefined;
  if (derivativeOf === undefined || !place.startsWith("the gradient")) {
    return { why: "division by 0", hint: "Keep the divisor away from 0, as in ops.div(a, ops.add(b, 1e-12))." };
  }
  return {
    why: `the derivative of ${derivativeOf} at 0`,
    hint: `Keep the operand of ${derivativeOf} above 0, as in ops.${derivativeOf}(ops.add(x, 1e-12)); ops.where does not shield the branch that it leaves out.`,
  };
}

/** "log of shape [5] in train.loss gave -Infinity for 0 to 0.7 (weights/w): the logarithm of 0" */
export function describeCulprit(graph: Graph, found: NonFiniteNode, place: Place, why: string): string {
  const node = graph.nodes[found.node]!;
  const operands = found.operands.map((range) => {
    const operand: GraphNode = graph.nodes[range.node]!;
    return `${values(range)}${operand.op === "input" ? ` (${operand.attributes.name})` : ""}`;
  });
  const given = operands.length === 0 ? "" : ` for values ${operands.join(" and ")}`;
  return `${node.op} of shape ${showShape(node.shape)} in ${place} gave ${found.gave}${given}: ${why}`;
}
