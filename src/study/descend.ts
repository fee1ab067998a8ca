import { isDue } from "./measure.ts";
import { leavingWarnings } from "./leaving.ts";
import { measure, warnOfUncompared, type Running } from "./running.ts";
import { stopOf, type Stop } from "./stop.ts";

/** Why the outer loop ended, and whether it may go on another time. */
export interface Descent {
  readonly stop: Stop;
  readonly pause: boolean;
}

/**
 * Makes outer steps until the loop or the time says stop.
 * @param reaches hears the number of every step before it is made
 * @throws DrmadError where there is no result to keep: whatever ends the first step, and what is a mistake
 */
export async function descend(
  running: Running,
  elapsed: () => number,
  reaches: (step: number) => void,
): Promise<Descent> {
  const { session, settings, options, plan, loop, progress, evaluate } = running;
  const due = (step: number): boolean =>
    plan !== undefined && step < settings.outerSteps && isDue(plan, progress.state, step);
  const begun = progress.state;
  const kept = begun.steps.length;
  try {
    // Where an interruption fell between a step and its measurement.
    if (begun.last !== undefined && due(kept - 1)) await measure(running, begun.last.point, kept - 1);
    for (;;) {
      const { state } = progress;
      const next = loop.ask(state);
      if ("stop" in next) return { ...next, pause: false };
      if (options.seconds !== undefined && state.steps.length > kept && elapsed() >= options.seconds)
        return { stop: { reason: "budget", detail: `${options.seconds} seconds are over` }, pause: true };
      const { step, at } = next;
      reaches(step);
      const left = leavingWarnings(session.problem, at.point, step, state.left);
      if (left.length > 0) await progress.commit(...left);
      const isBest = (loss: number): boolean => step === 0 || loss < state.steps[state.best]!.valid.loss;
      const { found, first } = await evaluate.at(at.point, step, isBest);
      await progress.commit(...loop.tell(progress.state, next, found));
      await warnOfUncompared(running);
      if (due(step)) await measure(running, at.point, step, first);
    }
  } catch (error) {
    const stop = stopOf(error);
    if (stop === undefined || progress.state.steps.length === 0) throw error;
    return { stop, pause: stop.reason === "cancelled" };
  }
}
