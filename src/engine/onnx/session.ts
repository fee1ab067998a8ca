import * as ort from "onnxruntime-node";
import { createRequire } from "node:module";
import { DrmadError } from "../../errors.ts";
import type { Graph } from "../../tensor/graph.ts";
import type { DType } from "../../tensor/tensor.ts";
import { compareWithReference } from "../compare.ts";
import {
  blocksOf,
  type Buffer,
  type Engine,
  type Executable,
  type HeldArray,
  type Loop,
  type Precision,
  type Program,
} from "../engine.ts";
import { createReversible, type StepHost } from "../reversal/stepper.ts";
import { hoist } from "./hoist.ts";
import { toModel } from "./model.ts";
import { isReleased, release } from "./release.ts";
import { COUNTERS, resultName } from "./values.ts";

export interface NativeOptions {
  readonly precision: Precision;
  readonly threads: number;
  /** Loaded arrays are no one else's (they came from another thread, say), and need no copy. */
  readonly ownsArrays?: boolean;
}

const VERSION: string = (createRequire(import.meta.url)("onnxruntime-node/package.json") as { version: string })
  .version;

const sessionOptions = (threads: number): ort.InferenceSession.SessionOptions => ({
  executionProviders: ["cpu"],
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
  executionMode: "sequential",
  graphOptimizationLevel: "all",
  // What goes wrong is thrown as well; printing it is for whoever catches it.
  logSeverityLevel: 4,
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

export interface NativeEngine extends Engine {
  /** Loads an array under a number that its owner chose, below 0: it can be named before it is there. */
  loadAs(id: number, array: HeldArray): void;
}

/**
 * ONNX Runtime on the CPU, in this thread. A run blocks the thread until it ends; see the worker host.
 * @param passed told of the bytes of results that are dropped as soon as they are read
 */
export function nativeEngine(
  { precision, threads, ownsArrays = false }: NativeOptions,
  passed?: (bytes: number) => void,
): NativeEngine {
  const held = new Map<number, ort.Tensor>();
  /** Those whose memory nothing else has a view of. */
  const own = new Set<number>();
  let nextId = 0;
  const hold = (tensor: ort.Tensor, owned: boolean, id: number = nextId++): Buffer => {
    held.set(id, tensor);
    if (owned) own.add(id);
    return { id, shape: tensor.dims, dtype: dtypeOf(tensor) };
  };
  const sessions = new Set<ort.InferenceSession>();
  async function create(program: Program, bodyOnly = false): Promise<Session> {
    const { bytes, inputs, tables, counters } = toModel(program, precision, bodyOnly);
    const session = await ort.InferenceSession.create(bytes, sessionOptions(threads));
    sessions.add(session);
    const { loop } = bodyOnly ? { loop: undefined } : program;
    const ends = Object.keys(loop?.blocks?.end?.outputs ?? {});
    const names =
      loop === undefined ? Object.keys(program.graph.outputs) : [...Object.keys(loop.carry), ...loop.scan, ...ends];
    return {
      inputs,
      async only(outputs, feeds) {
        const results = await session.run(feeds, outputs.map(resultName));
        return outputs.map((name) => results[resultName(name)]!);
      },
      async run(feeds, range) {
        const total = range === undefined ? 0 : range.to - range.from;
        if (loop !== undefined && total === 0) return nothingRun(program, loop, feeds, precision);
        const blocks = loop?.blocks === undefined ? undefined : blocksOf(loop.blocks, range!);
        // Tables with a row for each step are taken apart by blocks first.
        const folded = (tensor: ort.Tensor): ort.Tensor =>
          blocks === undefined ? tensor : redimensioned(tensor, [blocks.count, blocks.steps, ...tensor.dims.slice(1)]);
        for (const name of tables) feeds[name] = folded(feeds[name]!);
        for (const name of counters) {
          const numbers = counting(name === "t" ? range!.from : 0, name === "b" ? blocks!.count : total);
          feeds[COUNTERS[name]] = name === "b" ? numbers : folded(numbers);
        }
        const results = await session.run(feeds).catch((error: unknown) => {
          throw outOfTable(error) ?? error;
        });
        const unfolded = (name: string, tensor: ort.Tensor): ort.Tensor =>
          blocks === undefined || loop?.scan.includes(name) !== true
            ? tensor
            : redimensioned(tensor, [total, ...tensor.dims.slice(2)]);
        return Object.fromEntries(names.map((name) => [name, unfolded(name, results[resultName(name)]!)]));
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
  const read = (buffer: Buffer): HeldArray => {
    const tensor = held.get(buffer.id);
    if (tensor === undefined) throw new Error(`buffer ${buffer.id} was freed`);
    // A copy: what the caller does to it must not reach the tensor.
    return { data: plainData(tensor).slice(), shape: tensor.dims };
  };
  const load = (array: HeldArray, id?: number): Buffer => {
    const tensor = toOrt(array, precision);
    const shared = !ownsArrays && tensor.data === array.data;
    return hold(shared ? toOrt({ ...array, data: array.data.slice() }, precision) : tensor, true, id);
  };
  const free = (buffers: Iterable<Buffer>): void => {
    for (const { id } of buffers) {
      const tensor = held.get(id);
      held.delete(id);
      if (own.delete(id)) release(tensor!.data as HeldArray["data"]);
    }
  };
  const steps: StepHost = {
    precision,
    hold: (array) => hold(toOrt(array, precision), false),
    discard: (arrays) => arrays.forEach(({ data }) => release(data)),
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
            passed?.(arrays.reduce((bytes, { data }) => bytes + (isReleased(data) ? 0 : data.byteLength), 0));
            return arrays;
          };
        },
      };
    },
  };

  return {
    description: { name: "onnxruntime", version: VERSION, device: "cpu", precision, threads, worker: false },
    async compile(program): Promise<Executable> {
      const session = await create(program);
      return {
        async run(inputs, range) {
          const results = await session.run(feedsFor(program, session, inputs), range);
          return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, hold(tensor, true)]));
        },
      };
    },
    compileReversible: (program) => createReversible(program, steps),
    load: (array) => Promise.resolve(load(array)),
    loadAs: (id, array) => void load(array, id),
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
}

