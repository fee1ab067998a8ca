import type { NdArray } from "../../data/dataset.ts";
import { DrmadError } from "../../errors.ts";
import type { Store, StudySummary } from "../../store/store.ts";
import { timesOf, type StudyTimes } from "../../store/times.ts";
import type { ForkInfo, StartInfo, StepRecord, TuneResult } from "../../study/events.ts";
import { fold, nothingYet, type StudyEvent } from "../../study/state.ts";
import type { TensorInfo } from "../../study/tensor-info.ts";
import type { Figures } from "../tune-summary.ts";

export type Values = Readonly<Record<string, NdArray>>;

/** What is exported: a kept study, or the folder of a run. Figures are at hand, values are read where they are asked for. */
export interface Source {
  readonly name: string;
  readonly info: StartInfo;
  readonly steps: readonly StepRecord[];
  /** Index into `steps` of the lowest validation loss. */
  readonly best: number;
  /** Absent while a study has not ended. */
  readonly result?: Figures;
  readonly chosen?: TuneResult["chosen"];
  readonly fidelity: NonNullable<TuneResult["fidelity"]>;
  readonly warnings: readonly string[];
  /** What a fork goes on from. */
  readonly fork?: ForkInfo;
  /** Of a kept study. */
  readonly times?: StudyTimes;
  readonly summary?: StudySummary;
  /** Natural values at an outer step. */
  valuesAt(step: number): Promise<Values>;
  /** At the untuned start; undefined where only the result is there. */
  start(): Promise<Values | undefined>;
}

/** `best`, `last`, or the number of an outer step. */
export type StepChoice = "best" | "last" | number;

/** @throws DrmadError invalid-argument */
export function stepOf({ best, steps }: Source, choice: StepChoice): number {
  if (choice === "best") return best;
  const last = steps.length - 1;
  if (choice === "last") return last;
  if (choice <= last) return choice;
  throw new DrmadError("invalid-argument", `there is no outer step ${choice}: the last is ${last}`, {
    hint: "Give --step a number from 0, best or last.",
  });
}

/** A study of a store, from its events. @throws DrmadError study-not-found, unsupported for one without an outer step */
export async function studySource(store: Store, name: string): Promise<Source> {
  const summary = await store.get(name);
  const logged = await store.events(name);
  const state = logged.reduce((at, { event }) => fold(at, event), nothingYet);
  const { info, steps, best, result, chosen, fidelity } = state;
  if (info === undefined || steps.length === 0) {
    throw new DrmadError("unsupported", `the study ${JSON.stringify(name)} has no outer step yet`, {
      hint: "There is something to export once its untuned start is trained; drmad show NAME says how far it is.",
    });
  }
  const fork = logged.find(({ event }) => event.type === "fork")?.event;
  const times = timesOf(summary, logged);
  const valuesAt = async (step: number): Promise<Values> => {
    const found = logged.find(({ event }) => event.type === "step" && event.step === step);
    const tensors = found === undefined ? {} : await store.tensors(name, found.sequence);
    const values = valuesIn(tensors);
    if (Object.keys(values).length > 0) return values;
    throw new DrmadError("unsupported", `the values of outer step ${step} of ${JSON.stringify(name)} were not kept`, {
      hint: "Choose another step with --step, or the best one.",
    });
  };
  return {
    name,
    info,
    steps,
    best,
    ...(result && { result }),
    ...(chosen && { chosen }),
    fidelity: result?.fidelity ?? fidelity,
    warnings: logged.flatMap(({ event }) => warningOf(event)),
    ...(fork?.type === "fork" && { fork: withoutPoint(fork) }),
    ...(times && { times }),
    summary,
    valuesAt,
    start: () => valuesAt(0),
  };
}

function withoutPoint(event: Extract<StudyEvent, { readonly type: "fork" }>): ForkInfo {
  const { type: _, at: __, ...fork } = event;
  return fork;
}

const warningOf = (event: StudyEvent): readonly string[] => (event.type === "warning" ? [event.message] : []);

const VALUES = "values/";

/** Natural values among the arrays of a kept step, by the names of the hyperparameters. */
const valuesIn = (tensors: Values): Values =>
  Object.fromEntries(
    Object.entries(tensors).flatMap(([path, array]) =>
      path.startsWith(VALUES)
        ? [[path.slice(VALUES.length).replaceAll("~1", "/").replaceAll("~0", "~"), array] as const]
        : [],
    ),
  );

/** What is known of each tensor; of studies that an older drmad kept, only names and shapes are. */
export const tensorsOf = ({ info }: Source, values: Values): readonly TensorInfo[] =>
  info.tensors ??
  Object.entries(values).map(([name, { shape }]) => ({ name, shape, perStep: false, transform: "unknown" }));
