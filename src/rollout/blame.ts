import type { Precision, HeldArray } from "../engine/engine.ts";
import { firstNonFinite } from "../engine/first-non-finite.ts";
import { dependents, inputsOf, type Graph } from "../tensor/graph.ts";
import { sizeOf } from "../tensor/shape.ts";
import { describeCulprit, reasonOf, SMALLER, type Growth, type NonFinite, type Place } from "./non-finite.ts";
import { flopOf } from "./probe.ts";
import { hyperInputName } from "./hypers.ts";

/** Values that the interpreter holds at once: 400 MB. */
const MOST_NUMBERS = 5e7;
/** What the interpreter takes for an operation of a product, and for a number (measured, on a shared machine). */
const SECONDS_A_FLOP = 1.3e-9;
const SECONDS_A_NUMBER = 1.3e-7;

/** Which part of a run an output belongs to, the earliest first: what serves several is in the first of them. */
const PARTS: readonly (readonly [output: RegExp, place: Place])[] = [
  [/^weights\//, "initial"],
  [/^loss$/, "train.loss"],
  [/^gradient\//, "the gradient of train.loss"],
  [/^next\//, "the update of the weights"],
  [/^value$/, "valid.loss"],
  [/./, "the gradient of valid.loss"],
];

const isHyper = (name: string): boolean => name.startsWith(hyperInputName(""));

function placeOf(graph: Graph, node: number): Place {
  // Which step it is says nothing about the place: a value of one step is a hyperparameter all the same.
  const inputs = inputsOf(graph).flatMap(({ name }) => (name === "t" || name === "k" ? [] : [name]));
  const dependsOn = (names: readonly string[]): boolean => dependents(graph, new Set(names))[node]!;
  if (dependsOn(inputs.filter(isHyper)) && !dependsOn(inputs.filter((name) => !isHyper(name))))
    return "the hyperparameters";
  const serves = (output: RegExp): boolean => {
    const seen = new Set(Object.entries(graph.outputs).flatMap(([name, at]) => (output.test(name) ? [at] : [])));
    for (let i = graph.nodes.length - 1; i > node; i--) {
      if (seen.has(i)) for (const x of graph.nodes[i]!.inputs) seen.add(x);
    }
    return seen.has(node);
  };
  return PARTS.find(([output]) => serves(output))![1];
}

/** A calculation that gave what is not finite, and what it was given. */
export interface Scene {
  /** "step 3 of 40" */
  readonly where: string;
  /** What is not finite: "the loss NaN" */
  readonly found: string;
  readonly graph: Graph;
  readonly feeds: Readonly<Record<string, HeldArray>>;
  readonly growth?: Growth;
}

/** Interprets a calculation, where that does not take too long, and tells which operation is to blame. */
export function blame(
  { where, found, graph, feeds, growth }: Scene,
  precision: Precision,
  mostSeconds: number,
): NonFinite {
  const numbers = graph.nodes.reduce((n, { shape }) => n + sizeOf(shape), 0);
  const seconds = SECONDS_A_FLOP * flopOf(graph) + SECONDS_A_NUMBER * numbers;
  const large = seconds > mostSeconds || numbers > MOST_NUMBERS;
  const culprit = large ? undefined : firstNonFinite(graph, feeds, precision);
  if (culprit === undefined) {
    const why = large
      ? `was not looked into, since interpreting its ${numbers.toExponential(0)} numbers takes about ${Math.ceil(seconds)} s`
      : "is finite in the reference interpreter";
    return { message: `it began in ${where}, with ${found}; that calculation ${why}`, hint: SMALLER };
  }
  const { op, shape } = graph.nodes[culprit.node]!;
  const place = placeOf(graph, culprit.node);
  const { why, hint } = reasonOf(graph, culprit, place, precision, growth);
  const shapeOf = (node: number): readonly number[] => graph.nodes[node]!.shape;
  return {
    culprit: {
      op,
      shape,
      place,
      gave: culprit.gave,
      operands: culprit.operands.map(({ node, least, greatest }) => ({ shape: shapeOf(node), least, greatest })),
    },
    message: `it began in ${where}, where ${describeCulprit(graph, culprit, place, why)}`,
    hint,
  };
}
