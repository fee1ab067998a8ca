import { addPoints, normOf, type Point } from "../data/point.ts";
import { DrmadError, requireOptions } from "../errors.ts";
import type { Chosen, Hypergradient } from "../hypergradient/method.ts";
import type { OuterOptimizer } from "../outer/optimizer.ts";
import { chaosText, isChaotic } from "./chaos.ts";
import type { InnerCurve, Metrics, StepRecord } from "./events.ts";
import { fold, nothingYet, type Kept, type Position, type StudyEvent, type StudyState } from "./state.ts";
import { plateaued, type Stop } from "./stop.ts";

export interface LoopSettings {
  readonly optimizer: OuterOptimizer;
  /** Updates of the point; one evaluation more follows the last. */
  readonly outerSteps: number;
  /**
   * Stop once this many steps in a row brought no better validation loss. Default 10. Counted from the last stage of an
   * optimiser that has stages.
   */
  readonly patience?: number;
  /** What to do where a hypergradient is chaotic. Default `continue`. */
  readonly onChaos?: "continue" | "stop";
  /** What to do about a chaotic hypergradient, a clause. */
  readonly advice?: (chosen: Chosen | undefined, growthPassedAt: number | undefined) => string;
}

/** What comes next: a point to evaluate, or the end. */
export type Asked = Evaluation | { readonly stop: Stop };

export interface Evaluation {
  readonly step: number;
  readonly at: Position;
  /** At the last point no hypergradient is needed: nothing moves by it. */
  readonly last: boolean;
}

/** What an outer step found at the point that was asked for. */
export interface Told {
  readonly train: Metrics;
  /** Its loss chooses the best step, and tells of a plateau. */
  readonly valid: Metrics;
  readonly prior?: number;
  readonly validStandardError?: number;
  readonly test?: Metrics;
  readonly inner?: InnerCurve;
  readonly seconds?: number;
  /** Left out at the last step. `growth` is 1 where it is not known. */
  readonly hypergradient?: Pick<Hypergradient, "value" | "gradient"> &
    Partial<Pick<Hypergradient, "direct" | "growth" | "growthPassedAt">>;
  readonly chosen?: Chosen;
}

/**
 * The outer loop step by step, for whoever has a loop of their own: ask for a point, evaluate it in whatever way, tell what
 * was found. States are plain immutable data: any of them can be kept and gone on from, with the same end.
 *
 *     let state = loop.begin(point);
 *     for (let asked = loop.ask(state); !("stop" in asked); asked = loop.ask(state))
 *       state = loop.step(state, asked, await evaluate(asked.at.point, asked.last));
 *
 * Points are in unconstrained coordinates, by the names of the hyperparameters' tensors. Asking computes the optimiser's
 * update, and changes nothing.
 *
 * Errors: `invalid-argument` where what is told was not asked for, or a hypergradient is missing before the last step.
 */
export interface Loop {
  begin(point: Point): StudyState;
  ask(state: StudyState): Asked;
  /** The events of the step that was asked for, in order. */
  tell(state: StudyState, asked: Evaluation, found: Told): readonly StudyEvent[];
  /** The state after them. */
  step(state: StudyState, asked: Evaluation, found: Told): StudyState;
}

export function outerLoop(settings: LoopSettings): Loop {
  requireOptions("study.outerLoop", settings, {
    optimizer: "optimizer",
    outerSteps: "number",
    patience: "number?",
    onChaos: "text?",
    advice: "function?",
  });
  const { optimizer, outerSteps, patience = 10, onChaos = "continue", advice } = settings;
  const positionOf = (point: Point): Position => ({ point, optimizer: optimizer.init(point) });

  function ask({ start, steps, last: kept, next, stop }: StudyState): Asked {
    if (stop !== undefined) return { stop };
    const step = steps.length;
    const last = step === outerSteps;
    if (next !== undefined) return { step, at: next, last };
    if (step === 0) return { step, at: start!, last };
    if (kept?.found === undefined) return { stop: { reason: "budget" } };
    const losses = steps.map(({ valid }) => valid.loss);
    if (plateaued(losses, patience, optimizer.stages?.coarse))
      return { stop: { reason: "plateau", detail: `no better validation loss in ${patience} steps` } };
    const { change, state } = optimizer.update(kept.found.gradient, kept.optimizer, kept.found.value);
    return { step, at: { point: addPoints(kept.point, change), optimizer: state }, last };
  }

  function tell(state: StudyState, { step, at, last }: Evaluation, found: Told): readonly StudyEvent[] {
    const { hypergradient, chosen, ...told } = found;
    if (step !== state.steps.length) throw refused(`step ${step} was told where step ${state.steps.length} is next`);
    if (hypergradient === undefined && !last) throw refused(`step ${step} was told without a hypergradient`);
    const record: StepRecord = {
      step,
      seconds: 0,
      ...told,
      ...(hypergradient && gradientRecord(hypergradient)),
      ...(hypergradient && optimizer.clips && { clipped: optimizer.clips(hypergradient.gradient, at.optimizer) }),
    };
    const best = step === 0 || record.valid.loss < state.steps[state.best]!.valid.loss;
    const kept: Kept = {
      ...at,
      ...(hypergradient && { found: { gradient: hypergradient.gradient, value: hypergradient.value } }),
    };
    const other = chosen !== undefined && chosen.name !== state.chosen?.name;
    return [
      ...(other ? [{ type: "chosen", outerStep: step, ...chosen } as const] : []),
      { type: "step", best, ...record, kept },
      ...(hypergradient ? ofChaos(state, step, hypergradient, chosen) : []),
    ];
  }

  function ofChaos(
    { warnedOfChaos }: StudyState,
    outerStep: number,
    { growth = 1, growthPassedAt }: NonNullable<Told["hypergradient"]>,
    chosen: Chosen | undefined,
  ): readonly StudyEvent[] {
    if (!isChaotic({ growth, growthPassedAt })) return [];
    const why = chaosText(outerStep, { growth, growthPassedAt });
    const message = advice === undefined ? why : `${why}; ${advice(chosen, growthPassedAt)}`;
    const chaos = { outerStep, growth, ...(growthPassedAt === undefined ? {} : { growthPassedAt }) };
    return [
      ...(warnedOfChaos ? [] : [{ type: "warning", message, chaos } as const]),
      ...(onChaos === "stop" ? [{ type: "stop", pause: false, reason: "chaotic", detail: message } as const] : []),
    ];
  }

  return {
    begin: (point) => ({ ...nothingYet, start: positionOf(point) }),
    ask,
    tell,
    step: (state, asked, found) => tell(state, asked, found).reduce(fold, state),
  };
}

const refused = (what: string): DrmadError =>
  new DrmadError("invalid-argument", what, {
    hint: "Tell what was found at the point that ask gave for this very state.",
  });

/** What a step's record says of its hypergradient. */
const gradientRecord = ({ gradient, direct, growth = 1, growthPassedAt }: NonNullable<Told["hypergradient"]>) => ({
  gradientNorm: normOf(gradient),
  ...(direct && { directNorm: normOf(direct) }),
  growth,
  ...(growthPassedAt === undefined ? {} : { growthPassedAt }),
  chaotic: isChaotic({ growth, growthPassedAt }),
});
