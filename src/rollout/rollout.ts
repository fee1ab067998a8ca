import type { NdArray } from "../data/dataset.ts";
import type { Buffer, EngineDescription, Information, Range } from "../engine/engine.ts";
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
   * The hypergradient.
   * @param reachesStart whether the sweep came to the first step, so that the adjoint flows on into the initial state
   */
  finish(reachesStart: boolean): Promise<Swept>;
  /** Frees what is held, instead of finishing. */
  abandon(): void;
}

/** Momentum training in exact arithmetic, with its decay rounded to a multiple of 2⁻¹⁶ wherever it is used. */
export interface Reversal {
  /** As the rollout's own sweep, of the training that is made here. */
  sweep(path: Path): Promise<Sweep>;
  /**
   * All training steps from the weights given, which are left alone; velocities start at 0.
   * @throws DrmadError unsupported where a decay is not between 0 and 1, or a number leaves the range of fixed point; non-finite
   */
  train(from: Buffers): Promise<Reversed>;
}

/** A training run that can be taken back. */
export interface Reversed {
  readonly final: Buffers;
  /** What is kept for the way back, now. */
  information(): Promise<Information>;
  /**
   * Takes all steps back, and gives what `keep` names as it was before them, by runs of steps, last first. A run's tensors
   * last until the next is asked for.
   * @throws DrmadError engine-disagrees where the first state does not come back bit for bit
   */
  back(keep: readonly string[]): AsyncIterable<Kept>;
  /** Frees what is kept and restored, and not the final state. */
  end(): void;
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
  /** @throws DrmadError unsupported for other dynamics than momentum */
  reversal(): Reversal;
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
