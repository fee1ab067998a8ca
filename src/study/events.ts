import type { ImageShape, NdArray } from "../data/dataset.ts";
import type { FidelityReport } from "../hypergradient/fidelity.ts";
import type { Chosen } from "../hypergradient/method.ts";
import type { Phase } from "../rollout/rollout.ts";
import type { FidelityPlan } from "./fidelity.ts";

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
  /** The training loss on the minibatches while the inner training ran, in means over windows of steps that end at `at`. */
  readonly inner?: { readonly at: readonly number[]; readonly loss: readonly number[] };
  readonly seconds: number;
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

/** A tensor of hyperparameters; its transform by name, such as `log` or `bounds(0, 1)`. */
export interface TunedTensor {
  readonly name: string;
  /** With a leading axis of steps where `perStep`. */
  readonly shape: readonly number[];
  readonly perStep: boolean;
  readonly transform: string;
}

export interface StartInfo {
  readonly experiment: string;
  /** The first, where there are several. */
  readonly seed: number;
  /** Present where trainings under several seeds are averaged at every step. */
  readonly seeds?: readonly number[];
  readonly method: string;
  readonly optimizer: string;
  readonly engine: string;
  readonly precision: "float32" | "float64";
  readonly threads: number;
  readonly weights: number;
  /** Number of tuned hyperparameters, and of each named one. */
  readonly hyperparameters: number;
  readonly groups: Readonly<Record<string, number>>;
  readonly innerSteps: number;
  readonly outerSteps: number;
  /** Rows of each split. */
  readonly rows: Readonly<Record<string, number>>;
  /** The tuned tensors. Studies that were kept by a drmad without it have none, as they have no `image`. */
  readonly tensors?: readonly TunedTensor[];
  /** How a row of the inputs folds back into a picture, where the data says so. */
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
  | ({ readonly type: "result" } & TuneResult);
