import type { StudyView } from "../../src/server/api.ts";
import { num } from "./numbers.ts";

export type Step = StudyView["steps"][number];

/** The step of the lowest validation loss so far; null before there is a finite one. */
export function bestStep({ steps }: Pick<StudyView, "steps">): Step | null {
  let best: Step | null = null;
  for (const step of steps) {
    const loss = num(step.valid.loss);
    if (Number.isFinite(loss) && (best === null || loss < num(best.valid.loss))) best = step;
  }
  return best;
}

/** Names of the metrics, the loss first. */
export const metricsOf = ({ steps }: Pick<StudyView, "steps">): readonly string[] => {
  const names = Object.keys(steps[0]?.valid ?? {}).filter((name) => name !== "loss");
  return ["loss", ...names];
};

/** Whether values spread so widely that only a logarithmic axis shows the small ones. */
export function isWide(values: readonly (number | null)[]): boolean {
  const found = values.filter((v): v is number => v !== null);
  return found.length > 0 && Math.min(...found) > 0 && Math.max(...found) > 30 * Math.min(...found);
}

/** Steps at which something was not a finite number, as a sentence; nothing where it always was. */
export function nonFiniteNote(what: string, steps: readonly number[]): string | undefined {
  if (steps.length === 0) return undefined;
  const shown = steps.slice(0, 8).join(", ");
  return `△ ${what} not finite at outer step${steps.length === 1 ? "" : "s"} ${shown}${steps.length > 8 ? ` and ${steps.length - 8} more` : ""}: left out.`;
}

/** Values at the outer steps that have one, with a gap at each of the others: no line is drawn over what is not known. */
export function withGaps<T>(
  steps: readonly number[],
  known: readonly number[],
  y: readonly (T | null)[],
): (T | null)[] {
  const found = new Map(known.map((step, i) => [step, y[i] ?? null]));
  return steps.map((step) => found.get(step) ?? null);
}

/** "Arrays are kept at 5 of 41 outer steps", with what is known of them; nothing where all are. */
export const keptNote = (kept: number, all: number, what = "arrays are kept"): string | undefined =>
  kept >= all ? undefined : `${what[0]!.toUpperCase()}${what.slice(1)} at ${kept} of ${all} outer steps.`;

/** Steps whose arrays were kept and cannot be read. */
export const lostNote = (steps: readonly number[]): string | undefined =>
  steps.length === 0
    ? undefined
    : `The arrays of ${steps.length === 1 ? "step" : "steps"} ${steps.join(", ")} are lost or damaged.`;

/** Notes as one, or none. */
export const notes = (...texts: readonly (string | undefined)[]): string | undefined =>
  texts.filter((text) => text !== undefined && text !== "").join(" ") || undefined;
