import type { ForkInfo } from "./events.ts";

/** What options are called where one of them is not as it was; others by their own names. */
const WORDS: Readonly<Record<string, string>> = {
  innerSteps: "training steps",
  outerSteps: "outer steps",
  batch: "rows of a minibatch",
  rows: "rows of each split",
  groups: "hyperparameters",
  onChaos: "what to do about chaos",
  testCurve: "test curve",
  fidelityPlan: "fidelity",
};

export const optionWord = (what: string): string => WORDS[what] ?? what;

/** Without how an optimizer moves, which follows from its name and settings where one of these is told already. */
export const toldOnce = <C extends Pick<ForkInfo["changes"][number], "what">>(changes: readonly C[]): readonly C[] =>
  changes.filter(({ what }) => what !== "update" || !changes.some((other) => other.what.startsWith("optimizer")));
