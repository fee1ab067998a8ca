import type { StudyTimes } from "../store/times.ts";
import type { Settings, TuneEvent } from "../study/events.ts";
import { bytesText, counted, seconds, short } from "./format.ts";

export { forkText } from "../study/fork-text.ts";

type Told<K extends TuneEvent["type"]> = Extract<TuneEvent, { readonly type: K }>;

/** The room that a study takes: a sentence. */
export function forecastText({ steps, bytesPerStep, bytes, free }: Told<"forecast">): string {
  const room = free === undefined ? "" : `; ${bytesText(free)} are free`;
  return `keeps the arrays of up to ${counted(steps, "step")}, ${bytesText(bytesPerStep)} each, ${bytesText(bytes)} in all${room}`;
}

/** 34 s, 12 min, 5 h, 12 days: how old something is. */
export function ageText(age: number): string {
  if (age < 100) return `${Math.max(0, Math.round(age))} s`;
  if (age < 6000) return `${Math.round(age / 60)} min`;
  if (age < 48 * 3600) return `${Math.round(age / 3600)} h`;
  return `${Math.round(age / 86_400)} days`;
}

/** That a study goes on, from where, and how old it is. */
export function resumedText(
  { name, at, outerSteps, begun, last, seconds: spent }: Told<"resumed">,
  now: number = Date.now(),
): string {
  const ago = (when: string): string => `${ageText((now - Date.parse(when)) / 1000)} ago`;
  const kept = at === 0 ? "no outer step kept yet" : `${counted(at, "step")} kept, the last ${ago(last)}`;
  const next =
    at > outerSteps
      ? `all ${outerSteps} outer steps are made, and only its end is left`
      : `outer step ${at} of ${outerSteps} is next`;
  return `resumes ${name}: ${next} (${kept}); begun ${ago(begun)}, ${seconds(spent)} the study in all so far`;
}

/** The three times of a study, each by its name; these words are the same in every command and on the study's page. */
export const timesText = (times: StudyTimes, run: "this run" | "the last run"): string =>
  `${seconds(times.run)} ${run}, ${seconds(times.study)} the study in all, ${seconds(times.sinceBegun)} since it was begun`;

/** `adam(0.05)` with what else it was made with: `adam(0.05), first 0.9, epsilon 1e-8`. */
export function withSettings(name: string, settings: Settings | undefined): string {
  const told = Object.entries(settings ?? {}).map(
    ([key, value]) => `${key} ${typeof value === "number" ? short(value) : String(value)}`,
  );
  return told.length === 0 ? name : `${name} (${told.join(", ")})`;
}
