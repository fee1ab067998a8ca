import type { Point } from "../data/point.ts";
import { DrmadError } from "../errors.ts";
import { measureFidelity, type Given } from "../hypergradient/fidelity.ts";
import { atDraw, type Hypergradient, type Method } from "../hypergradient/method.ts";
import type { Experiment } from "../problem/experiment.ts";
import type { Buffers, Rollout } from "../rollout/rollout.ts";
import {
  allAt,
  meanHypergradient,
  meanMetrics,
  onEach,
  openSeeds,
  testRowsWarning,
  trainEach,
  type SeedRun,
} from "./average.ts";
import { chaosAdvice } from "./chaos.ts";
import type { Metrics, StartInfo, TuneResult } from "./events.ts";
import { requireFiniteLoss } from "./checked.ts";
import { keptExamples } from "./examples.ts";
import { fidelityPlan, isMeasured } from "./fidelity.ts";
import { called, notFinite, requireFiniteMetrics, requireFinitePrior } from "./finite.ts";
import { forkEvents, type Fork } from "./fork.ts";
import { identityOf, requireSame } from "./identity.ts";
import { gatherCurve } from "./inner.ts";
import { leavingWarnings } from "./leaving.ts";
import { outerLoop, type Told } from "./loop.ts";
import { naturalValues, openSession, requireExperiment, uncompared } from "./session.ts";
import { settingsOf, type TuneOptions } from "./settings.ts";
import { startInfo } from "./start-info.ts";
import { fold, nothingYet, told, type StudyEvent, type StudyState } from "./state.ts";
import { standardError } from "./statistics.ts";
import { stopOf, type Stop } from "./stop.ts";

