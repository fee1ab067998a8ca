import { dependents, inputsOf, type Graph, type GraphInput } from "../../tensor/graph.ts";
import type { Blocks, Loop, Precision } from "../engine.ts";
import { lower, Scope } from "./lower.ts";
import { readInputs, sliceName, sliceTables } from "./slices.ts";
import { contents, COUNTERS, declare, resultName, typeOf, type Counter, type Model } from "./values.ts";
import { writeModel, type OnnxGraph, type OnnxNode, type OnnxValue } from "./write.ts";

const counter = (name: string): OnnxValue => ({ name, element: "int32", shape: [] });
const stacked = (value: OnnxValue, axis: string): OnnxValue => ({ ...value, shape: [axis, ...value.shape] });
const named = (value: OnnxValue, name: string): OnnxValue => ({ ...value, name });

/** One Scan: carried values, tables taken apart along their first axis, and what its body keeps. */
function scanNode(
  body: OnnxGraph,
  carried: readonly string[],
  tables: readonly string[],
  outputs: readonly string[],
  backward: boolean,
): OnnxNode {
  return {
    op: "Scan",
    inputs: [...carried, ...tables],
    outputs,
    attributes: {
      body,
      num_scan_inputs: tables.length,
      scan_input_directions: tables.map(() => Number(backward)),
    },
  };
}

/** A loop as nodes of a model. */
interface LoopNodes extends Pick<OnnxGraph, "nodes" | "constants"> {
  /** Inputs to feed by name; the tables among them are taken apart, a row for each step. */
  readonly inputs: readonly GraphInput[];
  readonly tables: readonly string[];
  readonly counters: readonly Counter[];
  /** All inputs as they are fed. */
  readonly fed: readonly OnnxValue[];
  /** Carried values after the last step, and what was kept. */
  readonly results: readonly OnnxValue[];
}

/** How names are told apart where a model has two loops. */
interface Naming {
  readonly prefix: string;
  result(name: string): string;
}

const ALONE: Naming = { prefix: "", result: resultName };

/** Of several of one name one. */
const union = <T extends { readonly name: string }>(a: readonly T[], b: readonly T[]): readonly T[] => [
  ...new Map([...a, ...b].map((value) => [value.name, value])).values(),
];

/** A loop as a model; where it is fed by another, that one's nodes come first, and their tables never leave the runtime. */
export function loopModel(graph: Graph, loop: Loop, precision: Precision): Model {
  const own = loopNodes(graph, loop, precision, ALONE);
  if (loop.fed === undefined) return modelOf(own);
  const { by, tables } = loop.fed;
  const becomes = new Map(Object.entries(tables).map(([table, kept]) => [kept, table]));
  const before = loopNodes(by.graph, by.loop!, precision, {
    prefix: "before:",
    result: (name) => becomes.get(name) ?? `before:${resultName(name)}`,
  });
  const isOwn = ({ name }: { readonly name: string }): boolean => !(name in tables);
  return modelOf({
    nodes: [...before.nodes, ...own.nodes],
    constants: [...before.constants, ...own.constants],
    inputs: union(before.inputs, own.inputs.filter(isOwn)),
    tables: [...new Set([...before.tables, ...own.tables.filter((name) => isOwn({ name }))])],
    counters: [...new Set([...before.counters, ...own.counters])],
    fed: union(before.fed, own.fed.filter(isOwn)),
    results: own.results,
  });
}

function modelOf({ nodes, constants, inputs, tables, counters, fed, results }: LoopNodes): Model {
  return {
    bytes: writeModel({ name: "main", nodes, constants, inputs: fed, outputs: results }),
    inputs,
    tables,
    counters,
  };
}

/**
 * An ONNX Scan over steps, or one over blocks whose body has another over the steps of the block. What depends on neither
 * step nor block nor a carried value is computed once, before (hoisting), what depends on the block only once for each;
 * inner bodies refer to it from the enclosing scope. Unlike a Loop, a Scan reads rows of tables and writes kept values in
 * place.
 */
