import { addPoints, normOf, type Point } from "../data/point.ts";
import { DrmadError } from "../errors.ts";
import type { Method } from "../hypergradient/method.ts";
import { reverse } from "../hypergradient/reverse.ts";
import { adam } from "../outer/adam.ts";
import { type OuterOptimizer } from "../outer/optimizer.ts";
import type { Experiment } from "../problem/experiment.ts";
import { rowsOf, type Problem } from "../problem/problem.ts";
import type { SplitName } from "../rollout/programs.ts";
import type { Buffers, Rollout } from "../rollout/rollout.ts";
import { checkedMethod, requireOptimizer } from "./checked.ts";
import type { TuneDefaults } from "./define.ts";
import type { Metrics, StartInfo, StepRecord, StopReason, TuneEvent, TuneResult } from "./events.ts";
import { explained } from "./explained.ts";
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
  readonly onEvent?: (event: TuneEvent) => void;
}

/** Steps at whose adjoint growth a gradient is likely useless; exact trajectories stay far below. */
const SUSPICIOUS_GROWTH = 1e4;

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
  const { seconds } = options;
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
    const info = startInfo(problem, session.rollout, settings);
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
        const result = last ? { final: await trainOnly(rollout) } : await settings.method.run(rollout);
        const { final } = result;
        const test = options.testCurve === true ? await testMetrics(rollout, final, outerStep) : undefined;
        const record: StepRecord = {
          step: outerStep,
          train: await metrics(rollout, final, "train"),
          valid: await metrics(rollout, final, "valid"),
          ...(test === undefined ? {} : { test }),
          ...("gradient" in result
            ? { gradientNorm: normOf(result.gradient), directNorm: normOf(result.direct), growth: result.growth }
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
        if ("growth" in result && result.growth > SUSPICIOUS_GROWTH) {
          emit({
            type: "warning",
            message: `the adjoint grew ${result.growth.toExponential(1)}-fold on its way back: this gradient is probably useless`,
          });
        }
        if ("gradient" in result) {
          const update = settings.optimizer.update(result.gradient, optimizerState);
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
    const { start, tuned } = tested;
    const result: TuneResult = {
      ...info,
      steps,
      best: best.step,
      stop: stop.reason,
      ...(stop.detail === undefined ? {} : { stopDetail: stop.detail }),
      ...(start === undefined || tuned === undefined ? {} : { test: { start, tuned } }),
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
