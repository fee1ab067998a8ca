import type { Point } from "../data/point.ts";
import type { Buffer, EngineDescription, HeldArray, Information, Range } from "../engine/engine.ts";
import type { HyperTensor } from "../problem/hyper.ts";
import type { Problem } from "../problem/problem.ts";
import type { HuntOptions } from "./hunt-non-finite.ts";
import type { NonFinite } from "./non-finite.ts";
import type { Path } from "./path.ts";
import type { SplitName } from "./programs.ts";
import type { Packed } from "../tensor/tensor.ts";
import type { StateLeaf } from "./state.ts";

/** Tensors held by the engine, by name. */
export type Buffers = Readonly<Record<string, Buffer>>;

/** State leaves before each step of a range, stacked. */
export interface Kept {
  readonly range: Range;
  readonly tensors: Buffers;
}

export interface TrainOptions {
  readonly range?: Range;
  /** Names of state leaves and products to keep before every step. */
  readonly keep?: readonly string[];
  /** How they are kept; the engine's own precision unless told. Packed int8 come with a table of scales. */
  readonly packed?: Packed;
  /** Snapshots to take on the way. */
  readonly snapshots?: SnapshotOptions;
}

export interface SnapshotOptions {
  /** Steps of a window; a snapshot belongs to each. */
  readonly every: number;
  /** The weights after each window, or their mean over the window's steps, each before its step. */
  readonly of: "points" | "means";
  readonly packed?: Packed | undefined;
}

/** Weights, and slots that do not follow from them, at a time of training counted in steps; on the host. */
export interface Snapshot {
  readonly time: number;
  /** By name of the weights; packed int8 with their scale. */
  readonly weights: Readonly<Record<string, { readonly array: HeldArray; readonly scale: number | undefined }>>;
  /** The same for slots, which are never packed; none where they follow from the weights. */
  readonly slots: Snapshot["weights"];
}

export interface Trained {
  readonly final: Buffers;
  /** By runs of steps, in order; empty where nothing is kept. */
  readonly kept: readonly Kept[];
  /** In order of time. */
  readonly snapshots: readonly Snapshot[];
}

/** Value and gradient of the outer loss at the end of training, the prior included where there is one. */
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
  /** The first step, going back, whose adjoint had grown beyond GROWTH_LIMIT. */
  readonly growthPassedAt: number | undefined;
}

/** Growth of the adjoint beyond which a hypergradient is called chaotic: on well-behaved runs it stays below a hundred. */
export const GROWTH_LIMIT = 1e3;

/** What the engine keeps of steps in one call lies in one piece, so its bytes bound a run of steps. */
export const CALL_BYTES = 16e6;

/** A compiled adjoint sweep along one kind of path. */
export interface Sweep {
  /** State leaves and products that it reads at every step, from tables named `stored/NAME`. */
  readonly reads: readonly string[];
  /** Begins at the end of training. Consumes the outer adjoint. */
  begin(outer: Outer): Promise<SweepRun>;
  /** Goes on where another path's sweep of the same rollout has come to, and takes it over. */
  resume(run: SweepRun): SweepRun;
}

/** A sweep on its way back. */
export interface SweepRun {
  /**
   * Takes the adjoint back over the steps of a range, last first; ranges follow one another backwards.
   * @param tensors the path's tensors for these steps
   * @param limit growth beyond which the steps are not taken back after all: the adjoint stays what it was
   * @returns whether they were taken back
   * @throws DrmadError non-finite, unsupported, cancelled
   */
  back(range: Range, tensors: Buffers, limit?: number): Promise<boolean>;
  /**
   * The same along training itself, made again from the state before the range, in one call: what is kept of its steps stays
   * inside the engine, so let it be few megabytes. The state is left alone.
   */
  replay(range: Range, from: Buffers): Promise<void>;
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
  /** What another sweep needs to go on. */
  readonly state: object;
}

/** Copies of the weights, merged by how well they do in training. */
export interface Merged {
  /** The outer loss of the merged weights. */
  readonly value: number;
  /** Training losses of the copies. */
  readonly losses: readonly number[];
  /** Its derivative through the merging alone, in unconstrained coordinates. */
  readonly gradient: Point;
}

/**
 * Merges copies of the weights w of a state on the minibatch of a step.
 * @param offsets for each copy, how far it is from w, by the path of the weights
 * @throws DrmadError non-finite
 */
