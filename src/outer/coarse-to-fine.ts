import { mapPoint, type Point } from "../data/point.ts";
import { DrmadError, requireOptions } from "../errors.ts";
import { requireInner, type OuterOptimizer } from "./optimizer.ts";
import { shared } from "./shared.ts";

export interface CoarseToFineSteps {
  /** Outer steps in which all numbers of a hyperparameter move together. */
  readonly hyperparameter?: number;
  /** Outer steps after those, in which all numbers of each of its tensors do. */
  readonly tensor?: number;
}

export interface CoarseToFineState<S> {
  /** Updates so far. */
  readonly step: number;
  /** The optimiser's own, of the stage that runs. */
  readonly stage: S;
}

/**
 * Stages of an optimiser, each free to do more than the one before: first one change for each hyperparameter, then one for
 * each of its tensors, then every number by itself. Within a stage it is `shared`; a stage begins with the point that the
 * last one reached and a fresh state of the optimiser, since a state of other coordinates means nothing there.
 *
 * Right: most of what a single number can gain is gained at once, and only then many numbers are fitted; with `sign` and
 * `adam` every number moves as fast as a shared one, so that a wrong level is left sooner and validation rows are overfitted
 * later. The last stage has what the experiment's own sharing gives (`hyper.perInput`, `perUnit`, …).
 *
 * Source: Maclaurin et al. 2015, their experiments on the granularity of regularisation (universal, layers, units: 10, 5 and
 * 3 steps).
 */
export function coarseToFine<S>(
  optimizer: OuterOptimizer<S>,
  steps: CoarseToFineSteps,
): OuterOptimizer<CoarseToFineState<S>> {
  requireInner("coarseToFine", optimizer);
  requireOptions("outer.coarseToFine", steps, { hyperparameter: "number?", tensor: "number?" });
  const { hyperparameter = 0, tensor = 0 } = steps ?? {};
  for (const [stage, count] of Object.entries({ hyperparameter, tensor })) {
    if (!Number.isInteger(count) || count < 0) {
      throw new DrmadError("invalid-argument", `coarseToFine has ${count} steps by ${stage}`, {
        hint: "Give a whole number, at least 0.",
      });
    }
  }
  if (hyperparameter + tensor === 0) {
    throw new DrmadError("invalid-argument", "coarseToFine has no coarse steps", {
      hint: "Give the steps by hyperparameter, by tensor, or both: { hyperparameter: 5, tensor: 5 }.",
    });
  }
  const stages = [
    { from: 0, of: shared(optimizer, "hyperparameter") },
    { from: hyperparameter, of: shared(optimizer, "tensor") },
    { from: hyperparameter + tensor, of: optimizer },
  ];
  const at = (step: number): (typeof stages)[number] => stages.findLast(({ from }) => from <= step)!;
  /** A stage's coordinates begin at 0. */
  const begun = (step: number, like: Point): S => at(step).of.init(mapPoint(like, () => 0));

  return {
    name: `${optimizer.name}, coarse to fine ${hyperparameter},${tensor}`,
    ...(optimizer.settings && {
      settings: { ...optimizer.settings, "coarse steps": hyperparameter, "tensor steps": tensor },
    }),
    stages: { coarse: hyperparameter + tensor, fine: optimizer },
    init: (point) => ({ step: 0, stage: begun(0, point) }),
    update(gradient, { step, stage }, value) {
      const { change, state } = at(step).of.update(gradient, stage, value);
      const next = step + 1;
      return { change, state: { step: next, stage: at(next) === at(step) ? state : begun(next, gradient) } };
    },
    ...(optimizer.clips === undefined
      ? {}
      : {
          clips: (gradient: Point, { step, stage }: CoarseToFineState<S>) => at(step).of.clips!(gradient, stage),
        }),
    ...(optimizer.withRate === undefined
      ? {}
      : { withRate: (rate: number) => coarseToFine(optimizer.withRate!(rate), steps) }),
  };
}
