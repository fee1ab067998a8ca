import { DrmadError } from "../errors.ts";
import type { Metrics } from "./events.ts";

/** The first number of some metrics that is not finite, by its name, the loss before the others. */
export const notFinite = (found: Metrics): readonly [string, number] | undefined =>
  Object.entries(found)
    .sort(([a], [b]) => Number(b === "loss") - Number(a === "loss"))
    .find(([, value]) => !Number.isFinite(value));

export const called = (metric: string): string => (metric === "loss" ? metric : `metrics.${metric}`);

/**
 * Only a loss tells of divergence; another metric is the experiment's own.
 * @throws DrmadError non-finite, invalid-experiment
 */
export function requireFiniteMetrics(found: Metrics, split: "train" | "valid", step: number): void {
  const bad = notFinite(found);
  if (bad === undefined) return;
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

/** @throws DrmadError non-finite */
export function requireFinitePrior(prior: number, step: number): void {
  if (Number.isFinite(prior)) return;
  throw new DrmadError("non-finite", `valid.prior is ${prior} at outer step ${step}`, {
    hint: "A hyperparameter left the range where it is finite: state the prior for every value that its transform reaches.",
  });
}
