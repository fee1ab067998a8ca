import { lowest, paired, plusMinus } from "./statistics.ts";
import { won, withError } from "./verdict.ts";
import { controlsOf, type Outcome, type Way } from "./ways.ts";

/** Ways that every reproduction with wrong labels has. */
export const NOISY = "wrong labels, no weights";
export const TRUE = "true labels";

/** What wrong labels cost, and what ways to tune regain of it: a number for each seed. */
export interface Errors {
  /** Test error of a way in percent. */
  readonly of: (name: string) => readonly number[];
  /** Points of test error that wrong labels cost. */
  readonly cost: readonly number[];
  /** Percent of these points. */
  readonly regained: (name: string) => readonly number[];
}

export function errorsOf(outcomes: (name: string) => readonly Outcome[]): Errors {
  const of = (name: string): number[] => outcomes(name).map(({ tuned }) => 100 * tuned["error"]!);
  const [noisy, right] = [of(NOISY), of(TRUE)];
  const cost = noisy.map((error, i) => error - right[i]!);
  return { of, cost, regained: (name) => of(name).map((error, i) => (100 * (noisy[i]! - error)) / cost[i]!) };
}

/** @param what the way is called in the sentence */
export function besideControls(
  ways: readonly Pick<Way<never>, "name" | "control">[],
  { of }: Errors,
  { name, what }: { readonly name: string; readonly what: string },
): string {
  // No control has the right labels.
  const controls = controlsOf(ways).filter((control) => control !== TRUE);
  const best = lowest(controls, of);
  const difference = paired(of(name), of(best));
  return `Of the controls, ${best} does best, at ${plusMinus(of(best))} %; ${what} minus that: ${withError(difference)} points, ${won(difference)}.`;
}
