import { dependents, inputsOf, type Graph, type GraphInput } from "../../tensor/graph.ts";
import type { Precision, Program } from "../engine.ts";
import { lower, Scope } from "./lower.ts";
import { loopModel } from "./loop.ts";
import { sinkConstants } from "./simplify.ts";
import { contents, declare, resultName, typeOf, type Model } from "./values.ts";
import { writeModel } from "./write.ts";

/**
 * A program as an ONNX model: its bytes, and the inputs it reads.
 * @param bodyOnly one step of a loop, with everything that the loop makes of it but the loop itself
 */
export function toModel(program: Program, precision: Precision, bodyOnly = false): Model {
  const sunk = withSunkConstants(program);
  const { graph, loop } = sunk;
  if (loop === undefined || bodyOnly) return plainModel(graph, precision);
  const fed = loop.fed && { ...loop.fed, by: withSunkConstants(loop.fed.by) };
  return loopModel(graph, { ...loop, ...(fed && { fed }) }, precision);
}

const withSunkConstants = (program: Program): Program => ({
  ...program,
  graph: sinkConstants(program.graph, varyingNodes(program)),
});

/** What is computed anew in every step; everything, where there are no steps. */
const varyingNodes = ({ graph, loop }: Program): readonly boolean[] =>
  loop === undefined
    ? graph.nodes.map((n) => n.op !== "constant")
    : dependents(graph, new Set([...Object.keys(loop.carry), ...Object.keys(loop.blocks?.restart ?? {}), "t", "k"]));

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
  const inputs: readonly GraphInput[] = inputsOf(graph);
  return {
    bytes: writeModel({ name: "main", ...contents(main), inputs: inputs.map((i) => declare(i, precision)), outputs }),
    inputs,
    tables: [],
    counters: [],
  };
}