export type Merger = (
  state: Buffers,
  step: number,
  offsets: readonly Readonly<Record<string, Float64Array>>[],
) => Promise<Merged>;

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

/** Momentum training in exact arithmetic, with its decay rounded to a multiple of 2⁻¹⁶ wherever it is used. */
export interface Reversal {
  /** As the rollout's own sweep, of the training that is made here. */
  sweep(path: Path): Promise<Sweep>;
  /**
   * Bytes that a run and its way back hold at most beyond what plain training does, reckoned from the decays at this point.
   * Infinity where a decay is not between 0 and 1.
   * @param keep what the way back gives, as in `back`
   */
  bytes(keep: readonly string[]): Promise<number>;
  /**
   * All training steps from the weights given, which are left alone; velocities start at 0.
   * @throws DrmadError unsupported where a decay is not between 0 and 1; non-finite, also where a number leaves the range of
   * fixed point
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
  keptBytes(keep: readonly string[], packed?: Packed): number;
  readonly hypers: readonly HyperTensor[];
  readonly point: Point;
  readonly engine: EngineDescription;
  /** Programs that were too large to be compared with the reference interpreter. */
  readonly unverified: readonly string[];
  /** The same compiled programs at another point. */
  at(point: Point): Rollout;
  /**
   * The same experiment under another seed, at the same point, on the same engine. Programs are compiled again only where the
   * shapes of its data differ, and data loaded again only where they are others.
   */
  reseeded(problem: Problem): Rollout;
  /** The state before training. */
  start(): Promise<Buffers>;
  /**
   * Training steps: all of them, or those of a range from the state before it. The state given is left alone.
   * @throws DrmadError non-finite where weights are not finite numbers at the end of all steps, and mostly sooner
   */
  train(from: Buffers, options?: TrainOptions): Promise<Trained>;
  /** A training state as a snapshot. */
  snapshot(state: Buffers, time: number, packed?: Packed): Promise<Snapshot>;
  /** @throws DrmadError non-finite */
  outer(final: Buffers): Promise<Outer>;
  /** `train.loss` at a state, on the minibatch of a step. */
  trainingLoss(state: Buffers, step: number): Promise<number>;
  /** What the prior adds to the outer objective at this point; undefined where there is none. */
  prior(): Promise<number | undefined>;
  evaluate(final: Buffers, split: SplitName): Promise<Readonly<Record<string, number>>>;
  /** @throws DrmadError unsupported where the path cannot give what the sweep needs */
  sweep(path: Path): Promise<Sweep>;
  /** @throws DrmadError unsupported for other dynamics than momentum */
  reversal(): Reversal;
  /**
   * A compiled f(Σ p_k (w + ε_k), λ) with p = softmax(−l / temperature), l_k the training loss of copy k.
   * @throws DrmadError unsupported where a hyperparameter is in training but not in its loss
   */
  merger(options: { readonly copies: number; readonly temperature: number }): Promise<Merger>;
  /**
   * Replays a run that stopped being finite, and finds the step and the operation where that began: the run that the error
   * `after` tells of, else the one at this point. Cost: at most about two training runs, and interpreting one step.
   * @returns undefined where the replayed run is finite
   */
  huntNonFinite(options?: HuntOptions & { readonly after?: unknown }): Promise<NonFinite | undefined>;
  /** Compiles training with this many tangents. */
  forward(directions: number): Promise<Forward>;
  /** @throws DrmadError unsupported where a hyperparameter acts on training by other ways than its loss */
  curvature(): Curvature;
  load(array: HeldArray): Promise<Buffer>;
  read(buffer: Buffer): Promise<HeldArray>;
  free(...groups: readonly Buffers[]): void;
}

export type Phase = "compile" | "train" | "backward";

export interface RolloutOptions {
  readonly onProgress?: (phase: Phase, done: number, total: number) => void;
  /** Heeded between chunks of steps: what runs then throws DrmadError cancelled. */
  readonly signal?: AbortSignal;
  /** Skips the comparison of newly compiled steps with the reference interpreter. */
  readonly trustEngine?: boolean;
  /**
   * Told `train.loss` at every step of a run of steps, on the step's minibatch and before its update. Training computes it only
   * where somebody listens. Steps that are made again are told again; training in fixed point tells nothing.
   */
  readonly onLosses?: (from: number, losses: ArrayLike<number>) => void;
}
