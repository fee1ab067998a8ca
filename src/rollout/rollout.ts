import type { NdArray } from "../data/dataset.ts";
import type { Buffer, EngineDescription, Range } from "../engine/engine.ts";
import type { HyperTensor } from "../problem/hyper.ts";
import type { Path } from "./path.ts";
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

export interface TrainOptions {
  readonly range?: Range;
  /** Names of state leaves and products to keep before every step. */
  readonly keep?: readonly string[];
}

export interface Trained {
  readonly final: Buffers;
  /** By runs of steps, in order; empty where nothing is kept. */
  readonly kept: readonly Kept[];
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
  /** Begins at the end of training. Consumes the outer adjoint. */
  begin(outer: Outer): Promise<SweepRun>;
}

/** A sweep on its way back. */
export interface SweepRun {
  /**
   * Takes the adjoint back over the steps of a range, last first; ranges follow one another backwards.
   * @param tensors the path's tensors for these steps
   * @throws DrmadError non-finite, unsupported, cancelled
   */
  back(range: Range, tensors: Buffers): Promise<void>;
  /**
   * Goes on from another end of training: the adjoint begins anew there, and what has gathered stays. Consumes the outer
   * adjoint; the direct part remains the first one's.
   */
  restart(outer: Outer): Promise<void>;
  /**
   * The hypergradient.
   * @param reachesStart whether the sweep came to the first step, so that the adjoint flows on into the initial state
   */
  finish(reachesStart: boolean): Promise<Swept>;
  /** Frees what is held, instead of finishing. */
  abandon(): void;
}

/** Training with tangents beside the state, compiled for a number of directions at once. */
export interface Forward {
  /**
   * Trains from the start, and carries the derivative of the state along each direction of the hyperparameters, initial
   * weights included. As many directions as it was compiled for.
   * @returns the last state, and its derivative along each direction
   * @throws DrmadError non-finite, cancelled, engine-disagrees
   */
  run(directions: readonly Point[]): Promise<{ readonly final: Buffers; readonly tangents: readonly Buffers[] }>;
}

/**
 * Derivatives of the training loss L on the whole training split, at any state. Vectors run over all weights, tensor after
 * tensor, in float64; products are computed in the engine's precision.
 */
export interface Curvature {
  /**
   * Tells how far a solver is.
   * @throws DrmadError cancelled
   */
  progress(done: number, total: number): void;
  /** The outer adjoint ∇w f as a vector. */
  flat(adjoint: Buffers): Promise<Float64Array>;
  /** H v, with H = ∇²L. */
  product(state: Buffers, vector: Float64Array): Promise<Float64Array>;
  /** ∇L, and ∂λ⟨∇L, v⟩ in unconstrained coordinates. */
  cross(state: Buffers, vector: Float64Array): Promise<{ readonly gradient: Float64Array; readonly mixed: Point }>;
  /**
   * Solves H x = b by the fixed point of the adjoint of the training step on the whole split; see `fixedPointProgram`.
   * It stops where ‖b − H x‖ ≤ tolerance ‖b‖, where it diverges, or after so many iterations.
   */
  fixedPoint(
    state: Buffers,
    right: Float64Array,
    limits: { readonly tolerance: number; readonly iterations: number },
  ): Promise<{ readonly x: Float64Array; readonly iterations: number }>;
}

/**
 * A problem on an engine: it trains, differentiates the end of training, and sweeps back along a path. Methods are control
 * flow over this, and know nothing else.
 */
export interface Rollout {
  readonly steps: number;
  readonly leaves: readonly StateLeaf[];
  /** Bytes of a training state, and of what is kept of one step under the given names. */
  readonly stateBytes: number;
  keptBytes(keep: readonly string[]): number;
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
   * Training steps: all of them, or those of a range from the state before it. The state given is left alone.
   * @throws DrmadError non-finite where a weight stops being a finite number
   */
  train(from: Buffers, options?: TrainOptions): Promise<Trained>;
  /** @throws DrmadError non-finite */
  outer(final: Buffers): Promise<Outer>;
  evaluate(final: Buffers, split: SplitName): Promise<Readonly<Record<string, number>>>;
  /** @throws DrmadError unsupported where the path cannot give what the sweep needs */
  sweep(path: Path): Promise<Sweep>;
  /** Compiles training with this many tangents. */
  forward(directions: number): Promise<Forward>;
  /** @throws DrmadError unsupported where a hyperparameter acts on training by other ways than its loss */
  curvature(): Curvature;
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
