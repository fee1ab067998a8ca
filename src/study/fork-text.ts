import { optionWord, toldOnce } from "./change-words.ts";
import type { ForkInfo } from "./events.ts";

/** What JSON is of text without its quotes. */
const bare = (text: string): string => text.replaceAll('"', "");

/** Each option that is not as it was, in words. */
export const changesText = (changes: ForkInfo["changes"]): readonly string[] =>
  toldOnce(changes).map(({ what, was, is }) => {
    if (what === "fingerprint") return "other data, losses or start";
    if (what === "update") return "the optimizer's settings";
    return `${optionWord(what)} ${bare(was)} → ${bare(is)}`;
  });

/** What a study goes on from, and what is not as it was there: a sentence without its stop. */
export function forkText({ of, step, changes, goesOn, optimizerState }: ForkInfo): string {
  const told = changesText(changes);
  const all = told.length < 2 ? told.join("") : `${told.slice(0, -1).join(", ")} and ${told.at(-1)}`;
  const what = told.length === 0 ? "with the same options" : `with ${all}`;
  const state = optimizerState === "kept" ? "" : "; the optimizer begins anew";
  const first = goesOn ? `goes on from step ${step} of ${of}` : `starts at the values of step ${step} of ${of}`;
  return `${first}, ${what}${state}`;
}
