import type { Dynamics } from "../dynamics/dynamics.ts";
import { DECAY_DENOMINATOR } from "../engine/engine.ts";
import { DrmadError } from "../errors.ts";
import type { Problem } from "../problem/problem.ts";
import { add, cast, clip, mul, sub } from "../tensor/elementwise.ts";
import { detach } from "../tensor/layout.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** The nearest n/d with 0 < n < d; its derivative is taken to be 1 (straight through). */
export function quantisedDecay(decay: Tensor): Tensor {
  const numerator = cast(cast(add(mul(decay, DECAY_DENOMINATOR), 0.5), "int"), "float");
  const nearest = mul(clip(numerator, 1, DECAY_DENOMINATOR - 1), 1 / DECAY_DENOMINATOR);
  // γ + (n/d − γ) is n/d to the last bit: the two are so close that their difference is exact.
  return add(decay, detach(sub(nearest, decay)));
}

function quantised(dynamics: Dynamics): Dynamics {
  if (dynamics.name !== "momentum") {
    throw new DrmadError("unsupported", `${dynamics.name} cannot be taken back step by step: only momentum can`, {
      hint: "Use momentum as train.dynamics, or method checkpointed, which takes any dynamics.",
    });
  }
  return {
    ...dynamics,
    step: (state, gradient, settings, t) =>
      dynamics.step(state, gradient, { ...settings, decay: quantisedDecay(settings["decay"]!) }, t),
  };
}

/**
 * The problem with the decay of its momentum rounded to n/d wherever it is used: the run that is made in fixed point.
 * @throws DrmadError unsupported for other dynamics
 */
export const withQuantisedDecay = (problem: Problem): Problem => ({
  ...problem,
  dynamics: (h) => quantised(problem.dynamics(h)),
});
