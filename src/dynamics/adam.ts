import { requireOptions, type OptionNames } from "../errors.ts";
import { add, div, mul, sqrt, square, sub } from "../tensor/elementwise.ts";
import { weightOfAverage } from "./bias-correction.ts";
import type { Dynamics, Setting } from "./dynamics.ts";
import { root } from "./second-moment.ts";

export interface AdamSettings {
  readonly rate: Setting;
  /** β₁ */
  readonly first?: Setting;
  /** β₂ */
  readonly second?: Setting;
  readonly epsilon?: Setting;
}

export const ADAM_OPTIONS: OptionNames<AdamSettings> = {
  rate: "setting",
  first: "setting?",
  second: "setting?",
  epsilon: "setting?",
};

export const ADAM_DOMAINS = {
  rate: "0 or above",
  first: "from 0, below 1",
  second: "from 0, below 1",
  epsilon: "above 0",
} as const;

/**
 * Adam: a moving average of gradients divided by the root of one of their squares, both corrected for beginning at 0.
 *
 *     m_{t+1} = β₁ m_t + (1 − β₁) g_t             m_0 = 0
 *     s_{t+1} = β₂ s_t + (1 − β₂) g_t²            s_0 = 0
 *     m̂ = m_{t+1} / (1 − β₁ᵗ⁺¹),   ŝ = s_{t+1} / (1 − β₂ᵗ⁺¹)
 *     w_{t+1} = w_t − α_t m̂ / (√ŝ + ε)
 *
 * Elsewhere: PyTorch `Adam(lr=α, betas=(β₁, β₂), eps=ε)`, with its defaults. As there, a β with a value for every step enters
 * the correction as its value of the step, to the power of t + 1. Keras has ε in another place: √s + ε before the correction.
 *
 * Where a gradient has been 0 so far, as behind a pixel that is never on, the step is differentiated as m̂/ε, which is right:
 * see `root`. That is large: a weight whose gradient hyperparameters can switch on moves by α at once.
 *
 * On `drmad`'s paths averages lie on the line through the kept ones, as the weights do. How good that is, on a 64-50-50-10
 * network on the digits with an L2 penalty per input, T = 200: with 16 snapshots the penalties' gradient has cosine 0.997 to the
 * exact one, and those in α, β₁, β₂ and ε are 1.08, 0.73, 6.9 and 0.85 of theirs (with 64: 1.02, 0.96, 3.5, 0.95); along the
 * straight line all are lost (cosine 0.05, 56 times too long).
 *
 * @param settings `rate` α ≥ 0, `first` 0 ≤ β₁ < 1, 0.9 unless told, `second` 0 ≤ β₂ < 1, 0.999 unless told, `epsilon` ε > 0,
 * 1e-8 unless told: each a number, a tensor that broadcasts to every weight tensor, or a tree nested like the weights (a
 * group's value serves all below it). With β₂ = 0 the step has a kink at gradients of 0, where m/√s gets no derivative in s.
 * @throws DrmadError as the experiment is traced: shape-mismatch for a setting that does not broadcast to its weights,
 * invalid-experiment for a number outside its domain
 *
 * Source: Kingma and Ba 2015, arXiv 1412.6980, algorithm 1.
 */
export function adam(options: AdamSettings): Dynamics {
  requireOptions("dynamics.adam", options, ADAM_OPTIONS);
  const { rate, first = 0.9, second = 0.999, epsilon = 1e-8 } = options;
  return {
    name: "adam",
    settings: { rate, first, second, epsilon },
    domains: ADAM_DOMAINS,
    slots: ["mean", "square"],
    step: adamStep,
  };
}

export const adamStep: Dynamics["step"] = ({ weight, slots }, gradient, { rate, first, second, epsilon }, t) => {
  const mean = add(mul(first!, slots["mean"]!), mul(sub(1, first!), gradient));
  const s = add(mul(second!, slots["square"]!), mul(sub(1, second!), square(gradient)));
  const spread = div(root(s), sqrt(weightOfAverage(second!, t)));
  const change = div(mul(div(rate!, weightOfAverage(first!, t)), mean), add(spread, epsilon!));
  return { weight: sub(weight, change), slots: { mean, square: s } };
};
