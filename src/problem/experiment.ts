import type { Dataset, NdArray, SplitOf } from "../data/dataset.ts";
import type { Dynamics } from "../dynamics/dynamics.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Tree } from "../tensor/tree.ts";
import type { Hyper, HypersOf } from "./hyper.ts";
import type { TensorsOf } from "./parameter.ts";

/** A split as a loss sees it. */
export type BatchOf<S> = { readonly [K in keyof S]: S[K] extends NdArray ? Tensor : never };

export type Loss<P, H, S> = (w: TensorsOf<P>, h: HypersOf<H, P>, batch: BatchOf<S>) => Tensor;

export interface TrainSpec<P, H, S> {
  /** The inner loss L(w, λ, batch): a scalar. Per-step hyperparameters have their value at the step. */
  readonly loss: Loss<P, H, S>;
  /** How training moves; a function of the hyperparameters (of the step, where they are per step) to tune its settings. */
  readonly dynamics: Dynamics | ((h: HypersOf<H, P>) => Dynamics);
  /** Training steps T. */
  readonly steps: number;
  /** Rows of a minibatch; the whole training set where left out. */
  readonly batch?: number;
  /** Rows of the minibatch of a step, instead of epochs in random order. A pure function. */
  readonly rows?: (t: number, seed: number) => Int32Array;
}

/** Everything a run depends on. `outer` and `method` are defaults that callers may replace. */
export interface ExperimentSpec<P, H, S extends SplitOf<S>> {
  readonly name?: string;
  readonly data: Dataset<S> | ((seed: number) => Dataset<S> | Promise<Dataset<S>>);
  readonly params: P;
  readonly hyper: H;
  /**
   * Initial weights, nested like `params`, as a function of the drawn ones and the hyperparameters; the drawn ones where
   * left out.
   */
  readonly initial?: (w: TensorsOf<P>, h: HypersOf<H, P>) => Tree<Tensor> | TensorsOf<P>;
  readonly train: TrainSpec<P, H, S>;
  /** The outer loss f(w, λ) on the validation split: a scalar. Per-step hyperparameters have a leading axis of steps. */
  readonly valid: {
    readonly loss: Loss<P, H, S>;
    /**
     * A term of the outer objective that sees no data: a scalar p(λ) of the natural hyperparameters, per-step ones with a
     * leading axis of steps. Tuning follows the gradient of f(w_T, λ) + p(λ), so that with f the mean negative log likelihood
     * of n validation rows and p = −log(density of λ) / n, in nats a row, it goes towards the most probable λ. The density is
     * that of the natural value, without a Jacobian of the transform; for one of u = log λ, write it with `ops.log`.
     *
     * It is reported beside the validation loss, never in it, and chooses no step: the result is the step with the lowest
     * validation loss.
     */
    readonly prior?: (h: HypersOf<H, P>) => Tensor;
  };
  /** Scalars reported on every split. */
  readonly metrics?: Readonly<Record<string, Loss<P, H, S>>>;
}

const MARK: unique symbol = Symbol.for("drmad.experiment") as never;

type AnyLoss = (w: unknown, h: unknown, batch: unknown) => Tensor;

/** An experiment's parts with their types forgotten, once the compiler has checked that they fit together. */
export interface AnySpec {
  readonly name?: string;
  readonly data: Dataset | ((seed: number) => Dataset | Promise<Dataset>);
  readonly params: unknown;
  readonly hyper: Readonly<Record<string, Hyper>>;
  readonly initial?: (w: unknown, h: unknown) => unknown;
  readonly train: {
    readonly loss: AnyLoss;
    readonly dynamics: Dynamics | ((h: unknown) => Dynamics);
    readonly steps: number;
    readonly batch?: number;
    readonly rows?: (t: number, seed: number) => Int32Array;
  };
  readonly valid: { readonly loss: AnyLoss; readonly prior?: (h: unknown) => Tensor };
  readonly metrics?: Readonly<Record<string, AnyLoss>>;
}

/** Recognised across copies of the package by its mark. `O` are its defaults for whoever runs it. */
export interface Experiment<O = unknown> {
  readonly [MARK]: true;
  readonly spec: AnySpec;
  readonly options: O;
}

export const isExperiment = (value: unknown): value is Experiment =>
  typeof value === "object" && value !== null && (value as Partial<Record<typeof MARK, unknown>>)[MARK] === true;

export const makeExperiment = <O>(spec: AnySpec, options: O): Experiment<O> => ({ [MARK]: true, spec, options });