const DTYPES: Readonly<Record<string, DType>> = {
  float32: "float",
  float64: "float",
  float16: "float16",
  int8: "int8",
  bool: "bool",
};
const dtypeOf = (tensor: ort.Tensor): DType => DTYPES[tensor.type] ?? "int";

/** The runtime's complaint of an index, which comes of the experiment's data, in words that tell so. */
function outOfTable(error: unknown): DrmadError | undefined {
  const found = /out of data bounds, idx=(-?\d+) must be within the inclusive range \[-(\d+)/.exec(String(error));
  if (found === null) return undefined;
  return new DrmadError("invalid-experiment", `a loss reads row ${found[1]} of a table of ${found[2]} rows`, {
    hint: "Indices count rows from 0: look at the integers that ops.gather is given.",
    cause: error,
  });
}

const redimensioned = (tensor: ort.Tensor, dims: readonly number[]): ort.Tensor =>
  new ort.Tensor(tensor.type, tensor.data as Float32Array, dims);

const counting = (from: number, count: number): ort.Tensor =>
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
  const rows = (graph: Graph, name: string): readonly [string, ort.Tensor] => {
    const n = graph.nodes[graph.outputs[name]!]!;
    return [name, toOrt({ data: new EMPTY[n.dtype](0), shape: [0, ...n.shape] }, precision)];
  };
  const kept = loop.scan.map((name) => rows(program.graph, name));
  const end = loop.blocks?.end;
  const ends = end === undefined ? [] : Object.keys(end.outputs).map((name) => rows(end, name));
  return Object.fromEntries([...carried, ...kept, ...ends]);
}

const EMPTY = {
  float: Float64Array,
  int: Int32Array,
  bool: Int32Array,
  int8: Int8Array,
  float16: Uint16Array,
} as const satisfies Record<DType, unknown>;

function toOrt({ data, shape }: HeldArray, precision: Precision): ort.Tensor {
  if (data instanceof Int32Array) return new ort.Tensor("int32", data, shape);
  if (data instanceof Int8Array) return new ort.Tensor("int8", data, shape);
  if (data instanceof Uint16Array) return new ort.Tensor("float16", data, shape);
  if (precision === "float64")
    return new ort.Tensor("float64", data instanceof Float64Array ? data : Float64Array.from(data), shape);
  return new ort.Tensor("float32", data instanceof Float32Array ? data : Float32Array.from(data), shape);
}

function plainData(tensor: ort.Tensor): HeldArray["data"] {
  const data = tensor.data;
  if (data instanceof Float32Array || data instanceof Float64Array || data instanceof Int32Array) return data;
  if (tensor.type === "int8") return data as Int8Array;
  // A Float16Array where the platform has one.
  if (tensor.type === "float16")
    return new Uint16Array((data as Uint16Array).buffer, (data as Uint16Array).byteOffset, data.length);
  return Int32Array.from(data as Uint8Array);
}
