import { sizeOf, type Shape } from "../../tensor/shape.ts";
import { inputsOf, type Graph } from "../../tensor/graph.ts";
import {
  blocksOf,
  dtypeOf,
  type Buffer,
  type Engine,
  type Executable,
  type HeldArray,
  type Loop,
  type Program,
  type Range,
} from "../engine.ts";
import { createReversible, type StepHost } from "../reversal/stepper.ts";
import { evaluateAll, type Values } from "./evaluate.ts";
import { fromHalf, toHalf } from "./float16.ts";

const scalar = (value: number): Values => ({ data: Float64Array.of(value), shape: [] });

/** Values of a graph's outputs, in float64. */
export function evaluate(graph: Graph, feeds: Readonly<Record<string, Values>>): Record<string, Values> {
  const values = evaluateAll(graph, feeds);
  return Object.fromEntries(Object.entries(graph.outputs).map(([name, at]) => [name, values[at]!]));
}

/** Runs a program, loops included. */
export function interpret(
  program: Program,
  given: Readonly<Record<string, Values>>,
  range?: Range,
): Record<string, Values> {
  const { graph, loop } = program;
  if (loop === undefined) return evaluate(graph, given);
  const inputs = { ...given, ...fedTables(loop, given, range) };
  const { from, to } = range ?? { from: 0, to: 1 };
  const { blocks } = loop;
  const { steps } = blocks === undefined ? { steps: to - from } : blocksOf(blocks, { from, to });
  const carried = { ...loop.carry, ...blocks?.restart };
  const zeros = Object.entries(blocks?.restart ?? {}).map(([name, next]) => {
    const { shape } = graph.nodes[graph.outputs[next]!]!;
    return [name, { data: new Float64Array(sizeOf(shape)), shape }] as const;
  });
  let state: Record<string, Values> = Object.fromEntries(Object.keys(loop.carry).map((name) => [name, inputs[name]!]));
  const kept = new Map<string, Values[]>(loop.scan.map((name) => [name, []]));
  const ends = new Map<string, Values[]>(Object.keys(blocks?.end?.outputs ?? {}).map((name) => [name, []]));
  for (let i = 0; i < to - from; i++) {
    const t = loop.direction === "forward" ? from + i : to - 1 - i;
    if (i % steps === 0) state = { ...state, ...Object.fromEntries(zeros) };
    const block = blocks === undefined ? {} : { b: scalar(Math.floor((t - from) / steps)) };
    const place = { t: scalar(t), k: scalar(t - from), ...block };
    const out = evaluate(graph, { ...inputs, ...state, ...place });
    state = Object.fromEntries(Object.entries(carried).map(([name, next]) => [name, out[next]!]));
    for (const name of loop.scan) kept.get(name)!.push(out[name]!);
    if (blocks?.end === undefined || (i + 1) % steps !== 0) continue;
    for (const [name, value] of Object.entries(evaluate(blocks.end, state))) ends.get(name)!.push(value);
  }
  const results = Object.fromEntries(Object.keys(loop.carry).map((name) => [name, state[name]!]));
  return { ...results, ...stacked(graph, kept), ...(blocks?.end === undefined ? {} : stacked(blocks.end, ends)) };
}

function fedTables(
  { fed }: Loop,
  inputs: Readonly<Record<string, Values>>,
  range: Range | undefined,
): Record<string, Values> {
  if (fed === undefined) return {};
  const results = interpret(fed.by, inputs, range);
  return Object.fromEntries(Object.entries(fed.tables).map(([table, kept]) => [table, results[kept]!]));
}

/** Names of what a program may be given. */
const givenTo = ({ graph, loop }: Program): readonly string[] => [
  ...inputsOf(graph).map(({ name }) => name),
  ...Object.keys(loop?.carry ?? {}),
  ...(loop?.fed === undefined ? [] : givenTo(loop.fed.by)),
];

const stacked = (graph: Graph, rows: ReadonlyMap<string, readonly Values[]>): Record<string, Values> =>
  Object.fromEntries(
    [...rows].map(([name, each]) => [name, stackRows(each, graph.nodes[graph.outputs[name]!]!.shape)]),
  );

