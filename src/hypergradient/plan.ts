import { DrmadError } from "../errors.ts";
import type { Budget, Candidate, Limits, Plan, Sizes, SizesForExact } from "./budget.ts";
import { APPROXIMATE, EXACT } from "./candidates.ts";
import { enoughMegabytes, MEGABYTE } from "./binomial.ts";

/** Whole bytes; 0.063351 MB are 63,351, whatever the product is rounded to. */
const limitsOf = ({ megabytes, time = Infinity }: Budget): Limits => ({
  bytes: Math.floor(megabytes * MEGABYTE * (1 + 2 * Number.EPSILON)),
  time,
});

/** The fastest exact method within a budget; of equals the one listed first. */
export function planExact(sizes: SizesForExact, budget: Budget): Plan | undefined {
  return EXACT.map((fit) => fit(sizes, limitsOf(budget)))
    .filter((plan) => plan !== undefined)
    .reduce<Plan | undefined>((best, plan) => (best && best.timeFactor <= plan.timeFactor ? best : plan), undefined);
}

/**
 * The method for a problem of these sizes: the fastest exact one within the budget; where none is, the closest approximation
 * within it. More memory never gives an approximation for an exact method, one further off, or a slower exact method.
 *
 * @throws DrmadError unsupported where nothing fits, with the least megabytes that would
 */
export function planAuto(sizes: Sizes, budget: Budget): Plan {
  const exact = planExact(sizes, budget);
  if (exact !== undefined) return exact;
  for (const fit of APPROXIMATE) {
    const plan = fit(sizes, limitsOf(budget));
    if (plan !== undefined) return { ...plan, why: `${plan.why}; ${whyNotExact(sizes, budget)}` };
  }
  throw refusal(sizes, budget);
}

const figures = (value: number): string => String(Number(value.toPrecision(3)));

function whyNotExact(sizes: Sizes, budget: Budget): string {
  const within = leastBytes(sizes, EXACT, budget.time);
  const limit = budget.time === undefined ? "" : ` within ${figures(budget.time)} times plain training`;
  return within === undefined
    ? `no exact method is as fast as ${figures(budget.time!)} times plain training`
    : `an exact gradient${limit} takes ${enoughMegabytes(within)} MB`;
}

function refusal(sizes: Sizes, budget: Budget): DrmadError {
  const limit = budget.time === undefined ? "" : ` and ${figures(budget.time)} times plain training`;
  const what = `auto finds no method within ${figures(budget.megabytes)} MB${limit}`;
  const any = leastBytes(sizes, [...EXACT, ...APPROXIMATE], budget.time);
  const exact = leastBytes(sizes, EXACT, budget.time);
  const fastest = leastTime(sizes);
  const enough = any === undefined ? "" : `Give at least ${enoughMegabytes(any)} MB`;
  const hint =
    any === undefined
      ? `Allow at least ${figures(Math.ceil(fastest * 100) / 100)} times plain training.`
      : exact === undefined
        ? `${enough}; no exact method is as fast as that.`
        : `${enough}${exact === any ? "" : `, or ${enoughMegabytes(exact)} MB for an exact gradient`}.`;
  return new DrmadError("unsupported", what, { hint });
}

/** More than any of the methods takes. */
const plenty = (sizes: SizesForExact): number =>
  sizes.steps * (sizes.stepBytes + sizes.stateBytes) + 1000 * (sizes.stateBytes + sizes.snapshotBytes);

/** The least memory with which one of the methods fits: whatever fits in some memory fits in more. */
function leastBytes(sizes: Sizes, methods: readonly Candidate[], time = Infinity): number | undefined {
  const fits = (bytes: number): boolean => methods.some((fit) => fit(sizes, { bytes, time }) !== undefined);
  let enough = plenty(sizes);
  if (!fits(enough)) return undefined;
  for (let short = 0; enough - short > 1;) {
    const middle = Math.floor((short + enough) / 2);
    if (fits(middle)) enough = middle;
    else short = middle;
  }
  return enough;
}

/** The least time of any method, given all the memory it wants. */
function leastTime(sizes: Sizes): number {
  const fits = (time: number): boolean =>
    [...EXACT, ...APPROXIMATE].some((fit) => fit(sizes, { bytes: plenty(sizes), time }) !== undefined);
  let [short, enough] = [1, 100];
  while (enough - short > 1e-3) {
    const middle = (short + enough) / 2;
    if (fits(middle)) enough = middle;
    else short = middle;
  }
  return enough;
}
