import type { NdArray } from "../data/dataset.ts";
import type { Graph } from "../tensor/graph.ts";
import type { Shape } from "../tensor/shape.ts";
import type { DType } from "../tensor/tensor.ts";

export type Precision = "float32" | "float64";

/** A loop over steps t of a range [from, to), whose body is a graph. */
export interface Loop {
  /** Carried values: the body reads the input on the left, and the output on the right is its next value. */
  readonly carry: Readonly<Record<string, string>>;
  /** Outputs kept for every step, stacked along a new first axis in the order the steps ran. */
  readonly scan: readonly string[];
  /** Backward runs t = to−1 … from. */
  readonly direction: "forward" | "backward";
  readonly blocks?: Blocks;
  readonly fed?: Fed;
}

/** Another loop over the same steps, without blocks, that runs first: what it keeps feeds tables and is given to nobody else. */
export interface Fed {
  readonly by: Program;
  /** What the other keeps, by the table that it becomes. */
  readonly tables: Readonly<Record<string, string>>;
}

/**
 * Steps in blocks of one length: a loop within a loop. What depends on the block's place `b` in the run, an integer
 * scalar, but not on the step, is computed once for each block. A run is whole blocks, or one shorter block.
 */
export interface Blocks {
  readonly length: number;
  /** Values that begin every block as zeros, and are carried on within it like those of `carry`. */
  readonly restart: Readonly<Record<string, string>>;
  /** Computed after each block from carried and restarted values, by their names; kept for every block. */
  readonly end?: Graph;
}

/** Blocks of a range, and steps of each. */
export function blocksOf({ length }: Blocks, { from, to }: Range): { readonly count: number; readonly steps: number } {
  const total = to - from;
  if (total >= length && total % length !== 0) {
    throw new Error(`a run of ${total} steps is not made of blocks of ${length}`);
  }
  return total < length ? { count: 1, steps: total } : { count: total / length, steps: length };
}

/**
 * A graph to compile. In a loop two integer scalars are fed by the engine: `t`, the step, and `k` = t − from, the step's
 * place in the tables of this run (inputs with free rows).
 */
export interface Program {
  readonly name: string;
  readonly graph: Graph;
  readonly loop?: Loop;
}

/** A dense array as engines take and give it: packed numbers as Int8Array, or as the bits of halves in a Uint16Array. */
export interface HeldArray {
  readonly data: NdArray["data"] | Int8Array | Uint16Array;
  readonly shape: Shape;
}

const DTYPES = { Int32Array: "int", Int8Array: "int8", Uint16Array: "float16" } as const;

export const dtypeOf = ({ data }: HeldArray): DType => DTYPES[data.constructor.name as keyof typeof DTYPES] ?? "float";

/** A tensor held by an engine. */
export interface Buffer {
  readonly id: number;
  readonly shape: Shape;
  readonly dtype: DType;
}

export interface Range {
  readonly from: number;
  readonly to: number;
}

export interface Executable {
  /**
   * Runs a program. Results are named after the graph's outputs; carried values after the input they replace. Buffers
   * for inputs that the graph does not read are ignored.
   */
  run(inputs: Readonly<Record<string, Buffer>>, range?: Range): Promise<Record<string, Buffer>>;
}

/** d: decays are multiples of 1/d, so that a multiplication with them is one with n and a division by d. */
export const DECAY_DENOMINATOR = 65536;

/** Momentum as what a step of it is computed from, for weights by name. */
export interface ReversibleProgram {
  readonly weights: readonly { readonly name: string; readonly shape: Shape }[];
  /** `weights/NAME`, the step `t` and its place `k` in tables, and other inputs → `gradient/NAME`, and `kept/…` to be kept. */
  readonly gradient: Program;
  /**
   * `t` and other inputs → `rate/NAME` and `decay/NAME`, the latter a multiple of 2⁻¹⁶, and `given/NAME`, the decay before it
   * was rounded. Each is one number, or one for each weight.
   */
  readonly settings: Program;
}

/** How much is kept so that a run can be taken back. */
export interface Information {
  readonly bits: number;
  /** Bytes allocated for these bits. */
  readonly bytes: number;
}

/** A training run in integers: its steps can be taken back, bit for bit, with the inputs they were made with. */
export interface ReversibleRun {
  /** @throws DrmadError unsupported where a decay is not between 0 and 1, or a number leaves the range; non-finite */
  forward(inputs: Readonly<Record<string, Buffer>>, range: Range): Promise<void>;
  /**
   * Takes back the last steps made.
   * @param keep names of weights, velocities (`velocity/NAME`) and kept outputs to give back as they were before each step,
   * in tables with a row for every step of the range, which last until the next call
   * @throws DrmadError engine-disagrees where the first state does not come back
   */
  back(
    inputs: Readonly<Record<string, Buffer>>,
    range: Range,
    keep: readonly string[],
  ): Promise<Record<string, Buffer>>;
  /** `weights/NAME` and `velocity/NAME` now. */
  state(): Promise<Record<string, Buffer>>;
  information(): Promise<Information>;
  /** The run is not used any more. */
  end(): void;
}

export interface Reversible {
  /** Begins at step 0, at these `weights/NAME`, without velocity. */
  begin(weights: Readonly<Record<string, Buffer>>): Promise<ReversibleRun>;
}

export interface EngineDescription {
  readonly name: "onnxruntime" | "reference";
  readonly version: string;
  readonly device: string;
  readonly precision: Precision;
  readonly threads: number;
  /** Whether it computes in a thread of its own. */
  readonly worker: boolean;
}

/** Compiles and runs graphs, and holds their tensors. */
export interface Engine {
  readonly description: EngineDescription;
  compile(program: Program): Promise<Executable>;
  compileReversible(program: ReversibleProgram): Promise<Reversible>;
  /** Real numbers are rounded to the engine's precision. The array stays the caller's: later changes do not reach the tensor. */
  load(array: HeldArray): Promise<Buffer>;
  /** Real tensors come back as Float32Array or Float64Array, integers and truth values as Int32Array. */
  read(buffer: Buffer): Promise<HeldArray>;
  free(buffers: Iterable<Buffer>): void;
  /**
   * Runs a program once here and once in the float64 interpreter, both on the same rounded inputs.
   * @throws DrmadError engine-disagrees, naming the first operation that differs
   */
  verify(program: Program, inputs: Readonly<Record<string, HeldArray>>): Promise<void>;
  close(): Promise<void>;
}
