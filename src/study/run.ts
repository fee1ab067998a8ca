import { DrmadError } from "../errors.ts";
import { atDraw } from "../hypergradient/method.ts";
import type { Experiment } from "../problem/experiment.ts";
import { openSeeds } from "./average.ts";
import { beginStudy } from "./begin.ts";
import { chaosAdvice } from "./chaos.ts";
import { descend } from "./descend.ts";
import { endStudy } from "./end.ts";
import { evaluator } from "./evaluate.ts";
import type { TuneResult } from "./events.ts";
import { fidelityPlan } from "./fidelity.ts";
import { lossListener } from "./inner.ts";
import { openProgress, type Journal } from "./journal.ts";
import { outerLoop } from "./loop.ts";
import type { Running } from "./running.ts";
import { openSession, requireExperiment } from "./session.ts";
import { settingsOf, type TuneOptions } from "./settings.ts";
import { startInfo } from "./start-info.ts";

/** Tunes an experiment, and keeps in a journal, where there is one, all that going on from any point takes; see `tune`. */
export async function runStudy(
  experiment: Experiment,
  options: TuneOptions = {},
  journal?: Journal,
): Promise<TuneResult> {
  const begin = performance.now();
  const elapsed = (): number => (performance.now() - begin) / 1000;
  requireExperiment(experiment);
  const settings = settingsOf(experiment, options);
  const { method, optimizer, outerSteps, patience } = settings;
  const emit = options.onEvent ?? (() => undefined);
  const seeds = options.seeds ?? [options.seed ?? 0];
  const { testCurve = false, fidelity = false, onChaos = "continue" } = options;
  let outerStep = journal?.from?.steps.length ?? 0;
  const losses = lossListener();
  const session = await openSession(experiment, {
    ...options,
    seed: seeds[0]!,
    onProgress: (phase, done, total) => emit({ type: "progress", outerStep, phase, done, total }),
    // Costs a few per cent of an outer step, and is looked at only where a study is kept.
    ...(journal && { onLosses: losses.hear }),
  });
  try {
    const { problem, rollout } = session;
    const runs = await openSeeds(session, seeds);
    if (testCurve && problem.data.test === undefined) {
      throw new DrmadError("invalid-argument", "a test curve was asked for, but the experiment has no test split", {
        hint: "Leave testCurve out, or give the experiment's data a test split.",
      });
    }
    const plan = fidelity === false || method.exact ? undefined : fidelityPlan(rollout, fidelity);
    const info = { ...startInfo(runs, settings), ...(plan === undefined ? {} : { fidelityPlan: plan }) };
    const progress = openProgress(problem, journal, emit);
    const methodAt: Running["methodAt"] = (step, run) => atDraw(method, step * seeds.length + run);
    const running: Running = {
      options,
      settings,
      session,
      runs,
      info,
      plan,
      loop: outerLoop({
        optimizer,
        outerSteps,
        patience,
        onChaos,
        advice: (chosen, at) => chaosAdvice(chosen ?? method, problem.steps, at),
      }),
      progress,
      evaluate: evaluator({
        runs,
        methodAt: (step, run) => (step === outerSteps ? undefined : methodAt(step, run)),
        testCurve,
        losses,
        warn: (message) => progress.commit({ type: "warning", message }),
      }),
      methodAt,
      emit,
    };
    await beginStudy(running, journal);
    // Of the study so far, in whatever processes: a fork that goes on has the steps of another.
    const before = progress.state.steps.reduce((sum, { seconds }) => sum + seconds, 0);
    const descent = await descend(running, elapsed, (step) => (outerStep = step));
    return await endStudy(running, descent, { isKept: journal !== undefined, seconds: () => before + elapsed() });
  } finally {
    await session.close();
  }
}
