import type { ImageShape, NdArray } from "../data/dataset.ts";
import type { FidelityReport } from "../hypergradient/fidelity.ts";
import type { Chosen } from "../hypergradient/method.ts";
import type { Phase } from "../rollout/rollout.ts";
import type { FidelityPlan } from "./fidelity.ts";
import type { ParameterInfo, TensorInfo } from "./tensor-info.ts";

/** The loss, and every metric of the experiment by its name (for example `error`, a fraction). */
export type Metrics = { readonly loss: number; readonly [metric: string]: number };

/**
 * What one outer step saw: a whole training run with the hyperparameters of that step, and their hypergradient. Where there
 * are several seeds, there is a training for each: losses, metrics and the hypergradient are means, the growth is the largest.
 */
export interface StepRecord {
  /** 0 is the untuned start. */
  readonly step: number;
  /** Its loss is the outer loss (`valid.loss`) on the training rows, without the penalties of `train.loss`. */
  readonly train: Metrics;
  readonly valid: Metrics;
  /** `valid.prior` at these hyperparameters, in no loss; absent where the experiment has none. */
  readonly prior?: number;
  /** Standard error of the mean of the validation loss over seeds; absent where there is one. */
  readonly validStandardError?: number;
  /** Present only when the diagnostic test curve was asked for, and finite; it never chooses anything. */
  readonly test?: Metrics;
  /** Euclidean norms over all unconstrained hyperparameters; absent at the last step, where none is computed. */
  readonly gradientNorm?: number;
  readonly directNorm?: number;
  /** max over t of the norm of the adjoint in the weights, divided by its norm at the end of training. */
  readonly growth?: number;
  /** The training step at which it passed a thousand, going back; absent where it did not. */
  readonly growthPassedAt?: number;
  /** Whether growth passed a thousand, so that the hypergradient is chaotic; absent where none is computed. */
  readonly chaotic?: boolean;
  /** Whether the optimiser clipped the hypergradient; absent where it never does, and at the last step. */
  readonly clipped?: boolean;
  /** Of the first seed; where a study is kept and the method does not train in fixed point. */
  readonly inner?: InnerCurve;
  readonly seconds: number;
}

/** How training went: means of `train.loss`, on the minibatches and before their updates, over windows of equally many steps. */
export interface InnerCurve {
  /** The middle of each window, in steps. */
  readonly at: readonly number[];
  readonly loss: readonly number[];
}

/** Where a hypergradient was first found to be chaotic. */
export interface Chaos {
  readonly outerStep: number;
  readonly growth: number;
  readonly growthPassedAt?: number;
}

export interface Warning {
  readonly message: string;
  /** Comes once, at the first chaotic hypergradient, before anything is moved by it. */
  readonly chaos?: Chaos;
  /** Comes once: programs that were too large to be compared with the reference interpreter. */
  readonly uncompared?: readonly string[];
  /** The outer step whose fidelity could not be measured. */
  readonly unmeasured?: number;
  /** Comes once for each: a hyperparameter's tensor that has left its domain. */
  readonly left?: string;
}

/** How far the method was from the exact hypergradient at an outer step, with the first seed. */
export type StepFidelity = { readonly step: number } & FidelityReport;

/**
 * `budget`: all outer steps are done, or the seconds are over. `plateau`: too many steps without a better validation loss.
 * `non-finite`: a run diverged. `not-stationary`, `not-converged`: an implicit method refused. `invalid-experiment`: no
 * loss, but a metric was not finite. `chaotic`: a hypergradient was, and `onChaos` says stop. `cancelled`: the caller's signal.
 */
export type StopReason =
  | "budget"
  | "plateau"
  | "non-finite"
  | "not-stationary"
  | "not-converged"
  | "invalid-experiment"
  | "chaotic"
  | "cancelled";

/** What a method or an optimiser was made with. */
export type Settings = Readonly<Record<string, string | number | boolean>>;

