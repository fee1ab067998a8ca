import type { NdArray } from "../data/dataset.ts";
import type { Point } from "../data/point.ts";
import type { Chosen } from "../hypergradient/method.ts";
import type { ForkInfo, StartInfo, StepFidelity, StepRecord, TuneEvent, TuneResult, Warning } from "./events.ts";
import type { Stop } from "./stop.ts";

/** Where an outer step begins. */
export interface Position {
  readonly point: Point;
  /** The outer optimiser's own: nested records and lists of numbers and arrays. */
  readonly optimizer: unknown;
}

/** The numbers behind a step's record: where it began, and what the next one is made of. */
export interface Kept extends Position {
  /** The hypergradient there, with the outer loss that it is of; absent at the last step, where none is computed. */
  readonly found?: { readonly gradient: Point; readonly value: number };
}

/** What makes the rest of a study differ: a study goes on only with the same. */
export interface Identity {
  /** A hash of the experiment's data, its traced losses and where it starts. */
  readonly fingerprint: string;
  /** The same for each part of it by name, to say which one is another; absent where an earlier drmad began the study. */
  readonly parts?: Readonly<Record<string, string>>;
  /** A hash of how the optimiser moves; absent where an earlier drmad began the study. */
  readonly update?: string;
  readonly patience: number;
  readonly onChaos: "continue" | "stop";
  readonly testCurve: boolean;
}

/** Training rows as pictures, for whoever looks at hyperparameters that have a value for each of them. */
export interface Examples {
  /** From 0, the least value of all rows, to 255: [rows, height · width]. */
  readonly pixels: NdArray;
  readonly labels?: NdArray;
}

/**
 * What is kept of a study, in order: all that `tune` tells but progress, with the numbers that the next step depends on. A
 * result is there once the study has ended; a stop that pauses leaves it open.
 */
export type StudyEvent =
  | ({
      readonly type: "start";
      readonly identity?: Identity;
      readonly at: Position;
      readonly examples?: Examples;
    } & StartInfo)
  | { readonly type: "resume"; readonly at: number; readonly engine: string }
  /** Where the next step begins, in a study that another one was gone on from; `of` and `step` say from which and where. */
  | ({ readonly type: "fork"; readonly at: Position } & ForkInfo)
  /** `kept` may be left out of all but the best and the last of the steps so far: nothing else depends on it. */
  | ({
      readonly type: "step";
      readonly best: boolean;
      readonly kept?: Kept;
      /** Natural values at the step, for whoever looks. */
      readonly values?: Readonly<Record<string, NdArray>>;
    } & StepRecord)
  | ({ readonly type: "chosen"; readonly outerStep: number } & Chosen)
  | ({ readonly type: "fidelity" } & StepFidelity)
  | ({ readonly type: "warning" } & Warning)
  | ({ readonly type: "stop"; readonly pause: boolean } & Stop)
  | ({ readonly type: "result" } & TuneResult);

/** Everything that the rest of a study depends on, besides the experiment, the method and the optimiser. */
export interface StudyState {
  readonly info?: StartInfo;
  readonly identity?: Identity;
  readonly steps: readonly StepRecord[];
  /** Where the first outer step begins. */
  readonly start?: Position;
  /** Of the last step. */
  readonly last?: Kept;
  /** Where the next step begins, where that does not follow from the last one. */
  readonly next?: Position;
  /** Index into `steps` of the lowest validation loss, and its point. */
  readonly best: number;
  readonly bestPoint?: Point;
  /** The last choice of a method that chooses another. */
  readonly chosen?: Chosen;
  readonly fidelity: readonly StepFidelity[];
  /** Outer steps whose fidelity could not be measured. */
  readonly unmeasured: readonly number[];
  readonly warnedOfChaos: boolean;
  readonly warnedOfUncompared: boolean;
  /** Hyperparameters that were told of as outside their domains. */
  readonly left: readonly string[];
  readonly stop?: Stop;
  readonly result?: TuneResult;
}

export const nothingYet: StudyState = {
  steps: [],
  best: 0,
  fidelity: [],
  unmeasured: [],
  warnedOfChaos: false,
  warnedOfUncompared: false,
  left: [],
};

/** The state after one more event. A study's state is its events, folded from `nothingYet`. */
export function fold(state: StudyState, event: StudyEvent): StudyState {
  switch (event.type) {
    case "start": {
      const { type: _, identity, at, examples: __, ...info } = event;
      return { ...state, info, start: at, ...(identity && { identity }) };
    }
    case "resume": {
      const { stop: _, ...open } = state;
      return open;
    }
    case "fork":
      return { ...state, next: event.at };
    case "step": {
      const { type: _, best, kept, values: _values, ...record } = event;
      const { last: __, next: ___, bestPoint: former, ...rest } = state;
      // The point of the best step, or none: never that of another.
      const bestPoint = best ? kept?.point : former;
      return {
        ...rest,
        steps: [...state.steps, record],
        ...(kept && { last: kept }),
        ...(best && { best: record.step }),
        ...(bestPoint && { bestPoint }),
      };
    }
    case "chosen": {
      const { type: _, outerStep: __, ...chosen } = event;
      return { ...state, chosen };
    }
    case "fidelity": {
      const { type: _, ...measured } = event;
      return { ...state, fidelity: [...state.fidelity, measured] };
    }
    case "warning":
      return {
        ...state,
        warnedOfChaos: state.warnedOfChaos || event.chaos !== undefined,
        warnedOfUncompared: state.warnedOfUncompared || event.uncompared !== undefined,
        unmeasured: event.unmeasured === undefined ? state.unmeasured : [...state.unmeasured, event.unmeasured],
        left: event.left === undefined ? state.left : [...state.left, event.left],
      };
    case "stop": {
      const { type: _, pause: __, ...stop } = event;
      return { ...state, stop };
    }
    case "result": {
      const { type: _, ...result } = event;
      return { ...state, result };
    }
    default:
      // What a later drmad writes may be there; it is kept, and means nothing here.
      return (event satisfies never, state);
  }
}

/** What is told of an event to whoever listens; undefined for what only the log needs. */
export function told(event: StudyEvent): TuneEvent | undefined {
  if (event.type === "resume" || event.type === "stop") return undefined;
  if (event.type === "start") {
    const { identity: _, at: __, examples: ___, ...start } = event;
    return start;
  }
  if (event.type === "fork") {
    const { at: _, ...fork } = event;
    return fork;
  }
  if (event.type !== "step") return event;
  const { kept: _, values: __, ...step } = event;
  return step;
}
