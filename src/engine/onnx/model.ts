import { dependents, inputsOf, type Graph, type GraphInput } from "../../tensor/graph.ts";
import type { Loop, Precision, Program } from "../engine.ts";
import { elementOf, lower, Scope } from "./lower.ts";
import { sinkConstants } from "./simplify.ts";
import { writeModel, type OnnxGraph, type OnnxValue } from "./write.ts";

/** Names of the values that only a loop's model has. */
export const LOOP_INPUTS = { steps: "loop:steps", from: "loop:from" } as const;
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

/**
 * A program as an ONNX model: its bytes, and the inputs it reads.
 * @param bodyOnly one step of a loop, with everything that the loop makes of it but the loop itself
 */
export function toModel(
  program: Program,
  precision: Precision,
  bodyOnly = false,
): { readonly bytes: Uint8Array; readonly inputs: readonly GraphInput[] } {
  const { loop } = program;
  const graph = sinkConstants(program.graph, varyingNodes(program));
  return loop === undefined || bodyOnly ? plainModel(graph, precision) : loopModel(graph, loop, precision);
}

/** What is computed anew in every step; everything, where there are no steps. */
const varyingNodes = ({ graph, loop }: Program): readonly boolean[] =>
  loop === undefined
    ? graph.nodes.map((n) => n.op !== "constant")
    : dependents(graph, new Set([...Object.keys(loop.carry), "t", "k"]));

function plainModel(graph: Graph, precision: Precision): ReturnType<typeof toModel> {
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
  };
}

const contents = (scope: Scope): Pick<OnnxGraph, "nodes" | "constants"> => ({
  nodes: scope.nodes,
  constants: scope.constants,
});

const flag = (name: string): OnnxValue => ({ name, element: "bool", shape: [] });

/**
 * One ONNX Loop. What depends on neither the step nor a carried value is computed once, outside it (hoisting); the body
 * refers to it from the enclosing scope.
 */
function loopModel(graph: Graph, loop: Loop, precision: Precision): ReturnType<typeof toModel> {
  const carried = Object.entries(loop.carry);
  const inLoop = new Set([...Object.keys(loop.carry), "t", "k"]);
  const varying = dependents(graph, inLoop);
  const main = new Scope("main:");
  const body = new Scope("body:");

  const step = body.emit("Cast", ["loop:i"], { to: 6 });
  const t =
    loop.direction === "forward"
      ? body.emit("Add", [LOOP_INPUTS.from, step])
      : body.emit("Sub", [main.emit("Sub", [end(main), main.constant("int32", [], [1])]), step]);
  const k = body.emit("Sub", [t, LOOP_INPUTS.from]);
  const bodyName = (name: string): string =>
    name === "t" ? t : name === "k" ? k : name in loop.carry ? `carried:${name}` : name;
  const output = lower(graph, precision, (i) => (varying[i] ? body : main), bodyName);

  const produced = (name: string, as: string): OnnxValue => {
    const value = output(name);
    // The runtime takes a carried value as it is, where a step keeps one.
    const asItIs = value.startsWith("carried:") && loop.scan.includes(name);
    if (!asItIs) body.rename(value, as);
    return { ...declare(typeOf(graph, name), precision), name: asItIs ? value : as };
  };
  body.emit("Identity", ["loop:go"], {}, "loop:goOn");
  const bodyGraph: OnnxGraph = {
    name: "body",
    inputs: [
      { name: "loop:i", element: "int64", shape: [] },
      flag("loop:go"),
      ...carried.map(([name, next]) => ({ ...declare(typeOf(graph, next), precision), name: `carried:${name}` })),
    ],
    outputs: [
      flag("loop:goOn"),
      ...carried.map(([name, next]) => produced(next, `next:${name}`)),
      ...loop.scan.map((name) => produced(name, `kept:${name}`)),
    ],
    ...contents(body),
  };
  const results = [...carried.map(([name]) => name), ...loop.scan].map(resultName);
  main.nodes.push({
    op: "Loop",
    inputs: [LOOP_INPUTS.steps, "", ...carried.map(([name]) => name)],
    outputs: results,
    attributes: { body: bodyGraph },
  });

  const carriedInputs = carried.map(([name, next]) => ({ ...typeOf(graph, next), name }));
  const inputs = [...inputsOf(graph).filter((i) => !inLoop.has(i.name)), ...carriedInputs];
  const model: OnnxGraph = {
    name: "main",
    ...contents(main),
    inputs: [
      { name: LOOP_INPUTS.steps, element: "int64", shape: [] },
      { name: LOOP_INPUTS.from, element: "int32", shape: [] },
      ...inputs.map((i) => declare(i, precision)),
    ],
    outputs: [
      ...carried.map(([name, next]) => ({ ...declare(typeOf(graph, next), precision), name: resultName(name) })),
      ...loop.scan.map((name) => {
        const value = declare(typeOf(graph, name), precision);
        return { ...value, name: resultName(name), shape: ["steps", ...value.shape] };
      }),
    ],
  };
  return { bytes: writeModel(model), inputs };
}

/** from + steps, computed once. */
const end = (main: Scope): string =>
  main.emit("Add", [LOOP_INPUTS.from, main.emit("Cast", [LOOP_INPUTS.steps], { to: 6 })]);
