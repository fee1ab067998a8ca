import { addPoints, normOf, type Point } from "../data/point.ts";
import { DrmadError } from "../errors.ts";
import { measureFidelity, type Given } from "../hypergradient/fidelity.ts";
import type { Chosen, Hypergradient, Method } from "../hypergradient/method.ts";
import type { Experiment } from "../problem/experiment.ts";
import { rowsOf } from "../problem/problem.ts";
import type { SplitName } from "../rollout/programs.ts";
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
import { chaosAdvice, chaosText, isChaotic } from "./chaos.ts";
import type { Metrics, StartInfo, StepFidelity, StepRecord, StopReason, TuneResult } from "./events.ts";
import { fidelityPlan, isMeasured } from "./fidelity.ts";
import { called, notFinite, requireFiniteMetrics, requireFinitePrior } from "./finite.ts";
import { leavingWarnings } from "./leaving.ts";
import { hyperCounts, naturalValues, openSession, requireExperiment, uncompared, weightCount } from "./session.ts";
import { settingsOf, type Settings, type TuneOptions } from "./settings.ts";
import { standardError } from "./statistics.ts";
import { plateaued } from "./stop.ts";

export type { TuneOptions } from "./settings.ts";

function startInfo(runs: readonly SeedRun[], { method, optimizer, outerSteps }: Settings): StartInfo {
  const { problem, rollout } = runs[0]!;
  const groups = hyperCounts(problem);
  const { engine } = rollout;
  return {
    experiment: problem.name,
    seed: problem.seed,
    ...(runs.length === 1 ? {} : { seeds: runs.map((run) => run.problem.seed) }),
    method: method.name,
    optimizer: optimizer.name,
    engine: `${engine.name} ${engine.version} (${engine.device})`,
    precision: engine.precision,
    threads: engine.threads,
    weights: weightCount(problem),
    hyperparameters: Object.values(groups).reduce((a, b) => a + b, 0),
    groups,
    innerSteps: problem.steps,
    outerSteps,
    rows: Object.fromEntries(
      Object.entries(problem.data).flatMap(([name, split]) => (isSplit(name) ? [[name, rowsOf(split)]] : [])),
    ),
  };
}
const isSplit = (name: string): name is SplitName => name === "train" || name === "valid" || name === "test";

/** What ends a run early but keeps what it reached. */
const stopOf = (error: unknown): StopReason | undefined =>
  error instanceof DrmadError && STOPS.includes(error.code as StopReason) ? (error.code as StopReason) : undefined;
const STOPS: readonly StopReason[] = [
  "cancelled",
  "non-finite",
  "not-stationary",
  "not-converged",
  "invalid-experiment",
];

/**
 * Tunes an experiment's hyperparameters by gradient descent on its validation loss: every outer step trains once,
 * differentiates through that training, and moves; a prior is descended with it. The step with the lowest validation loss is
 * the result. The test split is evaluated at the untuned start and at that result, and chooses nothing.
 *
 * @throws DrmadError for bad input; `non-finite` where even the untuned start diverges, `not-stationary` and `not-converged`
 * where a method refuses it; `invalid-experiment` where one of its metrics is not finite; `cancelled` before its first step. A
 * run stopped later gives the result reached, with its reason.
 */