function stackRows(rows: readonly Values[], each: Shape): Values {
  const data = new Float64Array(rows.length * sizeOf(each));
  rows.forEach((row, i) => data.set(row.data, i * sizeOf(each)));
  return { data, shape: [rows.length, ...each] };
}

export const toValues = ({ data, shape }: HeldArray): Values => ({
  data:
    data instanceof Float64Array
      ? data
      : data instanceof Uint16Array
        ? Float64Array.from(data, fromHalf)
        : Float64Array.from(data),
  shape,
});

function toArray({ data, shape }: Values, dtype: Buffer["dtype"]): HeldArray {
  switch (dtype) {
    case "float":
      return { data: data.slice(), shape };
    case "int8":
      return { data: Int8Array.from(data), shape };
    case "float16":
      return { data: Uint16Array.from(data, toHalf), shape };
    default:
      return { data: Int32Array.from(data), shape };
  }
}

/** Promises alone never let timers and signals run: a Ctrl-C would wait for the end of all training. */
const othersTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/** The interpreter behind the engine interface: plain float64 TypeScript, the oracle of the native engine. */
export function referenceEngine(): Engine {
  const held = new Map<number, Values>();
  let nextId = 0;
  const hold = (values: Values, dtype: Buffer["dtype"]): Buffer => {
    const id = nextId++;
    held.set(id, values);
    return { id, shape: values.shape, dtype };
  };

  const read = (buffer: Buffer): HeldArray => toArray(held.get(buffer.id)!, buffer.dtype);
  // A copy: what the caller does to the array afterwards must not reach the tensor.
  const load = (array: HeldArray): Buffer => {
    const { data, shape } = toValues(array);
    return hold({ data: data === array.data ? data.slice() : data, shape }, dtypeOf(array));
  };
  const free = (buffers: Iterable<Buffer>): void => {
    for (const buffer of buffers) held.delete(buffer.id);
  };
  const host: StepHost = {
    precision: "float64",
    hold: load,
    release: free,
    discard: () => undefined,
    read,
    prepare: ({ graph }) => {
      const names = new Set(inputsOf(graph).map((i) => i.name));
      return Promise.resolve({
        async bind(inputs, live) {
          const fixed = Object.entries(inputs).filter(([name]) => names.has(name) && !(name in live));
          const feeds = Object.fromEntries(fixed.map(([name, buffer]) => [name, held.get(buffer.id)!]));
          await othersTurn();
          return (outputs) => {
            const now = Object.entries(live).map(([name, array]) => [name, toValues(array)] as const);
            const results = evaluate(graph, { ...feeds, ...Object.fromEntries(now) });
            return Promise.resolve(outputs.map((name) => results[name]!));
          };
        },
      });
    },
  };

  return {
    description: { name: "reference", version: "1", device: "cpu", precision: "float64", threads: 1, worker: false },
    compile(program): Promise<Executable> {
      const names = new Set(givenTo(program));
      const end = program.loop?.blocks?.end;
      const resultType = (name: string): Buffer["dtype"] => {
        const graph = end !== undefined && name in end.outputs ? end : program.graph;
        return graph.nodes[graph.outputs[program.loop?.carry[name] ?? name]!]!.dtype;
      };
      return Promise.resolve({
        async run(inputs, range) {
          const feeds: Record<string, Values> = {};
          for (const [name, buffer] of Object.entries(inputs)) {
            if (names.has(name)) feeds[name] = held.get(buffer.id)!;
          }
          await othersTurn();
          const results = interpret(program, feeds, range);
          return Object.fromEntries(
            Object.entries(results).map(([name, values]) => [name, hold(values, resultType(name))]),
          );
        },
      });
    },
    compileReversible: (program) => createReversible(program, host),
    load: (array) => Promise.resolve(load(array)),
    read: (buffer) => Promise.resolve(read(buffer)),
    free,
    verify: () => Promise.resolve(),
    close() {
      held.clear();
      return Promise.resolve();
    },
  };
}
