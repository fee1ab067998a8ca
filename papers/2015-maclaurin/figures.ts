import type { Row } from "../../src/cli/reproduction.ts";
import { rowOf, type Outcome, type Way } from "../ways.ts";

/** Validation loss, test loss (both in nats), and test error in percent. */
export type Figure = "valid" | "test" | "error";

type Named = Pick<Way<never>, "name" | "control" | "paper">;

/** The figures of every way, a number for each seed: at the untuned start, and at the step with the lowest outer loss. */
export interface Figures {
  readonly untuned: (figure: Figure) => readonly number[];
  readonly tuned: (name: string, figure: Figure) => readonly number[];
  /** The start's row and one for each way. */
  readonly rows: (figure: Figure) => readonly Row[];
}

/**
 * @param start what the untuned row is called; it is the first way's start
 * @param loss the metric that is the loss
 */
export function figuresOf(
  ways: readonly Named[],
  of: (name: string) => readonly Outcome[],
  start: Named,
  loss: string,
): Figures {
  const figures = (outcomes: readonly Outcome[], figure: Figure, at: "start" | "tuned"): number[] =>
    outcomes.map((one) => {
      if (figure === "error") return 100 * one[at]["error"]!;
      return figure === "test" ? one[at][loss]! : one.valid[at === "start" ? 0 : one.best]![loss]!;
    });
  const untuned: Figures["untuned"] = (figure) => figures(of(ways[0]!.name), figure, "start");
  const tuned: Figures["tuned"] = (name, figure) => figures(of(name), figure, "tuned");
  return {
    untuned,
    tuned,
    rows: (figure) => [
      rowOf(start, untuned(figure), figure),
      ...ways.map((way) => rowOf(way, tuned(way.name, figure), figure)),
    ],
  };
}