/** Where a study is kept while it runs. */
export interface Journal {
  /** What is kept already; undefined for a study that begins. */
  readonly from?: StudyState | undefined;
  /** What a study that begins is gone on from. */
  readonly fork?: Fork | undefined;
  /** What the study is called, for errors. */
  readonly name?: string;
  /** Once it resolves, all of the events are safe; if it fails, none of them is. */
  append(events: readonly StudyEvent[]): Promise<void>;
}

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
  const emit = options.onEvent ?? (() => undefined);
  const { outerSteps } = settings;
  let state: StudyState = journal?.from ?? nothingYet;
  let outerStep = state.steps.length;
  /** Of the study so far, in whatever processes. */
  const before = secondsOf(state.steps) + secondsOf(journal?.fork?.before ?? []);
  const seeds = options.seeds ?? [options.seed ?? 0];
  /** While the first seed of an outer step trains. */
  let inner: ReturnType<typeof gatherCurve> | undefined;
  const session = await openSession(experiment, {
    ...options,
    seed: seeds[0]!,
    onProgress: (phase, done, total) => emit({ type: "progress", outerStep, phase, done, total }),
    // Costs a few per cent of an outer step, and is looked at only where a study is kept.
    ...(journal && { onLosses: (from: number, losses: ArrayLike<number>) => inner?.add(from, losses) }),
  });
  try {
    const { problem } = session;
    const start = await openSeeds(session, seeds);
    if (options.testCurve === true && problem.data.test === undefined) {
      throw new DrmadError("invalid-argument", "a test curve was asked for, but the experiment has no test split", {
        hint: "Leave testCurve out, or give the experiment's data a test split.",
      });
    }
    const asked = options.fidelity ?? false;
    const plan = asked === false || settings.method.exact ? undefined : fidelityPlan(session.rollout, asked);
    const info: StartInfo = {
      ...startInfo(start, settings),
      ...(plan === undefined ? {} : { fidelityPlan: plan }),
    };
    const loop = outerLoop({
      optimizer: settings.optimizer,
      outerSteps,
      patience: settings.patience,
      onChaos: options.onChaos ?? "continue",
      advice: (chosen, at) => chaosAdvice(chosen ?? settings.method, problem.steps, at),
    });

    /** Nothing is told before it is kept. */
    const commit = async (...events: readonly StudyEvent[]): Promise<void> => {
      await journal?.append(events.map(withValues));
      state = events.reduce(fold, state);
      for (const event of events) {
        const known = told(event);
        if (known !== undefined) emit(known);
      }
    };
    const withValues = (event: StudyEvent): StudyEvent =>
      event.type === "step" && event.kept ? { ...event, values: naturalValues(problem, event.kept.point) } : event;
    const methodAt = (step: number, i: number): Method => atDraw(settings.method, step * seeds.length + i);

    const metrics = async (at: readonly SeedRun[], finals: readonly Buffers[], split: "train" | "valid") =>
      onEach(at, async (rollout, i) => {
        const found = (await rollout.evaluate(finals[i]!, split)) as Metrics;
        requireFiniteMetrics(found, split, outerStep);
        return found;
      });

    /** Test metrics choose nothing, so where they are not finite the run goes on without them. */
    const testMetrics = async (
      at: readonly SeedRun[],
      finals: readonly Buffers[],
      step: number,
    ): Promise<Metrics | undefined> => {
      const found = meanMetrics(
        await onEach(at, async (rollout, i) => (await rollout.evaluate(finals[i]!, "test")) as Metrics),
      );
      const bad = notFinite(found);
      if (bad === undefined) return found;
      const message = `${called(bad[0])} is ${bad[1]} on the test split at step ${step}: its test metrics are left out`;
      await commit({ type: "warning", message });
      return undefined;
    };

    /** With the first seed. It only measures: where that fails, the run goes on without. */
    const measure = async (at: readonly SeedRun[], step: number, given?: Given): Promise<void> => {
      const event = await measureFidelity(at[0]!.rollout, methodAt(step, 0), { given }).then(
        (report): StudyEvent => ({ type: "fidelity", step, ...report }),
        (error: unknown): StudyEvent => {
          if (!(error instanceof DrmadError) || error.code === "cancelled") throw error;
          const message = `the fidelity of step ${step} could not be measured: ${error.message}`;
          return { type: "warning", message, unmeasured: step };
        },
      );
      await commit(event);
    };
    const isDue = (step: number): boolean =>
      plan !== undefined &&
      step < outerSteps &&
      isMeasured(plan, step) &&
      !state.unmeasured.includes(step) &&
      !state.fidelity.some((each) => each.step === step);

    const warnOfUncompared = async (): Promise<void> => {
      const { unverified } = session.rollout;
      if (state.warnedOfUncompared || unverified.length === 0) return;
      await commit({ type: "warning", message: uncompared(unverified), uncompared: unverified });
    };

    /** What training left at the start and at the best step so far, for their test metrics. */
    const held = new Map<"start" | "best", readonly Buffers[]>();
    const hold = (name: "start" | "best", finals: readonly Buffers[]): void => {
      const former = held.get(name);
      held.set(name, finals);
      if (former !== undefined && former !== held.get("start")) session.rollout.free(...former);
    };
    /** Trained once more where that was in another process: by the method, whose training may have arithmetic of its own. */
    const finalsOf = async (name: "start" | "best", at: readonly SeedRun[], step: number) => {
      if (!held.has(name)) {
        const again = await trainEach(at, (rollout, i) => evaluated(rollout, step, i));
        held.set(
          name,
          again.map(({ final }) => final),
        );
      }
      return held.get(name)!;
    };
    const evaluated = async (rollout: Rollout, step: number, i: number): Promise<Evaluated> =>
      step === outerSteps ? { final: await trainOnly(rollout) } : timed(methodAt(step, i), rollout);

    /** Evaluates a point of the outer loop. What it trained is held if it is the best so far, and freed if not. */
    const evaluate = async (runs: readonly SeedRun[], step: number): Promise<[Told, Given | undefined]> => {
      const stepBegin = performance.now();
      const first = gatherCurve(problem.steps);
      const results = await trainEach(runs, (rollout, i) => {
        inner = i === 0 ? first : undefined;
        return evaluated(rollout, step, i);
      }).finally(() => (inner = undefined));
      const curve = first.curve();
      const finals = results.map(({ final }) => final);
      const full = results.flatMap((result) => ("gradient" in result ? [result] : []));
      const test = options.testCurve === true ? await testMetrics(runs, finals, step) : undefined;
      const train = meanMetrics(await metrics(runs, finals, "train"));
      const valid = await metrics(runs, finals, "valid");
      const [prior] = await onEach(runs.slice(0, 1), ({ prior: at }) => at());
      if (prior !== undefined) requireFinitePrior(prior, step);
      const found: Told = {
        train,
        valid: meanMetrics(valid),
        ...(prior === undefined ? {} : { prior }),
        ...(valid.length === 1 ? {} : { validStandardError: standardError(valid.map(({ loss }) => loss)) }),
        ...(test === undefined ? {} : { test }),
        ...(full.length === 0 ? {} : { hypergradient: meanHypergradient(full) }),
        ...(full[0]?.chosen === undefined ? {} : { chosen: full[0].chosen }),
        ...(curve === undefined ? {} : { inner: curve }),
        seconds: (performance.now() - stepBegin) / 1000,
      };
      if (step === 0) hold("start", finals);
      if (step === 0 || found.valid.loss < state.steps[state.best]!.valid.loss) hold("best", finals);
      else session.rollout.free(...finals);
      return [found, full[0]];
    };

    /** @returns why the loop ended, and whether it may go on another time */
    const descend = async (): Promise<{ readonly stop: Stop; readonly pause: boolean }> => {
      try {
        // Where an interruption fell between a step and its measurement.
        const { length } = state.steps;
        if (state.last !== undefined && isDue(length - 1)) await measure(allAt(start, state.last.point), length - 1);
        for (;;) {
          const next = loop.ask(state);
          if ("stop" in next) return { ...next, pause: false };
          if (options.seconds !== undefined && state.steps.length > length && elapsed() >= options.seconds)
            return { stop: { reason: "budget", detail: `${options.seconds} seconds are over` }, pause: true };
          outerStep = next.step;
          const runs = allAt(start, next.at.point);
          const left = leavingWarnings(problem, next.at.point, next.step, state.left);
          if (left.length > 0) await commit(...left);
          const [found, given] = await evaluate(runs, next.step);
          await commit(...loop.tell(state, next, found));
          await warnOfUncompared();
          if (isDue(next.step)) await measure(runs, next.step, given);
        }
      } catch (error) {
        const stop = stopOf(error);
        if (stop === undefined || state.steps.length === 0) throw error;
        return { stop, pause: stop.reason === "cancelled" };
      }
    };

    /** Told with the start, in one piece: an interruption leaves both or neither. */
    const cautions = (): readonly StudyEvent[] => {
      const sameTest = testRowsWarning(start);
      const exact = asked !== false && plan === undefined;
      const { coarse = 0 } = settings.optimizer.stages ?? {};
      return [
        ...(coarse >= outerSteps && coarse > 0
          ? [`all ${outerSteps} outer steps are coarse: every number moves by itself from step ${coarse} on`]
          : []),
        ...(sameTest === undefined ? [] : [sameTest]),
        ...(exact ? [`${settings.method.name} is exact: there is no fidelity to measure`] : []),
      ].map((message) => ({ type: "warning", message }));
    };
    if (journal !== undefined) await beginOrGoOn();
    else await commit({ type: "start", ...info, at: loop.begin(pointOf(start)).start! }, ...cautions());
    async function beginOrGoOn(): Promise<void> {
      const identity = identityOf(start, settings, options);
      if (state.info === undefined) {
        const at = loop.begin(pointOf(start)).start!;
        const forked = journal?.fork && forkEvents(journal.fork, { info, identity, start: at }, settings.optimizer);
        const examples = keptExamples(problem);
        const [first, ...more] = forked ?? [{ type: "start", ...info, identity, at } as const];
        await commit({ ...first!, ...(examples && { examples }) } as StudyEvent, ...cautions(), ...more);
        return;
      }
      requireSame(state, info, identity, journal?.name);
      const { engine } = state.info;
      const at = state.steps.length;
      await commit({ type: "resume", at, engine: info.engine });
      emit({ type: "start", ...info, resumedAt: at });
      if (engine === info.engine) return;
      const message = `the study began on ${engine} and goes on with ${info.engine}: the rest may differ in the last bits`;
      await commit({ type: "warning", message });
    }

    let { stop, pause } = await descend();
    const { best } = state;
    const { bestPoint } = state;
    if (bestPoint === undefined)
      throw new DrmadError("cancelled", "stopped before the step that the study was forked from was evaluated again");
    const tested: { start?: Metrics | undefined; tuned?: Metrics | undefined } = {};
    try {
      // An interrupted study does not train again for what only its end needs.
      const trained = held.has("start") && held.has("best");
      if (problem.data.test !== undefined && (trained || stop.reason !== "cancelled")) {
        const tuned = allAt(start, bestPoint);
        const begun = state.start === undefined ? start : allAt(start, state.start.point);
        tested.start = await testMetrics(begun, await finalsOf("start", begun, 0), 0);
        tested.tuned = best === 0 ? tested.start : await testMetrics(tuned, await finalsOf("best", tuned, best), best);
        await warnOfUncompared();
      }
      const measured = state.fidelity.some(({ step }) => step === best);
      if (plan !== undefined && stop.reason !== "cancelled" && !measured) await measure(allAt(start, bestPoint), best);
    } catch (error) {
      if (stopOf(error)?.reason !== "cancelled") throw error;
      const message = `the fidelity of step ${best} was not measured: it was interrupted`;
      // What is kept can still come to its whole end.
      if (journal === undefined) await commit({ type: "warning", message });
      else [stop, pause] = [stopOf(error)!, true];
    }
    const { steps, chosen, fidelity } = state;
    const result: TuneResult = {
      ...info,
      ...(chosen === undefined ? {} : { chosen }),
      steps,
      best,
      stop: stop.reason,
      ...(stop.detail === undefined ? {} : { stopDetail: stop.detail }),
      ...(tested.start === undefined || tested.tuned === undefined
        ? {}
        : { test: { start: tested.start, tuned: tested.tuned } }),
      ...(plan === undefined ? {} : { fidelity }),
      seconds: before + elapsed(),
      values: naturalValues(problem, bestPoint),
    };
    if (!pause) await commit({ type: "result", ...result });
    else {
      await commit({ type: "stop", pause, ...stop });
      emit({ type: "result", ...result });
    }
    return result;
  } finally {
    await session.close();
  }
}

/** A fork has the steps of another study, and the time that they took. */
const secondsOf = (events: readonly object[]): number =>
  events.reduce((sum, event) => sum + ("seconds" in event && typeof event.seconds === "number" ? event.seconds : 0), 0);

type Evaluated = (Hypergradient & { readonly seconds: number }) | { readonly final: Buffers };

const pointOf = (at: readonly SeedRun[]): Point => at[0]!.rollout.point;

async function trainOnly(rollout: Rollout): Promise<Buffers> {
  const start = await rollout.start();
  const { final } = await rollout.train(start).finally(() => rollout.free(start));
  await requireFiniteLoss(rollout, final).catch((error: unknown) => {
    rollout.free(final);
    throw error;
  });
  return final;
}

async function timed(method: Method, rollout: Rollout): Promise<Hypergradient & { readonly seconds: number }> {
  const began = performance.now();
  const result = await method.run(rollout);
  return { ...result, seconds: (performance.now() - began) / 1000 };
}
