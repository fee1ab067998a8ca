import { dependents, inputsOf, type Graph, type GraphInput, type GraphNode } from "../../tensor/graph.ts";
import type { Loop, Precision, Program } from "../engine.ts";
import { elementOf, lower, Scope } from "./lower.ts";
import { sinkConstants } from "./simplify.ts";
import { writeModel, type OnnxGraph, type OnnxValue } from "./write.ts";

/** Inputs that only a loop's model has: the numbers of its steps, and their places in the run, one for each step. */
export const LOOP_INPUTS = { t: "loop:t", k: "loop:k" } as const;
export const resultName = (name: string): string => `result:${name}`;

const declare = (input: GraphInput, precision: Precision): OnnxValue => ({
  name: input.name,
  element: elementOf(input.dtype, precision),
  shape: input.rows ? [`rows of ${input.name}`, ...input.shape.slice(1)] : input.shape,
});

const typeOf = (graph: Graph, output: string): GraphInput => {
  const n = graph.nodes[graph.outputs[output]!]!;
  return { name: output, shape: n.shape, dtype: n.dtype, rows: false };
};

export interface Model {
  readonly bytes: Uint8Array;
  /** Inputs to feed by name. */
  readonly inputs: readonly GraphInput[];
  /** Which of the loop's own inputs it has. */
  readonly counters: readonly string[];
}

/**
 * A program as an ONNX model: its bytes, and the inputs it reads.
 * @param bodyOnly one step of a loop, with everything that the loop makes of it but the loop itself
 */
export function toModel(program: Program, precision: Precision, bodyOnly = false): Model {
  const { loop } = program;
  const graph = sinkConstants(program.graph, varyingNodes(program));
  return loop === undefined || bodyOnly ? plainModel(graph, precision) : loopModel(graph, loop, precision);
}

/** What is computed anew in every step; everything, where there are no steps. */
const varyingNodes = ({ graph, loop }: Program): readonly boolean[] =>
  loop === undefined
    ? graph.nodes.map((n) => n.op !== "constant")
    : dependents(graph, new Set([...Object.keys(loop.carry), "t", "k"]));

function plainModel(graph: Graph, precision: Precision): Model {
  const main = new Scope("main:");
  const output = lower(
    graph,
    precision,
    () => main,
    (name) => name,
  );
  const outputs = Object.keys(graph.outputs).map((name) => {
    main.rename(output(name), resultName(name));
    return { ...declare(typeOf(graph, name), precision), name: resultName(name) };
  });
  const inputs = inputsOf(graph);
  return {
    bytes: writeModel({ name: "main", ...contents(main), inputs: inputs.map((i) => declare(i, precision)), outputs }),
    inputs,
    counters: [],
  };
}

const contents = (scope: Scope): Pick<OnnxGraph, "nodes" | "constants"> => ({
  nodes: scope.nodes,
  constants: scope.constants,
});

/** Rows that a step reads from tables of this run: the runtime hands the body each step's row as it lies, without a copy. */
interface Sliced {
  readonly graph: Graph;
  readonly slices: readonly GraphInput[];
}

const sliceName = (table: string): string => `loop:row of ${table}`;

function sliceTables(graph: Graph): Sliced {
  const slices: GraphInput[] = [];
  const isPlace = (i: number): boolean => {
    const n = graph.nodes[i]!;
    return n.op === "input" && n.attributes.name === "k";
  };
  const nodes = graph.nodes.map((n): GraphNode => {
    const table = n.op === "gather" ? graph.nodes[n.inputs[0]!]! : undefined;
    if (n.op !== "gather" || table?.op !== "input" || !table.attributes.rows || !isPlace(n.inputs[1]!)) return n;
    const { name } = table.attributes;
    if (!slices.some((slice) => slice.name === name))
      slices.push({ name, shape: [1, ...n.shape], dtype: n.dtype, rows: true });
    return {
      op: "input",
      inputs: [],
      attributes: { name: sliceName(name), rows: false },
      shape: n.shape,
      dtype: n.dtype,
    };
  });
  return { graph: { nodes, outputs: graph.outputs }, slices };
}