function loopNodes(whole: Graph, loop: Loop, precision: Precision, { prefix, result }: Naming): LoopNodes {
  const { graph, slices } = sliceTables(whole);
  const { blocks } = loop;
  const backward = loop.direction === "backward";
  const read = readInputs(graph);
  const carried = Object.entries(loop.carry);
  const inner = [...carried, ...Object.entries(blocks?.restart ?? {})];
  const inStep = new Set([...inner.map(([name]) => name), "t", "k", ...slices.map(({ name }) => sliceName(name))]);
  const perStep = dependents(graph, inStep);
  const perBlock = dependents(graph, new Set(blocks === undefined ? [] : ["b"]));
  const main = new Scope(`${prefix}main:`);
  const block = new Scope(`${prefix}block:`);
  const body = new Scope(`${prefix}body:`);
  const places = new Set(blocks === undefined ? ["t", "k"] : ["t", "k", "b"]);
  const isInner = (name: string): boolean => inner.some(([own]) => own === name);
  const output = lower(
    graph,
    precision,
    (i) => (perStep[i] ? body : perBlock[i] ? block : main),
    (name) => (isInner(name) ? `carried:${name}` : places.has(name) ? `step:${name}` : name),
  );

  const valueOf = (name: string, as: string): OnnxValue => ({ ...declare(typeOf(graph, name), precision), name: as });
  const produced = (name: string, as: string): OnnxValue => {
    body.rename(output(name), as);
    return valueOf(name, as);
  };
  // The steps' numbers, which also say how many there are.
  const counted: readonly Counter[] = read.has("k") ? ["t", "k"] : ["t"];
  const rows = slices.map((slice) => declare({ ...slice, shape: slice.shape.slice(1), rows: false }, precision));
  const perStepInputs = [
    ...counted.map((name) => counter(`step:${name}`)),
    ...rows.map((row) => named(row, sliceName(row.name))),
  ];
  const stepBody: OnnxGraph = {
    name: "body",
    inputs: [...inner.map(([name, next]) => valueOf(next, `carried:${name}`)), ...perStepInputs],
    outputs: [
      ...inner.map(([name, next]) => produced(next, `next:${name}`)),
      ...loop.scan.map((name) => produced(name, `kept:${name}`)),
    ],
    ...contents(body),
  };
  const tables = [...counted.map((name) => counter(COUNTERS[name])), ...rows];
  const results = [...carried.map(([name]) => name), ...loop.scan].map(result);
  const names = carried.map(([name]) => name);
  const afterwards = carried.map(([name, next]) => valueOf(next, result(name)));
  const keptRows = loop.scan.map((name) => valueOf(name, result(name)));

  let fed: readonly OnnxValue[];
  let kept: readonly OnnxValue[];
  if (blocks === undefined) {
    main.nodes.push(
      scanNode(
        stepBody,
        names,
        tables.map(({ name }) => name),
        results,
        backward,
      ),
    );
    fed = tables.map((table) => stacked(table, "steps"));
    kept = keptRows.map((value) => stacked(value, "steps"));
  } else {
    const { body: whole, ends } = blockBody(blocks, stepBody);
    const perBlockInputs = [counter(COUNTERS.b), ...tables];
    main.nodes.push(
      scanNode(
        whole,
        names,
        perBlockInputs.map(({ name }) => name),
        [...results, ...ends.map(({ name }) => resultName(name))],
        backward,
      ),
    );
    fed = [
      stacked(counter(COUNTERS.b), "blocks"),
      ...tables.map((table) => stacked(stacked(table, "steps"), "blocks")),
    ];
    kept = [
      ...keptRows.map((value) => stacked(stacked(value, "steps"), "blocks")),
      ...ends.map((value) => stacked(named(value, resultName(value.name)), "blocks")),
    ];
  }

  /** A block: its own values, the Scan over its steps, and what is computed at its end. */
  function blockBody(
    { restart, end }: Blocks,
    steps: OnnxGraph,
  ): { readonly body: OnnxGraph; readonly ends: readonly OnnxValue[] } {
    const zeros = Object.values(restart).map((next) => {
      const { element, shape } = valueOf(next, next);
      const zero = block.constant(element, [], [0]);
      return block.emit("Expand", [zero, block.ints(shape as readonly number[])]);
    });
    const after = inner.map(([name]) => `after:${name}`);
    block.nodes.push(
      scanNode(
        steps,
        [...carried.map(([name]) => `block:${name}`), ...zeros],
        tables.map(({ name }) => `block:${name}`),
        [...after, ...loop.scan.map((name) => `rows:${name}`)],
        backward,
      ),
    );
    const ends = end === undefined ? [] : endOf(end);
    return {
      ends: ends.map((value) => named(value, value.name.replace("end:", ""))),
      body: {
        name: "block",
        inputs: [
          ...carried.map(([name, next]) => valueOf(next, `block:${name}`)),
          counter("step:b"),
          ...tables.map((table) => named(stacked(table, "steps"), `block:${table.name}`)),
        ],
        outputs: [
          ...carried.map(([name, next]) => valueOf(next, `after:${name}`)),
          ...loop.scan.map((name) => stacked(valueOf(name, `rows:${name}`), "steps")),
          ...ends,
        ],
        ...contents(block),
      },
    };
  }

  function endOf(end: Graph): readonly OnnxValue[] {
    const at = lower(
      end,
      precision,
      () => block,
      (name) => `after:${name}`,
    );
    return Object.keys(end.outputs).map((name) => {
      const value = at(name);
      // What is carried goes on under its own name.
      if (value.startsWith("after:")) block.emit("Identity", [value], {}, `end:${name}`);
      else block.rename(value, `end:${name}`);
      return { ...declare(typeOf(end, name), precision), name: `end:${name}` };
    });
  }

  const carriedInputs = carried.map(([name, next]) => ({ ...typeOf(graph, next), name }));
  const invariant = inputsOf(graph).filter(({ name }) => !inStep.has(name) && !places.has(name) && read.has(name));
  return {
    ...contents(main),
    inputs: [...invariant, ...carriedInputs, ...slices],
    tables: slices.map(({ name }) => name),
    counters: blocks === undefined ? counted : ["b", ...counted],
    fed: [...[...invariant, ...carriedInputs].map((input) => declare(input, precision)), ...fed],
    results: [...afterwards, ...kept],
  };
}