export interface StartInfo {
  readonly experiment: string;
  /** The first, where there are several. */
  readonly seed: number;
  /** Present where trainings under several seeds are averaged at every step. */
  readonly seeds?: readonly number[];
  readonly method: string;
  readonly optimizer: string;
  /** Absent for one that does not tell its settings, and in studies of a drmad that did not keep them. */
  readonly methodSettings?: Settings;
  readonly optimizerSettings?: Settings;
  readonly engine: string;
  readonly precision: "float32" | "float64";
  readonly threads: number;
  readonly weights: number;
  /** Number of tuned hyperparameters, and of each named one. */
  readonly hyperparameters: number;
  readonly groups: Readonly<Record<string, number>>;
  readonly innerSteps: number;
  /** Rows of a minibatch: all training rows where training has none. */
  readonly batch?: number;
  readonly outerSteps: number;
  /** Rows of each split. */
  readonly rows: Readonly<Record<string, number>>;
  /** What is tuned, and the weights that are trained; absent in studies of a drmad that did not keep it. */
  readonly tensors?: readonly TensorInfo[];
  readonly parameters?: readonly ParameterInfo[];
  /** How a row of the data folds back into a picture, where the data says so. */
  readonly image?: ImageShape;
  /** Present where fidelity is measured. */
  readonly fidelityPlan?: FidelityPlan;
  /** Present where a kept study goes on: the outer step that it goes on with. */
  readonly resumedAt?: number;
}

export interface TuneResult extends StartInfo {
  /** From a method that chooses another: its last choice. */
  readonly chosen?: Chosen;
  readonly steps: readonly StepRecord[];
  /** Index into `steps` of the lowest validation loss: the chosen result. */
  readonly best: number;
  readonly stop: StopReason;
  /** One sentence more about the stop, where there is something to say. */
  readonly stopDetail?: string;
  /** Test metrics at the untuned start and at the chosen result. Absent without a test split, or where one is not finite. */
  readonly test?: { readonly start: Metrics; readonly tuned: Metrics };
  /** In order of measurement, the chosen result's last; present where fidelity was asked for. */
  readonly fidelity?: readonly StepFidelity[];
  readonly seconds: number;
  /** Tuned hyperparameters at the chosen result, natural values, by name. */
  readonly values: Readonly<Record<string, NdArray>>;
}

/** From which step of which study another one goes on, and what is not as it was there. */
export interface ForkInfo {
  readonly of: string;
  readonly step: number;
  /** As JSON. */
  readonly changes: readonly { readonly what: string; readonly was: string; readonly is: string }[];
  /** Whether the steps before it are steps of this study too: what was measured is comparable. Else it is its first. */
  readonly goesOn: boolean;
  /** Whether the optimiser goes on with the state that it had, or begins with none. */
  readonly optimizerState: "kept" | "new";
}

/** Everything a study tells while it runs, in order: one start, any number of the others, one result. */
export type TuneEvent =
  | ({ readonly type: "start" } & StartInfo)
  | {
      readonly type: "progress";
      readonly outerStep: number;
      readonly phase: Phase;
      readonly done: number;
      readonly total: number;
    }
  | ({ readonly type: "step"; readonly best: boolean } & StepRecord)
  /** At the first outer step, and at every later one where the choice is another. */
  | ({ readonly type: "chosen"; readonly outerStep: number } & Chosen)
  | ({ readonly type: "fidelity" } & StepFidelity)
  | ({ readonly type: "warning" } & Warning)
  /** Once, as a kept study begins: the room that it takes, in bytes, if all of its steps run. */
  | {
      readonly type: "forecast";
      readonly keep: string;
      readonly steps: number;
      readonly bytesPerStep: number;
      readonly bytes: number;
      readonly free?: number;
    }
  /** Once, after the start, in a kept study that goes on: from which outer step, how old it is, and the seconds it took so far. */
  | {
      readonly type: "resumed";
      readonly name: string;
      readonly at: number;
      readonly outerSteps: number;
      /** ISO 8601, as is `last`: when its last step was kept, or it was begun where it has none. */
      readonly begun: string;
      readonly last: string;
      readonly seconds: number;
    }
  /** Once, after the start, in a study that goes on from another. */
  | ({ readonly type: "fork" } & ForkInfo)
  | ({ readonly type: "result" } & TuneResult);
