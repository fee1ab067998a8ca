import type { Point } from "../data/point.ts";
import type { Given } from "../hypergradient/fidelity.ts";
import type { Method } from "../hypergradient/method.ts";
import { allAt, type SeedRun } from "./average.ts";
import type { Evaluator } from "./evaluate.ts";
import type { StartInfo, TuneEvent } from "./events.ts";
import type { FidelityPlan } from "./fidelity.ts";
import type { Progress } from "./journal.ts";
import type { Loop } from "./loop.ts";
import { measurement } from "./measure.ts";
import { uncompared, type Session } from "./session.ts";
import type { Settings, TuneOptions } from "./settings.ts";

/** A study while it runs: what its beginning, its outer loop and its end have in common. */
export interface Running {
  readonly options: TuneOptions;
  readonly settings: Settings;
  readonly session: Session;
  /** The experiment under each seed, at its starting hyperparameters. */
  readonly runs: readonly SeedRun[];
  readonly info: StartInfo;
  /** Undefined where no fidelity is to be measured. */
  readonly plan: FidelityPlan | undefined;
  readonly loop: Loop;
  readonly progress: Progress;
  readonly evaluate: Evaluator;
  readonly methodAt: (step: number, run: number) => Method;
  readonly emit: (event: TuneEvent) => void;
}

/** Measures the method of a step with the first seed, and keeps what came out. */
export async function measure(
  { runs, methodAt, progress }: Running,
  point: Point,
  step: number,
  given?: Given,
): Promise<void> {
  await progress.commit(await measurement(allAt(runs, point)[0]!.rollout, methodAt(step, 0), step, given));
}

/** Tells once of programs that the engine ran uncompared. */
export async function warnOfUncompared({ session, progress }: Running): Promise<void> {
  const { unverified } = session.rollout;
  if (progress.state.warnedOfUncompared || unverified.length === 0) return;
  await progress.commit({ type: "warning", message: uncompared(unverified), uncompared: unverified });
}
