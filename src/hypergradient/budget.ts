import type { Chosen, Method } from "./method.ts";

export interface Budget {
  /** For what a method keeps of training, beyond what plain training holds; 1 MB is 10⁶ bytes. */
  readonly megabytes: number;
  /** At most this multiple of plain training; without it any. */
  readonly time?: number;
}

/** What decides the cost of exact methods. Bytes as the engine holds them. */
export interface SizesForExact {
  /** Training steps T. */
  readonly steps: number;
  readonly stateBytes: number;
  /** What the sweep along the true trajectory reads of a step. */
  readonly stepBytes: number;
  /** The weights in int8. */
  readonly snapshotBytes: number;
  /** Hyperparameters, counted one by one. */
  readonly coordinates: number;
  /** What `reversible` holds; absent where it does not apply, or where that was not asked. */
  readonly reversibleBytes?: number;
}

export interface Sizes extends SizesForExact {
  /** What the sweep along packed states reads of a step. */
  readonly packed: { readonly float16: number; readonly int8: number };
}

export interface Plan extends Chosen {
  readonly method: Method;
}

/** What there is. */
export interface Limits {
  readonly bytes: number;
  readonly time: number;
}

/** A method as it fits within limits, as good as can be; undefined where it does not. */
export type Candidate<S extends SizesForExact = Sizes> = (sizes: S, limits: Limits) => Plan | undefined;
