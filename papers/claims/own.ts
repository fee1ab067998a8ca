import type { Recorded } from "../../src/cli/reproduction.ts";
import { plusMinus } from "../statistics.ts";
import { type Judgement, type Paper, tableOf, valuesOf } from "./claim.ts";
import { compared, improves, IMPROVES_ON_ALL, isBelow, told } from "./rules.ts";

const RECIPE = {
  table: "Test error at the outer step",
  way: "recipe: 934 t",
  start: "untuned",
  rivals: "all",
} as const;

function recipe(recorded: Recorded): Judgement {
  const { verdict, figures } = improves(RECIPE)(recorded);
  const row = (name: string): readonly number[] => valuesOf(recorded, RECIPE.table, name);
  const single = row("recipe with one t for all");
  const [many, few] = [compared(row(RECIPE.way), single), compared(single, row("one tuned t, Adam"))];
  const gains = (difference: typeof many): string => isBelow(difference) === "yes" ? "lower the error" : "gain nothing that is clear"; // prettier-ignore
  return {
    verdict,
    figures: `${figures} Where it comes from: with one t for all in place of 934, and penalty, rate and decay tuned alike, the error is ${plusMinus(single)} ${tableOf(recorded, RECIPE.table).unit}, so the 934 ${gains(many)}: ${told(many, 2)}; penalty, rate and decay, beside one t, ${gains(few)}: ${told(few, 2)} from one tuned t with Adam.`,
  };
}

/** What drmad adds to the papers' experiments. */
export const OWN: Paper = {
  title: "drmad: beyond the papers",
  claims: [
    {
      says: "Penalty, rate and decay tuned beside 934 penalties lower the test error on MNIST further",
      where: "This library; the DrMAD paper's problem from its start, with the exact hypergradient and Adam outside",
      evidence: {
        kind: "run",
        id: "2016-fu/mnist-penalties",
        rule: `${IMPROVES_ON_ALL} All rows have as many outer steps at most, each one training; so the recipe with one t for all is a control here.`,
        judge: recipe,
        tables: [RECIPE.table],
      },
    },
  ],
};
