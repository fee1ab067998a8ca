import type { NdArray } from "../../data/dataset.ts";
import { sizeOf, type Shape } from "../../tensor/shape.ts";
import { inputsOf, type Graph } from "../../tensor/graph.ts";
import type { Buffer, Engine, Executable, Program, Range } from "../engine.ts";
import { createReversible, type StepHost } from "../reversal/stepper.ts";
import { evaluateAll, type Values } from "./evaluate.ts";

const scalar = (value: number): Values => ({ data: Float64Array.of(value), shape: [] });

/** Values of a graph's outputs, in float64. */
export function evaluate(graph: Graph, feeds: Readonly<Record<string, Values>>): Record<string, Values> {
  const values = evaluateAll(graph, feeds);
  return Object.fromEntries(Object.entries(graph.outputs).map(([name, at]) => [name, values[at]!]));
}

/** Runs a program, loops included. */
export function interpret(
  program: Program,
  inputs: Readonly<Record<string, Values>>,
  range?: Range,
): Record<string, Values> {
  const { graph, loop } = program;
  if (loop === undefined) return evaluate(graph, inputs);
  const { from, to } = range ?? { from: 0, to: 1 };
  let state: Record<string, Values> = Object.fromEntries(Object.keys(loop.carry).map((name) => [name, inputs[name]!]));
  const kept = new Map<string, Values[]>(loop.scan.map((name) => [name, []]));
  for (let i = 0; i < to - from; i++) {
    const t = loop.direction === "forward" ? from + i : to - 1 - i;
    const out = evaluate(graph, { ...inputs, ...state, t: scalar(t), k: scalar(t - from) });
    state = Object.fromEntries(Object.entries(loop.carry).map(([name, next]) => [name, out[next]!]));
    for (const name of loop.scan) kept.get(name)!.push(out[name]!);
  }
  const scans = loop.scan.map((name) => {
    const { shape } = graph.nodes[graph.outputs[name]!]!;
    return [name, stackRows(kept.get(name)!, shape)] as const;
  });
  return { ...state, ...Object.fromEntries(scans) };
}

function stackRows(rows: readonly Values[], each: Shape): Values {
  const data = new Float64Array(rows.length * sizeOf(each));
  rows.forEach((row, i) => data.set(row.data, i * sizeOf(each)));
  return { data, shape: [rows.length, ...each] };
}

export const toValues = (array: NdArray): Values => ({
  data: array.data instanceof Float64Array ? array.data : Float64Array.from(array.data),
  shape: array.shape,
});

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

  const read = (buffer: Buffer): NdArray => {
    const { data, shape } = held.get(buffer.id)!;
    return { data: buffer.dtype === "float" ? data.slice() : Int32Array.from(data), shape };
  };
  const load = (array: NdArray): Buffer => hold(toValues(array), array.data instanceof Int32Array ? "int" : "float");
  const free = (buffers: Iterable<Buffer>): void => {
    for (const buffer of buffers) held.delete(buffer.id);
  };
  const host: StepHost = {
    precision: "float64",
    hold: load,
    release: free,
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
      const names = new Set([...inputsOf(program.graph).map((i) => i.name), ...Object.keys(program.loop?.carry ?? {})]);
      const dtypeOf = (name: string): Buffer["dtype"] =>
        program.graph.nodes[program.graph.outputs[program.loop?.carry[name] ?? name]!]!.dtype;
      return Promise.resolve({
        async run(inputs, range) {
          const feeds: Record<string, Values> = {};
          for (const [name, buffer] of Object.entries(inputs)) {
            if (names.has(name)) feeds[name] = held.get(buffer.id)!;
          }
          await othersTurn();
          const results = interpret(program, feeds, range);
          return Object.fromEntries(
            Object.entries(results).map(([name, values]) => [name, hold(values, dtypeOf(name))]),
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
