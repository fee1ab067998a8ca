import { DrmadError } from "../errors.ts";
import { adam } from "../outer/adam.ts";
import type { OuterOptimizer } from "../outer/optimizer.ts";
import { sgd } from "../outer/sgd.ts";
import { sign } from "../outer/sign.ts";
import { oneOf, type Rule } from "./options.ts";

export type OptimizerName = "adam" | "sign" | "sgd";

interface Choice {
  readonly make: (options: { readonly rate: number }) => OuterOptimizer;
  /** The rate where none is given; undefined where none is usual. */
  readonly usual: number | undefined;
}

const OPTIMIZERS: Record<OptimizerName, Choice> = {
  adam: { make: adam, usual: 0.05 },
  sign: { make: sign, usual: 0.05 },
  // Its steps are as long as the gradient is.
  sgd: { make: sgd, usual: undefined },
};

export const optimizerRule: Rule<OptimizerName> = oneOf(Object.keys(OPTIMIZERS) as OptimizerName[]);

/**
 * The outer optimiser that the options ask for, or undefined where the experiment's own serves.
 * @param own the experiment's; a rate alone changes only its rate, a name brings that optimiser with its usual settings
 */
export function outerOptimizer(
  name: OptimizerName | undefined,
  rate: number | undefined,
  own: OuterOptimizer | undefined,
): OuterOptimizer | undefined {
  if (name === undefined && rate === undefined) return undefined;
  if (name === undefined && own !== undefined) {
    if (own.withRate !== undefined) return own.withRate(rate!);
    throw new DrmadError(
      "invalid-argument",
      `--outer-rate cannot change the rate of the experiment's own ${own.name}`,
      {
        hint: `Name an optimizer as well: --optimizer ${optimizerRule.allowed}.`,
      },
    );
  }
  const kind = name ?? "adam";
  const choice = OPTIMIZERS[kind];
  const given = rate ?? choice.usual;
  if (given === undefined) {
    throw new DrmadError("invalid-argument", `--optimizer ${kind} has no usual rate`, {
      hint: "Give --outer-rate as well; steps are that many times the gradient.",
    });
  }
  return choice.make({ rate: given });
}
