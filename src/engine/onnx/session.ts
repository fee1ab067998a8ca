import * as ort from "onnxruntime-node";
import { createRequire } from "node:module";
import type { NdArray } from "../../data/dataset.ts";
import type { DType } from "../../tensor/tensor.ts";
import { compareWithReference } from "../compare.ts";
import type { Buffer, Engine, Executable, Loop, Precision, Program } from "../engine.ts";
import { createReversible, type StepHost } from "../reversal/stepper.ts";
import { hoist } from "./hoist.ts";
import { LOOP_INPUTS, resultName, toModel } from "./model.ts";

export interface NativeOptions {
  readonly precision: Precision;
  readonly threads: number;
}

const VERSION: string = (createRequire(import.meta.url)("onnxruntime-node/package.json") as { version: string })
  .version;

const sessionOptions = (threads: number): ort.InferenceSession.SessionOptions => ({
  executionProviders: ["cpu"],
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
  executionMode: "sequential",
  graphOptimizationLevel: "all",
  logSeverityLevel: 3,
  // Spinning threads starve each other on a shared machine, and subnormal numbers are slow on many processors.
  extra: { session: { set_denormal_as_zero: "1", intra_op: { allow_spinning: "0" } } },
});

type Tensors = Record<string, ort.Tensor>;

interface Session {
  readonly inputs: readonly { readonly name: string }[];
  run(feeds: Tensors, range?: { from: number; to: number }): Promise<Tensors>;
  /** Some of the results of a program without a loop. */
  only(outputs: readonly string[], feeds: Tensors): Promise<readonly ort.Tensor[]>;
  release(): Promise<void>;
}

/**
 * ONNX Runtime on the CPU, in this thread. A run blocks the thread until it ends; see the worker host.
 * @param passed told of the bytes of results that are dropped as soon as they are read
 */
export function nativeEngine({ precision, threads }: NativeOptions, passed?: (bytes: number) => void): Engine {
  const held = new Map<number, ort.Tensor>();
  let nextId = 0;
  const hold = (tensor: ort.Tensor): Buffer => {
    const id = nextId++;
    held.set(id, tensor);
    return { id, shape: tensor.dims, dtype: dtypeOf(tensor) };
  };
  const sessions = new Set<ort.InferenceSession>();
  async function create(program: Program, bodyOnly = false): Promise<Session> {
    const { bytes, inputs, counters } = toModel(program, precision, bodyOnly);
    const session = await ort.InferenceSession.create(bytes, sessionOptions(threads));
    sessions.add(session);
    const { loop } = bodyOnly ? { loop: undefined } : program;
    const names = loop === undefined ? Object.keys(program.graph.outputs) : [...Object.keys(loop.carry), ...loop.scan];
    return {
      inputs,
      async only(outputs, feeds) {
        const results = await session.run(feeds, outputs.map(resultName));
        return outputs.map((name) => results[resultName(name)]!);
      },
      async run(feeds, range) {
        const steps = range === undefined ? 0 : range.to - range.from;
        if (loop !== undefined && steps === 0) return nothingRun(program, loop, feeds, precision);
        for (const name of counters) feeds[name] = numbers(name === LOOP_INPUTS.t ? range!.from : 0, steps);
        const results = await session.run(feeds);
        return Object.fromEntries(names.map((name) => [name, results[resultName(name)]!]));
      },
      async release() {
        sessions.delete(session);
        await session.release();
      },
    };
  }

  /** The tensors that a session reads: those given as they are, the others held under their buffers. */
  const feedsFor = (
    { name: program }: Program,
    session: Session,
    inputs: Readonly<Record<string, Buffer>>,
    given: Tensors = {},
  ): Tensors =>
    Object.fromEntries(
      session.inputs.map(({ name }) => {
        const buffer = inputs[name];
        const tensor = given[name] ?? (buffer === undefined ? undefined : held.get(buffer.id));
        if (tensor === undefined) throw new Error(`${program}: input ${name} was not given or is freed`);
        return [name, tensor];
      }),
    );
  const read = (buffer: Buffer): NdArray => {
    const tensor = held.get(buffer.id);
    if (tensor === undefined) throw new Error(`buffer ${buffer.id} was freed`);
    // A copy: what the caller does to it must not reach the tensor.
    return { data: plainData(tensor).slice(), shape: tensor.dims };
  };
  const free = (buffers: Iterable<Buffer>): void => {
    for (const buffer of buffers) held.delete(buffer.id);
  };
  const steps: StepHost = {
    precision,
    hold: (array) => hold(toOrt(array, precision)),
    release: free,
    read,
    async prepare(program, changing) {
      const { once, step } = hoist(program, changing);
      const session = await create(step);
      const before = once === undefined ? undefined : await create(once);
      return {
        async bind(inputs, live) {
          const fixed = before === undefined ? {} : await before.run(feedsFor(program, before, inputs));
          const changes = Object.entries(live).map(([name, array]) => [name, toOrt(array, precision)] as const);
          const feeds = feedsFor(program, session, inputs, { ...fixed, ...Object.fromEntries(changes) });
          return async (outputs) => {
            const results = await session.only(outputs, feeds);
            const arrays = results.map((tensor) => ({ data: plainData(tensor), shape: tensor.dims }));
            passed?.(arrays.reduce((bytes, { data }) => bytes + data.byteLength, 0));
            return arrays;
          };
        },
      };
    },
  };

  const engine: Engine = {
    description: { name: "onnxruntime", version: VERSION, device: "cpu", precision, threads, worker: false },
    async compile(program): Promise<Executable> {
      const session = await create(program);
      return {
        async run(inputs, range) {
          const results = await session.run(feedsFor(program, session, inputs), range);
          return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, hold(tensor)]));
        },
      };
    },
    compileReversible: (program) => createReversible(program, steps),
    load: (array) => Promise.resolve(hold(toOrt(array, precision))),
    read: (buffer) => Promise.resolve(read(buffer)),
    free,
    verify: (program, inputs) =>
      compareWithReference(program, inputs, precision, async (probe, feeds) => {
        const session = await create(probe, true);
        const results = await session.run(
          Object.fromEntries(session.inputs.map(({ name }) => [name, toOrt(feeds[name]!, precision)])),
        );
        await session.release();
        return Object.fromEntries(
          Object.entries(results).map(([name, tensor]) => [name, { data: plainData(tensor), shape: tensor.dims }]),
        );
      }),
    async close() {
      held.clear();
      await Promise.all([...sessions].map((session) => session.release()));
      sessions.clear();
    },
  };
  return engine;
}

