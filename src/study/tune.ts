import { addPoints, normOf, type Point } from "../data/point.ts";
import { DrmadError } from "../errors.ts";
import type { Method } from "../hypergradient/method.ts";
import { reverse } from "../hypergradient/reverse.ts";
import { measureFidelity, type Given } from "../hypergradient/fidelity.ts";
import { adam } from "../outer/adam.ts";
import { type OuterOptimizer } from "../outer/optimizer.ts";
import type { Experiment } from "../problem/experiment.ts";
import { rowsOf, type Problem } from "../problem/problem.ts";
import type { SplitName } from "../rollout/programs.ts";
import type { Buffers, Rollout } from "../rollout/rollout.ts";
import { chaosAdvice, chaosText, isChaotic } from "./chaos.ts";
import { checkedMethod, requireOptimizer } from "./checked.ts";
import type { TuneDefaults } from "./define.ts";
import type { Metrics, StartInfo, StepFidelity, StepRecord, StopReason, TuneEvent, TuneResult } from "./events.ts";
import { explained } from "./explained.ts";
import { fidelityPlan, isMeasured, requireFidelity } from "./fidelity.ts";
import {
  hyperCounts,
  naturalValues,
  openSession,
  requireExperiment,
  uncompared,
  weightCount,
  type SessionOptions,
} from "./session.ts";
import { plateaued } from "./stop.ts";

export interface TuneOptions extends SessionOptions {
  /** Default: the experiment's, else `reverse`. */
  readonly method?: Method;
  /** Default: the experiment's, else `adam({ rate: 0.05 })`. */
  readonly optimizer?: OuterOptimizer;
  /** Updates of the hyperparameters; each costs a training and a hypergradient. Default: the experiment's, else 20. */
  readonly outerSteps?: number;
  /** Stop once this many steps in a row brought no better validation loss. Default 10. */
  readonly patience?: number;
  /** Stop before a step that would begin after this many seconds. */
  readonly seconds?: number;
  /** Evaluate the test split at every step too, as a diagnostic that chooses nothing. */
  readonly testCurve?: boolean;
  /**
   * Measures the method against the exact hypergradient, at the first step and at the chosen one; with a number, at every so
   * many steps from the first as well. It changes nothing else. Each costs about 4 or 5 trainings, the chosen one's the
   * method once more.
   */
  readonly fidelity?: boolean | number;
  /** What to do where a hypergradient is chaotic, before anything is moved by it: warn and go on, or stop. Default `continue`. */
  readonly onChaos?: "continue" | "stop";
  readonly onEvent?: (event: TuneEvent) => void;
}

interface Settings {
  readonly method: Method;
  readonly optimizer: OuterOptimizer;
  readonly outerSteps: number;
  readonly patience: number;
}

function settingsOf(experiment: Experiment, options: TuneOptions): Settings {
  const defaults = experiment.options as TuneDefaults;
  const settings = {
    method: checkedMethod(options.method ?? defaults.method ?? reverse()),
    optimizer: options.optimizer ?? defaults.outer?.optimizer ?? adam({ rate: 0.05 }),
    outerSteps: options.outerSteps ?? defaults.outer?.steps ?? 20,
    patience: options.patience ?? 10,
  };
  for (const [name, value] of [
    ["outer steps", settings.outerSteps],
    ["patience", settings.patience],
  ] as const) {
    if (!Number.isInteger(value) || value < 1) {
      throw new DrmadError("invalid-argument", `${name}: ${value}`, { hint: "Give a whole number, at least 1." });
    }
  }
  requireOptimizer(settings.optimizer);
  requireFidelity(options.fidelity ?? false);
  const { seconds, onChaos = "continue" } = options;
  if (!["continue", "stop"].includes(onChaos)) {
    throw new DrmadError("invalid-argument", `onChaos: ${JSON.stringify(onChaos)}`, {
      hint: 'Give "continue" or "stop".',
    });
  }
  if (seconds !== undefined && !(seconds > 0 && Number.isFinite(seconds))) {
    throw new DrmadError("invalid-argument", `seconds: ${seconds}`, { hint: "Give a finite number above 0." });
  }
  return settings;
}

