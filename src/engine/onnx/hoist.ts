import { dependents, type Graph, type GraphNode } from "../../tensor/graph.ts";
import type { Program } from "../engine.ts";
import { sinkConstants } from "./simplify.ts";

export interface Hoisted {
  /** What does not change from step to step, to be run once; undefined where there is nothing. */
  readonly once: Program | undefined;
  /** The rest, with the results of `once` as inputs of the same names. */
  readonly step: Program;
}

/** Nodes that need no computing, so that handing them over would gain nothing. */
const GIVEN: ReadonlySet<GraphNode["op"]> = new Set<GraphNode["op"]>(["input", "constant", "literal"]);

/** The part of a graph above some nodes, cut at others, which become inputs. */
function part(graph: Graph, outputs: Readonly<Record<string, number>>, cuts: ReadonlyMap<number, string>): Graph {
  const nodes: GraphNode[] = [];
  const place = new Map<number, number>();
  const needed = new Set<number>(Object.values(outputs));
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    if (needed.has(i) && !cuts.has(i)) for (const input of graph.nodes[i]!.inputs) needed.add(input);
  }
  graph.nodes.forEach((n, i) => {
    if (!needed.has(i)) return;
    place.set(i, nodes.length);
    const name = cuts.get(i);
    nodes.push(
      name === undefined
        ? ({ ...n, inputs: n.inputs.map((input) => place.get(input)!) } as GraphNode)
        : { op: "input", inputs: [], attributes: { name, rows: false }, shape: n.shape, dtype: n.dtype },
    );
  });
  return {
    nodes,
    outputs: Object.fromEntries(Object.entries(outputs).map(([name, i]) => [name, place.get(i)!])),
  };
}

/** Splits a program without a loop that is to run again and again while only some of its inputs change. */
export function hoist(program: Program, changing: ReadonlySet<string>): Hoisted {
  const graph = sinkConstants(program.graph, dependents(program.graph, changing));
  const varies = dependents(graph, changing);
  const isFixed = (i: number): boolean => !varies[i] && !GIVEN.has(graph.nodes[i]!.op);
  const cuts = new Map<number, string>();
  const cut = (i: number): unknown => isFixed(i) && cuts.set(i, `hoisted/${i}`);
  graph.nodes.forEach((n, i) => varies[i] && n.inputs.forEach(cut));
  Object.values(graph.outputs).forEach(cut);
  const handed = Object.fromEntries([...cuts].map(([i, name]) => [name, i]));
  return {
    once: cuts.size === 0 ? undefined : { name: program.name, graph: part(graph, handed, new Map()) },
    step: { name: program.name, graph: part(graph, graph.outputs, cuts) },
  };
}
