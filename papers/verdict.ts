import { type Difference, show } from "./statistics.ts";

/** Whether a figure is below another by more than two paired standard errors, which one seed alone never shows. */
export const clearlyBelow = ({ difference, error }: Difference): boolean => difference < -2 * error;
export const clearlyAbove = ({ difference, error }: Difference): boolean => difference > 2 * error;

type Words = readonly [below: string, above: string];

/** The same in a word, of figures that are to be low unless other words are given. */
export function order(difference: Difference, [below, above]: Words = ["better", "worse"]): string {
  if (clearlyBelow(difference)) return below;
  return clearlyAbove(difference) ? above : "no clear difference";
}

/** Figures that are to be low, minus what they have to beat: whether all are better. */
export const won = (...differences: readonly Difference[]): string =>
  differences.every(clearlyBelow)
    ? "better by more than two paired standard errors"
    : "not better by two paired standard errors";

/** A mean difference and its standard error. */
export const withError = ({ difference, error }: Difference, digits = 2): string =>
  `${show(difference, digits)} ± ${show(error, digits)}`;

/** The same with its order. */
export const withOrder = (difference: Difference, digits: number, words?: Words): string =>
  `${withError(difference, digits)} (${order(difference, words)})`;