function startInfo(problem: Problem, rollout: Rollout, { method, optimizer, outerSteps }: Settings): StartInfo {
  const groups = hyperCounts(problem);
  const { engine } = rollout;
  return {
    experiment: problem.name,
    seed: problem.seed,
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

const metrics = async (rollout: Rollout, final: Buffers, split: SplitName): Promise<Metrics> =>
  (await rollout.evaluate(final, split)) as Metrics;

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

/** The first number of some metrics that is not finite, by its name, the loss before the others. */
const notFinite = (found: Metrics): readonly [string, number] | undefined =>
  Object.entries(found)
    .sort(([a], [b]) => Number(b === "loss") - Number(a === "loss"))
    .find(([, value]) => !Number.isFinite(value));

const called = (metric: string): string => (metric === "loss" ? metric : `metrics.${metric}`);

/**
 * Tunes an experiment's hyperparameters by gradient descent on its validation loss: every outer step trains once,
 * differentiates through that training, and moves. The step with the lowest validation loss is the result. The test split
 * is evaluated at the untuned start and at that result, and chooses nothing.
 *
 * @throws DrmadError for bad input; `non-finite` where even the untuned start diverges, `not-stationary` and `not-converged` where a method refuses it; `invalid-experiment` where one of
 * its metrics is not finite; `cancelled` before its first step. A run stopped later gives the result reached, with its reason.
 */
export async function tune(experiment: Experiment, options: TuneOptions = {}): Promise<TuneResult> {
  const begin = performance.now();
  const elapsed = (): number => (performance.now() - begin) / 1000;
  const emit = options.onEvent ?? (() => undefined);
  requireExperiment(experiment);
  const settings = settingsOf(experiment, options);
  let outerStep = 0;
  const session = await openSession(experiment, {
    ...options,
    onProgress: (phase, done, total) => emit({ type: "progress", outerStep, phase, done, total }),
  });
  try {
    const { problem } = session;
    if (options.testCurve === true && problem.data.test === undefined) {
      throw new DrmadError("invalid-argument", "a test curve was asked for, but the experiment has no test split", {
        hint: "Leave testCurve out, or give the experiment's data a test split.",
      });
    }
    const asked = options.fidelity ?? false;
    const plan = asked === false ? undefined : fidelityPlan(session.rollout, asked);
    const info: StartInfo = {
      ...startInfo(problem, session.rollout, settings),
      ...(plan === undefined ? {} : { fidelityPlan: plan }),
    };
    emit({ type: "start", ...info });
    const steps: StepRecord[] = [];
    let rollout = session.rollout;
    let optimizerState = settings.optimizer.init(rollout.point);
    let best = { step: 0, point: rollout.point };
    const held = new Map<"start" | "best", Buffers>();
    let stop: { reason: StopReason; detail?: string } = { reason: "budget" };

    const hold = (name: "start" | "best", final: Buffers): void => {
      const before = held.get(name);
      held.set(name, final);
      if (before !== undefined && before !== held.get("start")) rollout.free(before);
    };

    /** Test metrics choose nothing, so where they are not finite the run goes on without them. */
    const testMetrics = async (at: Rollout, final: Buffers, step: number): Promise<Metrics | undefined> => {
      const found = await metrics(at, final, "test");
      const bad = notFinite(found);
      if (bad === undefined) return found;
      const message = `${called(bad[0])} is ${bad[1]} on the test split at step ${step}: its test metrics are left out`;
      emit({ type: "warning", message });
      return undefined;
    };
    const fidelity: StepFidelity[] = [];
    /** It only measures: where that fails, the run goes on without. */
    const measure = async (at: Rollout, step: number, given?: Given): Promise<void> => {
      try {
        const report = await measureFidelity(at, settings.method, { given });
        fidelity.push({ step, ...report });
        emit({ type: "fidelity", step, ...report });
      } catch (error) {
        if (!(error instanceof DrmadError) || error.code === "cancelled") throw error;
        emit({ type: "warning", message: `the fidelity of step ${step} could not be measured: ${error.message}` });
      }
    };
    let warnedOfChaos = false;
    let warned = false;
    const warnOfUnverified = (): void => {
      const { unverified } = rollout;
      if (warned || unverified.length === 0) return;
      warned = true;
      emit({ type: "warning", message: uncompared(unverified) });
    };

    for (; outerStep <= settings.outerSteps; outerStep++) {
      const stepBegin = performance.now();
      let change: Point | undefined;
      try {
        const last = outerStep === settings.outerSteps;
        const began = performance.now();
        const result = last ? { final: await trainOnly(rollout) } : await settings.method.run(rollout);
        const methodSeconds = (performance.now() - began) / 1000;
        const { final } = result;
        const test = options.testCurve === true ? await testMetrics(rollout, final, outerStep) : undefined;
        const record: StepRecord = {
          step: outerStep,
          train: await metrics(rollout, final, "train"),
          valid: await metrics(rollout, final, "valid"),
          ...(test === undefined ? {} : { test }),
          ...("gradient" in result
            ? {
                gradientNorm: normOf(result.gradient),
                directNorm: normOf(result.direct),
                growth: result.growth,
                ...(result.growthPassedAt === undefined ? {} : { growthPassedAt: result.growthPassedAt }),
                chaotic: isChaotic(result),
              }
            : {}),
          seconds: (performance.now() - stepBegin) / 1000,
        };
        requireFinite(record);
        steps.push(record);
        const isBest = outerStep === 0 || record.valid.loss < steps[best.step]!.valid.loss;
        if (outerStep === 0) hold("start", final);
        if (isBest) {
          best = { step: outerStep, point: rollout.point };
          hold("best", final);
        } else rollout.free(final);
        emit({ type: "step", best: isBest, ...record });
        warnOfUnverified();
        if ("gradient" in result) {
          const { gradient, value, growth, growthPassedAt } = result;
          if (isChaotic(result)) {
            const advice = chaosAdvice(settings.method, rollout.steps, growthPassedAt);
            const message = `${chaosText(outerStep, result)}; ${advice}`;
            const chaos = { outerStep, growth, ...(growthPassedAt === undefined ? {} : { growthPassedAt }) };
            if (!warnedOfChaos) emit({ type: "warning", message, chaos });
            warnedOfChaos = true;
            if (options.onChaos === "stop") stop = { reason: "chaotic", detail: message };
          }
          if (plan !== undefined && isMeasured(plan, outerStep))
            await measure(rollout, outerStep, { ...result, seconds: methodSeconds });
          if (stop.reason === "chaotic") break;
          const update = settings.optimizer.update(gradient, optimizerState, value);
          optimizerState = update.state;
          change = update.change;
        }
      } catch (error) {
        const told = await explained(error, rollout);
        const reason = stopOf(told);
        if (reason === undefined || steps.length === 0) throw told;
        stop = { reason, detail: (told as Error).message };
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
      rollout = rollout.at(addPoints(rollout.point, change));
    }

    const tested: { start?: Metrics | undefined; tuned?: Metrics | undefined } = {};
    if (problem.data.test !== undefined) {
      tested.start = await testMetrics(rollout.at(session.rollout.point), held.get("start")!, 0);
      tested.tuned =
        best.step === 0 ? tested.start : await testMetrics(rollout.at(best.point), held.get("best")!, best.step);
      warnOfUnverified();
    }
    if (plan !== undefined && stop.reason !== "cancelled" && !fidelity.some(({ step }) => step === best.step)) {
      await measure(rollout.at(best.point), best.step).catch((error: unknown) => {
        if (stopOf(error) !== "cancelled") throw error;
        emit({ type: "warning", message: `the fidelity of step ${best.step} was not measured: it was interrupted` });
      });
    }
    const { start, tuned } = tested;
    const result: TuneResult = {
      ...info,
      steps,
      best: best.step,
      stop: stop.reason,
      ...(stop.detail === undefined ? {} : { stopDetail: stop.detail }),
      ...(start === undefined || tuned === undefined ? {} : { test: { start, tuned } }),
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

async function trainOnly(rollout: Rollout): Promise<Buffers> {
  const start = await rollout.start();
  const { final } = await rollout.train(start).finally(() => rollout.free(start));
  return final;
}

/** Only a loss tells of divergence; another metric is the experiment's own. */
function requireFinite({ step, train, valid }: StepRecord): void {
  for (const [split, found] of Object.entries({ train, valid })) {
    const bad = notFinite(found);
    if (bad === undefined) continue;
    const [metric, value] = bad;
    if (metric === "loss") {
      throw new DrmadError("non-finite", `training diverged: ${split} loss is ${value} at outer step ${step}`, {
        hint: "Start from a smaller learning rate or a smaller initial scale.",
      });
    }
    throw new DrmadError("invalid-experiment", `${called(metric)} is ${value} on ${split} at outer step ${step}`, {
      hint: "The losses may be fine: state the metric so that it is finite for all weights, or leave it out.",
    });
  }
}
