import { testRowsWarning } from "./average.ts";
import { keptExamples } from "./examples.ts";
import { forkEvents } from "./fork.ts";
import { identityOf, requireSame } from "./identity.ts";
import type { Journal } from "./journal.ts";
import type { Running } from "./running.ts";
import type { StudyEvent } from "./state.ts";

/** Keeps and tells how a study begins: from the experiment's start, from another study, or where it was left. */
export async function beginStudy(running: Running, journal: Journal | undefined): Promise<void> {
  const { runs, settings, options, info, loop, progress } = running;
  const { problem, rollout } = runs[0]!;
  const at = loop.begin(rollout.point).start!;
  // One piece with the start: an interruption leaves both or neither.
  const cautions = cautionsOf(running);
  if (journal === undefined) return progress.commit({ type: "start", ...info, at }, ...cautions);
  const identity = identityOf(runs, settings, options);
  if (progress.state.info !== undefined) {
    requireSame(progress.state, info, identity, journal.name);
    return goOn(running, progress.state.info.engine);
  }
  const forked = journal.fork && forkEvents(journal.fork, { info, identity, start: at }, settings.optimizer);
  const examples = keptExamples(problem);
  const [first, ...more] = forked ?? [{ type: "start", ...info, identity, at } as const];
  await progress.commit({ ...first!, ...(examples && { examples }) } as StudyEvent, ...cautions, ...more);
}

async function goOn({ info, progress, emit }: Running, engine: string): Promise<void> {
  const at = progress.state.steps.length;
  await progress.commit({ type: "resume", at, engine: info.engine });
  emit({ type: "start", ...info, resumedAt: at });
  if (engine === info.engine) return;
  const message = `the study began on ${engine} and goes on with ${info.engine}: the rest may differ in the last bits`;
  await progress.commit({ type: "warning", message });
}

function cautionsOf({ runs, settings, options, plan }: Running): readonly StudyEvent[] {
  const { outerSteps, optimizer, method } = settings;
  const { coarse = 0 } = optimizer.stages ?? {};
  const sameTest = testRowsWarning(runs);
  const exact = (options.fidelity ?? false) !== false && plan === undefined;
  return [
    ...(coarse >= outerSteps && coarse > 0
      ? [`all ${outerSteps} outer steps are coarse: every number moves by itself from step ${coarse} on`]
      : []),
    ...(sameTest === undefined ? [] : [sameTest]),
    ...(exact ? [`${method.name} is exact: there is no fidelity to measure`] : []),
  ].map((message) => ({ type: "warning", message }));
}
