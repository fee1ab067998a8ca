import { DrmadError } from "../errors.ts";
import type { OuterOptimizer } from "../outer/optimizer.ts";
import type { Point } from "../data/point.ts";
import type { StartInfo } from "./events.ts";
import { differences } from "./identity.ts";
import type { Identity, Kept, Position, StudyEvent } from "./state.ts";

/** What a study is gone on from: a kept step of another, with the events before it. */
export interface Fork {
  readonly of: string;
  readonly step: number;
  readonly info: StartInfo;
  readonly identity: Identity;
  /** Where the step was taken; the optimiser's state is undefined where it is not kept any more. */
  readonly at: Kept;
  /** Of the steps before it, of which the best and the last have their arrays. */
  readonly before: readonly StudyEvent[];
}

/** What may differ while figures stay comparable: how the hyperparameters move, and for how long. */
const MOVING = ["method", "optimizer", "update", "outerSteps", "patience", "onChaos", "testCurve", "fidelityPlan"];

/** An optimiser's name without its rate: its state means the same under another. */
const kindOf = (name: string): string => name.replaceAll(/\([^()]*\)/g, "");

/**
 * The events that a forked study begins with. Where only the way of moving was changed, it has the steps before the one that
 * it goes on from, and evaluates that one again; otherwise that one's values are its start.
 * @throws DrmadError study-changed for other hyperparameters, invalid-argument where nothing is left to do
 */
export function forkEvents(
  { of, step, info, identity, at, before }: Fork,
  now: { readonly info: StartInfo; readonly identity: Identity; readonly start: Position },
  optimizer: OuterOptimizer,
): readonly StudyEvent[] {
  requireFitting(at.point, now.start.point);
  const changes = differences({ info, identity }, now.info, now.identity);
  const goesOn = changes.every(({ what }) => MOVING.includes(what) || /^(?:method|optimizer) /.test(what));
  if (goesOn && now.info.outerSteps <= step) {
    throw new DrmadError("invalid-argument", `nothing is left to do after step ${step} of ${now.info.outerSteps}`, {
      hint: `Give more outer steps than ${step}, or go on from an earlier one.`,
    });
  }
  const kept = at.optimizer !== undefined && kindOf(info.optimizer) === kindOf(now.info.optimizer);
  const position: Position = { point: at.point, optimizer: kept ? at.optimizer : optimizer.init(at.point) };
  const optimizerState = kept ? "kept" : "new";
  return [
    { type: "start", ...now.info, identity: now.identity, at: goesOn ? now.start : position },
    ...(goesOn ? before : []),
    { type: "fork", of, step, changes, goesOn, optimizerState, at: position },
  ];
}

const shapeOf = (each: Point): string =>
  Object.entries(each)
    .map(([name, { length }]) => `${name}: ${length}`)
    .sort()
    .join(", ");

function requireFitting(point: Point, start: Point): void {
  const [was, is] = [shapeOf(point), shapeOf(start)];
  if (was === is) return;
  throw new DrmadError("study-changed", `the study had the hyperparameters ${was}, and the experiment has ${is}`, {
    hint: "A fork has the same hyperparameters; begin a study of its own for others.",
  });
}
