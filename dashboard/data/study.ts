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

/** Settings as text, sorted by name, nested ones by their path. */
export function settingsOf(settings: unknown, prefix = ""): readonly (readonly [string, string])[] {
  if (settings === null || typeof settings !== "object") return [[prefix, String(settings)]];
  const list = Array.isArray(settings);
  if (list && settings.every((v) => v === null || typeof v !== "object")) return [[prefix, settings.join(", ")]];
  return Object.entries(settings)
    .sort(([a], [b]) => (list ? 0 : a < b ? -1 : 1))
    .flatMap(([name, inner]) => settingsOf(inner, prefix === "" ? name : `${prefix}.${name}`));
}

/** What a study told of itself as it began; its tensors have a page of their own, and its weights none. */
export function startSettings(start: NonNullable<StudyView["start"]>): readonly (readonly [string, string])[] {
  return settingsOf(start).filter(([name]) => !/^(?:tensors|parameters)\./.test(name));
}