const dtypeOf = (tensor: ort.Tensor): DType =>
  tensor.type === "float32" || tensor.type === "float64" ? "float" : tensor.type === "bool" ? "bool" : "int";

const numbers = (from: number, count: number): ort.Tensor =>
  new ort.Tensor(
    "int32",
    Int32Array.from({ length: count }, (_, i) => from + i),
    [count],
  );

/** What a loop of no steps gives: carried values as they came, and tables without rows. */
function nothingRun(
  program: Program,
  loop: Loop,
  feeds: Readonly<Record<string, ort.Tensor>>,
  precision: Precision,
): Record<string, ort.Tensor> {
  const carried = Object.keys(loop.carry).map((name) => {
    const { data, dims } = feeds[name]!;
    return [name, toOrt({ data: (data as Float32Array).slice(), shape: dims }, precision)] as const;
  });
  const kept = loop.scan.map((name) => {
    const n = program.graph.nodes[program.graph.outputs[name]!]!;
    const data = n.dtype === "float" ? new Float64Array(0) : new Int32Array(0);
    return [name, toOrt({ data, shape: [0, ...n.shape] }, precision)] as const;
  });
  return Object.fromEntries([...carried, ...kept]);
}

function toOrt({ data, shape }: NdArray, precision: Precision): ort.Tensor {
  if (data instanceof Int32Array) return new ort.Tensor("int32", data, shape);
  if (precision === "float64")
    return new ort.Tensor("float64", data instanceof Float64Array ? data : Float64Array.from(data), shape);
  return new ort.Tensor("float32", data instanceof Float32Array ? data : Float32Array.from(data), shape);
}

function plainData(tensor: ort.Tensor): Float32Array | Float64Array | Int32Array {
  const data = tensor.data;
  if (data instanceof Float32Array || data instanceof Float64Array || data instanceof Int32Array) return data;
  return Int32Array.from(data as Uint8Array);
}
