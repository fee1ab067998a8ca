import type { Point } from "../data/point.ts";
import { DrmadError } from "../errors.ts";
import type { Descent } from "./descend.ts";
import type { TuneResult } from "./events.ts";
import { measure, warnOfUncompared, type Running } from "./running.ts";
import { naturalValues } from "./session.ts";
import { stopOf } from "./stop.ts";

/**
 * Tests the start and the best step, measures the latter where that was asked for, and keeps the result: at a pause only that
 * it stopped.
 * @throws DrmadError cancelled where there is no result yet
 */
export async function endStudy(
  running: Running,
  descent: Descent,
  { isKept, seconds }: { readonly isKept: boolean; readonly seconds: () => number },
): Promise<TuneResult> {
  const { progress, session, info, plan, emit } = running;
  const { best, bestPoint } = progress.state;
  if (bestPoint === undefined)
    throw new DrmadError("cancelled", "stopped before the step that the study was forked from was evaluated again");
  let { stop, pause } = descent;
  let test: TuneResult["test"];
  let missing = "the start and the best step were not tested";
  try {
    test = await testOf(running, descent, bestPoint);
    missing = `the fidelity of step ${best} was not measured`;
    const measured = progress.state.fidelity.some(({ step }) => step === best);
    if (plan !== undefined && stop.reason !== "cancelled" && !measured) await measure(running, bestPoint, best);
  } catch (error) {
    const cancelled = stopOf(error);
    if (cancelled?.reason !== "cancelled") throw error;
    // What is kept can still come to its whole end.
    if (isKept) [stop, pause] = [cancelled, true];
    else await progress.commit({ type: "warning", message: `${missing}: it was interrupted` });
  }
  const { steps, chosen, fidelity } = progress.state;
  const result: TuneResult = {
    ...info,
    ...(chosen === undefined ? {} : { chosen }),
    steps,
    best,
    stop: stop.reason,
    ...(stop.detail === undefined ? {} : { stopDetail: stop.detail }),
    ...(test === undefined ? {} : { test }),
    ...(plan === undefined ? {} : { fidelity }),
    seconds: seconds(),
    values: naturalValues(session.problem, bestPoint),
  };
  if (!pause) await progress.commit({ type: "result", ...result });
  else {
    await progress.commit({ type: "stop", pause, ...stop });
    emit({ type: "result", ...result });
  }
  return result;
}

/** Undefined without a test split, where one is not finite, and where a study that was interrupted would train for it again. */
async function testOf(running: Running, { stop }: Descent, bestPoint: Point): Promise<TuneResult["test"]> {
  const { runs, session, progress, evaluate } = running;
  if (session.problem.data.test === undefined) return undefined;
  if (stop.reason === "cancelled" && !evaluate.holdsBoth()) return undefined;
  const { best, start } = progress.state;
  const begun = await evaluate.test("start", start?.point ?? runs[0]!.rollout.point, 0);
  const tuned = best === 0 ? begun : await evaluate.test("best", bestPoint, best);
  await warnOfUncompared(running);
  return begun && tuned && { start: begun, tuned };
}
