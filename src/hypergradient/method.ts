import type { Point } from "../data/point.ts";
import type { Buffers, Rollout } from "../rollout/rollout.ts";

/** What a method that chooses another has chosen. */
export interface Chosen {
  /** The chosen method's. */
  readonly name: string;
  readonly exact: boolean;
  /** What it keeps of training, beyond what plain training holds. */
  readonly megabytes: number;
  /** Its time as a multiple of plain training, as reckoned beforehand. */
  readonly timeFactor: number;
  /** Why it was chosen: a clause. */
  readonly why: string;
}

/** A hypergradient at one point. Gradients are with respect to unconstrained coordinates. */
export interface Hypergradient {
  /** The outer loss f(w_T, λ). */
  readonly value: number;
  /** df/dλ, by hyperparameter tensor. */
  readonly gradient: Point;
  /** ∂f/∂λ at fixed weights: the part that needs no differentiation through training. */
  readonly direct: Point;
  /** Of every number of the gradient, where that is a mean of independent draws, two at least: its standard error. */
  readonly standardError?: Point;
  /** max over t of ‖dw_t‖ / ‖dw_T‖; 1 where no adjoint was swept. Large values mean an exploding, useless gradient. */
  readonly growth: number;
  /**
   * The training step at which the adjoint, going back, first passed GROWTH_LIMIT times its size at the end; undefined where
   * it did not, or where none was swept.
   */
  readonly growthPassedAt?: number | undefined;
  /** Training steps that were swept along their exact states after all, where a method falls back to that. */
  readonly replayedSteps?: number;
  /** From a method that chooses another. */
  readonly chosen?: Chosen;
  /** The state after training, still held by the engine; the caller frees it. */
  readonly final: Buffers;
}

/** One setting of a method, as JSON has it; undefined where it was left out and means nothing then. */
export type Setting = string | number | boolean | undefined;

/** A way to compute hypergradients: control flow over a rollout, and nothing else. */
export interface Method {
  readonly name: string;
  /**
   * All that it was made with, defaults filled in: what a kept study lists, and compares before it goes on. A method of one's
   * own that has none is compared by its name alone.
   */
  readonly settings?: Readonly<Record<string, Setting>>;
  /** Whether it always gives the derivative of the run as computed, up to rounding. */
  readonly exact: boolean;
  /** How far, relatively, its gradient may be from that of plain training, where it trains in numbers of its own. */
  readonly near?: number;
  /**
   * The same method, whose next draw is the n-th of its series: for methods that draw at random, so that a study gets the same
   * draws whether it was interrupted or not. A method without it is one whose result depends on the rollout alone.
   */
  fromDraw?(draw: number): Method;
  /** @throws DrmadError non-finite, unsupported, cancelled, engine-disagrees */
  run(rollout: Rollout): Promise<Hypergradient>;
}

/** A method at a place in its series of draws; as it is where it draws nothing. */
export const atDraw = (method: Method, draw: number): Method => method.fromDraw?.(draw) ?? method;