/** Inputs that some result needs. */
function readInputs(graph: Graph): readonly GraphInput[] {
  const reached = graph.nodes.map(() => false);
  for (const at of Object.values(graph.outputs)) reached[at] = true;
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    if (reached[i]) for (const input of graph.nodes[i]!.inputs) reached[input] = true;
  }
  const names = new Set(graph.nodes.flatMap((n, i) => (n.op === "input" && reached[i] ? [n.attributes.name] : [])));
  return inputsOf(graph).filter((input) => names.has(input.name));
}

const counter = (name: string): OnnxValue => ({ name, element: "int32", shape: [] });

const tableOf = (value: OnnxValue, name: string): OnnxValue => ({ ...value, name, shape: ["steps", ...value.shape] });

/**
 * One ONNX Scan. What depends on neither the step nor a carried value is computed once, outside it (hoisting); the body
 * refers to it from the enclosing scope. Unlike a Loop, a Scan reads rows of tables and writes kept values in place.
 */
function loopModel(whole: Graph, loop: Loop, precision: Precision): Model {
  const { graph, slices } = sliceTables(whole);
  const carried = Object.entries(loop.carry);
  const read = readInputs(graph);
  const reads = (name: string): boolean => read.some((input) => input.name === name);
  const inLoop = new Set([...Object.keys(loop.carry), "t", "k", ...slices.map(({ name }) => sliceName(name))]);
  const varying = dependents(graph, inLoop);
  const main = new Scope("main:");
  const body = new Scope("body:");
  const output = lower(
    graph,
    precision,
    (i) => (varying[i] ? body : main),
    (name) => (name in loop.carry ? `carried:${name}` : name === "t" || name === "k" ? `step:${name}` : name),
  );

  const valueOf = (name: string, as: string): OnnxValue => ({ ...declare(typeOf(graph, name), precision), name: as });
  const produced = (name: string, as: string): OnnxValue => {
    body.rename(output(name), as);
    return valueOf(name, as);
  };
  // The steps' numbers, which also say how many there are.
  const counted: readonly ("t" | "k")[] = reads("k") ? ["t", "k"] : ["t"];
  const rows = slices.map((slice) => declare({ ...slice, shape: slice.shape.slice(1), rows: false }, precision));
  const bodyGraph: OnnxGraph = {
    name: "body",
    inputs: [
      ...carried.map(([name, next]) => valueOf(next, `carried:${name}`)),
      ...counted.map((name) => counter(`step:${name}`)),
      ...rows.map((row) => ({ ...row, name: sliceName(row.name) })),
    ],
    outputs: [
      ...carried.map(([name, next]) => produced(next, `next:${name}`)),
      ...loop.scan.map((name) => produced(name, `kept:${name}`)),
    ],
    ...contents(body),
  };
  const counters = counted.map((name) => LOOP_INPUTS[name]);
  const scanned = [...counters.map(counter), ...rows];
  main.nodes.push({
    op: "Scan",
    inputs: [...carried.map(([name]) => name), ...scanned.map(({ name }) => name)],
    outputs: [...carried.map(([name]) => name), ...loop.scan].map(resultName),
    attributes: {
      body: bodyGraph,
      num_scan_inputs: scanned.length,
      scan_input_directions: scanned.map(() => Number(loop.direction === "backward")),
    },
  });

  const carriedInputs = carried.map(([name, next]) => ({ ...typeOf(graph, next), name }));
  const invariant = inputsOf(graph).filter((input) => !inLoop.has(input.name) && reads(input.name));
  const model: OnnxGraph = {
    name: "main",
    ...contents(main),
    inputs: [
      ...[...invariant, ...carriedInputs].map((input) => declare(input, precision)),
      ...scanned.map((value) => tableOf(value, value.name)),
    ],
    outputs: [
      ...carried.map(([name, next]) => valueOf(next, resultName(name))),
      ...loop.scan.map((name) => tableOf(valueOf(name, resultName(name)), resultName(name))),
    ],
  };
  return {
    bytes: writeModel(model),
    inputs: [...invariant, ...carriedInputs, ...slices],
    counters,
  };
}