export async function tune(experiment: Experiment, options: TuneOptions = {}): Promise<TuneResult> {
  const begin = performance.now();
  const elapsed = (): number => (performance.now() - begin) / 1000;
  requireExperiment(experiment);
  const settings = settingsOf(experiment, options);
  const emit = options.onEvent ?? (() => undefined);
  let outerStep = 0;
  const seeds = options.seeds ?? [options.seed ?? 0];
  const session = await openSession(experiment, {
    ...options,
    seed: seeds[0]!,
    onProgress: (phase, done, total) => emit({ type: "progress", outerStep, phase, done, total }),
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
    emit({ type: "start", ...info });
    const sameTest = testRowsWarning(start);
    if (sameTest !== undefined) emit({ type: "warning", message: sameTest });
    if (asked !== false && plan === undefined) {
      const message = `${settings.method.name} is exact: there is no fidelity to measure`;
      emit({ type: "warning", message });
    }
    const steps: StepRecord[] = [];
    let runs = start;
    let optimizerState = settings.optimizer.init(pointOf(runs));
    const clips = settings.optimizer.clips?.bind(settings.optimizer);
    let best = { step: 0, point: pointOf(runs) };
    const held = new Map<"start" | "best", readonly Buffers[]>();
    let chosen: Chosen | undefined;
    let stop: { reason: StopReason; detail?: string } = { reason: "budget" };

    const hold = (name: "start" | "best", finals: readonly Buffers[]): void => {
      const before = held.get(name);
      held.set(name, finals);
      if (before !== undefined && before !== held.get("start")) session.rollout.free(...before);
    };
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
      emit({ type: "warning", message });
      return undefined;
    };
    const fidelity: StepFidelity[] = [];
    /** With the first seed. It only measures: where that fails, the run goes on without. */
    const measure = async (at: readonly SeedRun[], step: number, given?: Given): Promise<void> => {
      try {
        const report = await measureFidelity(at[0]!.rollout, settings.method, { given });
        fidelity.push({ step, ...report });
        emit({ type: "fidelity", step, ...report });
      } catch (error) {
        if (!(error instanceof DrmadError) || error.code === "cancelled") throw error;
        emit({ type: "warning", message: `the fidelity of step ${step} could not be measured: ${error.message}` });
      }
    };
    const left = new Set<string>();
    let warnedOfChaos = false;
    let warned = false;
    const warnOfUnverified = (): void => {
      const { unverified } = session.rollout;
      if (warned || unverified.length === 0) return;
      warned = true;
      emit({ type: "warning", message: uncompared(unverified) });
    };

    for (; outerStep <= settings.outerSteps; outerStep++) {
      const stepBegin = performance.now();
      let change: Point | undefined;
      for (const message of leavingWarnings(problem, pointOf(runs), outerStep, left))
        emit({ type: "warning", message });
      try {
        const last = outerStep === settings.outerSteps;
        const results = await trainEach(runs, async (rollout) =>
          last ? { final: await trainOnly(rollout) } : timed(settings.method, rollout),
        );
        const finals = results.map(({ final }) => final);
        const full = results.flatMap((result) => ("gradient" in result ? [result] : []));
        const result = last ? undefined : meanHypergradient(full);
        const test = options.testCurve === true ? await testMetrics(runs, finals, outerStep) : undefined;
        const train = meanMetrics(await metrics(runs, finals, "train"));
        const valid = await metrics(runs, finals, "valid");
        const [prior] = await onEach(runs.slice(0, 1), ({ prior: at }) => at());
        if (prior !== undefined) requireFinitePrior(prior, outerStep);
        const record: StepRecord = {
          step: outerStep,
          train,
          valid: meanMetrics(valid),
          ...(prior === undefined ? {} : { prior }),
          ...(valid.length === 1 ? {} : { validStandardError: standardError(valid.map(({ loss }) => loss)) }),
          ...(test === undefined ? {} : { test }),
          ...(result === undefined ? {} : gradientRecord(result)),
          ...(result && clips !== undefined ? { clipped: clips(result.gradient, optimizerState) } : {}),
          seconds: (performance.now() - stepBegin) / 1000,
        };
        steps.push(record);
        const isBest = outerStep === 0 || record.valid.loss < steps[best.step]!.valid.loss;
        if (outerStep === 0) hold("start", finals);
        if (isBest) {
          best = { step: outerStep, point: pointOf(runs) };
          hold("best", finals);
        } else session.rollout.free(...finals);
        const now = full[0]?.chosen;
        if (now !== undefined && now.name !== chosen?.name) emit({ type: "chosen", outerStep, ...now });
        chosen = now ?? chosen;
        emit({ type: "step", best: isBest, ...record });
        warnOfUnverified();
        if (result !== undefined) {
          const { gradient, value, growth, growthPassedAt } = result;
          if (isChaotic(result)) {
            const advice = chaosAdvice(full[0]?.chosen ?? settings.method, problem.steps, growthPassedAt);
            const message = `${chaosText(outerStep, result)}; ${advice}`;
            const chaos = { outerStep, growth, ...(growthPassedAt === undefined ? {} : { growthPassedAt }) };
            if (!warnedOfChaos) emit({ type: "warning", message, chaos });
            warnedOfChaos = true;
            if (options.onChaos === "stop") stop = { reason: "chaotic", detail: message };
          }
          if (plan !== undefined && isMeasured(plan, outerStep)) await measure(runs, outerStep, full[0]);
          if (stop.reason === "chaotic") break;
          const update = settings.optimizer.update(gradient, optimizerState, value);
          optimizerState = update.state;
          change = update.change;
        }
      } catch (error) {
        const reason = stopOf(error);
        if (reason === undefined || steps.length === 0) throw error;
        stop = { reason, detail: (error as Error).message };
        break;
      }
      if (change === undefined) break;
      if (
        plateaued(
          steps.map((s) => s.valid.loss),
          settings.patience,
        )
      ) {
        stop = { reason: "plateau", detail: `no better validation loss in ${settings.patience} steps` };
        break;
      }
      if (options.seconds !== undefined && elapsed() >= options.seconds) {
        stop = { reason: "budget", detail: `${options.seconds} seconds are over` };
        break;
      }
      runs = allAt(runs, addPoints(pointOf(runs), change));
    }

    const tested: { start?: Metrics | undefined; tuned?: Metrics | undefined } = {};
    if (problem.data.test !== undefined) {
      tested.start = await testMetrics(start, held.get("start")!, 0);
      tested.tuned =
        best.step === 0 ? tested.start : await testMetrics(allAt(start, best.point), held.get("best")!, best.step);
      warnOfUnverified();
    }
    if (plan !== undefined && stop.reason !== "cancelled" && !fidelity.some(({ step }) => step === best.step)) {
      await measure(allAt(start, best.point), best.step).catch((error: unknown) => {
        if (stopOf(error) !== "cancelled") throw error;
        emit({ type: "warning", message: `the fidelity of step ${best.step} was not measured: it was interrupted` });
      });
    }
    const result: TuneResult = {
      ...info,
      ...(chosen === undefined ? {} : { chosen }),
      steps,
      best: best.step,
      stop: stop.reason,
      ...(stop.detail === undefined ? {} : { stopDetail: stop.detail }),
      ...(tested.start === undefined || tested.tuned === undefined
        ? {}
        : { test: { start: tested.start, tuned: tested.tuned } }),
      ...(plan === undefined ? {} : { fidelity }),
      seconds: elapsed(),
      values: naturalValues(problem, best.point),
    };
    emit({ type: "result", ...result });
    return result;
  } finally {
    await session.close();
  }
}

const pointOf = (at: readonly SeedRun[]): Point => at[0]!.rollout.point;

async function trainOnly(rollout: Rollout): Promise<Buffers> {
  const start = await rollout.start();
  const { final } = await rollout.train(start).finally(() => rollout.free(start));
  return final;
}

async function timed(method: Method, rollout: Rollout): Promise<Hypergradient & { readonly seconds: number }> {
  const began = performance.now();
  const result = await method.run(rollout);
  return { ...result, seconds: (performance.now() - began) / 1000 };
}

/** What a step's record says of its hypergradient. */
const gradientRecord = (result: Omit<Hypergradient, "final">) => ({
  gradientNorm: normOf(result.gradient),
  directNorm: normOf(result.direct),
  growth: result.growth,
  ...(result.growthPassedAt === undefined ? {} : { growthPassedAt: result.growthPassedAt }),
  chaotic: isChaotic(result),
});
