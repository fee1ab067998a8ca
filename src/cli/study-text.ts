import type { ForkInfo, TuneEvent } from "../study/events.ts";
import { bytesText, counted, listed } from "./format.ts";

const WORDS: Readonly<Record<string, string>> = {
  outerSteps: "outer steps",
  innerSteps: "training steps",
  batch: "rows of a minibatch",
  onChaos: "what to do about chaos",
  testCurve: "test curve",
  fidelityPlan: "fidelity",
};

/** What JSON is of text without its quotes. */
const bare = (text: string): string => text.replaceAll('"', "");

/** What a study goes on from, and what is not as it was there: a sentence. */
export function forkText({ of, step, changes, goesOn, optimizerState }: ForkInfo): string {
  const told = changes
    .filter(({ what }) => what !== "update" || !changes.some((change) => change.what.startsWith("optimizer")))
    .map(({ what, was, is }) => {
      if (what === "fingerprint") return "other data, losses or start";
      if (what === "update") return "the optimizer's settings";
      return `${WORDS[what] ?? what} ${bare(was)} → ${bare(is)}`;
    });
  const what = told.length === 0 ? "with the same options" : `with ${listed(told)}`;
  const state = optimizerState === "kept" ? "" : "; the optimizer begins anew";
  const first = goesOn ? `goes on from step ${step} of ${of}` : `starts at the values of step ${step} of ${of}`;
  return `${first}, ${what}${state}`;
}

/** The room that a study takes: a sentence. */
export function forecastText({ steps, bytesPerStep, bytes, free }: Extract<TuneEvent, { type: "forecast" }>): string {
  const room = free === undefined ? "" : `; ${bytesText(free)} are free`;
  return `keeps the arrays of up to ${counted(steps, "step")}, ${bytesText(bytesPerStep)} each, ${bytesText(bytes)} in all${room}`;
}
