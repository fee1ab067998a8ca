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
  /** Real numbers are rounded to the engine's precision. The array stays the caller's: later changes do not reach the tensor. */
  load(array: NdArray): Promise<Buffer>;
  /** Real tensors come back as Float32Array or Float64Array, integers and truth values as Int32Array. */
  read(buffer: Buffer): Promise<NdArray>;
  free(buffers: Iterable<Buffer>): void;
  /**
   * Runs a program once here and once in the float64 interpreter, both on the same rounded inputs.
   * @throws DrmadError engine-disagrees, naming the first operation that differs
   */
  verify(program: Program, inputs: Readonly<Record<string, NdArray>>): Promise<void>;
  close(): Promise<void>;
}
