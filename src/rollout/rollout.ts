import type { NdArray } from "../data/dataset.ts";
import type { Buffer, EngineDescription, Range } from "../engine/engine.ts";
import type { HyperTensor } from "../problem/hyper.ts";
import type { Path, PathTensors } from "./path.ts";
import type { SplitName } from "./programs.ts";
import type { StateLeaf } from "./symbols.ts";

/** Tensors held by the engine, by name. */
export type Buffers = Readonly<Record<string, Buffer>>;

/** Unconstrained coordinates of all hyperparameters, by tensor name. */
export type Point = Readonly<Record<string, Float64Array>>;

/** State leaves before each step of a range, stacked. */
export interface Kept {
  readonly range: Range;
  readonly tensors: Buffers;
}

/** Value and gradient of the outer loss at the end of training. */
export interface Outer {
  readonly value: number;
  /** ∂f/∂λ at fixed weights, in unconstrained coordinates. */
  readonly direct: Point;
  /** ∇w f, where the sweep begins, and its squared norm. */
  readonly adjoint: Buffers;
  readonly squaredNorm: number;
}

export interface Swept {
  /** df/dλ in unconstrained coordinates, direct part included. */
  readonly gradient: Point;
  /** max over the sweep of ‖dw_t‖ / ‖dw_T‖. */
  readonly growth: number;
}

/** A compiled adjoint sweep along one kind of path. */
export interface Sweep {
  /** State leaves and products that it reads at every step, from tables named `stored/NAME`. */
  readonly reads: readonly string[];
  /**
   * Runs over the steps of the path, last first.
   * @param tensors the path's tensors for a run of steps
   * @param ranges the runs that tables are cut into; any, where left out
   */
  run(outer: Outer, tensors: PathTensors, ranges?: readonly Range[]): Promise<Swept>;
}

/**
 * A problem on an engine: it trains, differentiates the end of training, and sweeps back along a path. Methods are control
 * flow over this, and know nothing else.
 */
export interface Rollout {
  readonly steps: number;
  readonly leaves: readonly StateLeaf[];
  readonly hypers: readonly HyperTensor[];
  readonly point: Point;
  readonly engine: EngineDescription;
  /** Programs that were too large to be compared with the reference interpreter. */
  readonly unverified: readonly string[];
  /** The same compiled programs at another point. */
  at(point: Point): Rollout;
  /** The state before training. */
  start(): Promise<Buffers>;
  /**
   * All training steps. The start is left alone.
   * @param keep names of state leaves and products to keep before every step
   * @throws DrmadError non-finite where a weight stops being a finite number
   */
  train(start: Buffers, keep?: readonly string[]): Promise<{ readonly final: Buffers; readonly kept: readonly Kept[] }>;
  /** @throws DrmadError non-finite */
  outer(final: Buffers): Promise<Outer>;
  evaluate(final: Buffers, split: SplitName): Promise<Readonly<Record<string, number>>>;
  /** @throws DrmadError unsupported where the path cannot give what the sweep needs */
  sweep(path: Path): Promise<Sweep>;
  load(array: NdArray): Promise<Buffer>;
  read(buffer: Buffer): Promise<NdArray>;
  free(...groups: readonly Buffers[]): void;
}

export type RolloutPhase = "compile" | "train" | "backward" | "evaluate";

export interface RolloutOptions {
  readonly onProgress?: (phase: RolloutPhase, done: number, total: number) => void;
  /** Heeded between chunks of steps: what runs then throws DrmadError cancelled. */
  readonly signal?: AbortSignal;
  /** Skips the comparison of newly compiled steps with the reference interpreter. */
  readonly trustEngine?: boolean;
}
