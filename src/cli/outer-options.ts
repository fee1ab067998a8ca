import * as v from "valibot";
import { DrmadError } from "../errors.ts";
import * as outer from "../outer/outer.ts";
import type { OuterOptimizer } from "../outer/optimizer.ts";
import { oneOf } from "./options.ts";
import type { Rule } from "./rule.ts";

export type OptimizerName = "adam" | "sign" | "sgd" | "rmsprop" | "lbfgs" | "maclaurinAdam";

interface Choice {
  readonly make: (options: { readonly rate: number }) => OuterOptimizer;
  /** The rate where none is given; undefined where none is usual. */
  readonly usual: number | undefined;
}

const OPTIMIZERS: Record<OptimizerName, Choice> = {
  adam: { make: outer.adam, usual: 0.05 },
  sign: { make: outer.sign, usual: 0.05 },
  // Its steps are as long as the gradient is.
  sgd: { make: outer.sgd, usual: undefined },
  rmsprop: { make: outer.rmsprop, usual: 0.05 },
  // The length of its first step, over all hyperparameters together.
  lbfgs: { make: outer.lbfgs, usual: 0.5 },
  maclaurinAdam: { make: outer.maclaurinAdam, usual: 0.04 },
};

export const optimizerRule: Rule<OptimizerName> = oneOf(Object.keys(OPTIMIZERS) as OptimizerName[]);

const STAGES = /^(\d{1,6}),(\d{1,6})$/;

/** `5,3`: steps by hyperparameter, then steps by tensor. */
export const coarseToFineRule: Rule<outer.CoarseToFineSteps> = {
  schema: v.pipe(
    v.string(),
    v.regex(STAGES),
    v.transform((text) => {
      const [hyperparameter, tensor] = text.split(",").map(Number) as [number, number];
      return { hyperparameter, tensor };
    }),
  ),
  allowed: "two whole numbers of outer steps such as 5,5: by hyperparameter, then by tensor",
};

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

export interface OuterFlags {
  readonly optimizer?: OptimizerName;
  readonly outerRate?: number;
  /** Most of the hypergradient's length. */
  readonly clip?: number;
  readonly coarseToFine?: outer.CoarseToFineSteps;
}

/** That optimiser, with what the options put around it: the hypergradient is clipped first, and then tied. */
export function outerOf(
  { optimizer, outerRate, clip, coarseToFine }: OuterFlags,
  own: OuterOptimizer | undefined,
): OuterOptimizer | undefined {
  const chosen = outerOptimizer(optimizer, outerRate, own);
  if (clip === undefined && coarseToFine === undefined) return chosen;
  const inner = chosen ?? own ?? outer.adam({ rate: OPTIMIZERS.adam.usual! });
  const staged = coarseToFine === undefined ? inner : restaged(inner, coarseToFine);
  return clip === undefined ? staged : outer.clipped(staged, { norm: clip });
}

/** With these stages in the place of those it has; none where both are 0. */
function restaged(own: OuterOptimizer, steps: outer.CoarseToFineSteps): OuterOptimizer {
  const fine = own.stages?.fine ?? own;
  return Object.values(steps).some((count) => count > 0) ? outer.coarseToFine(fine, steps) : fine;
}
