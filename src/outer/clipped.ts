import { mapPoint, normOf, type Point } from "../data/point.ts";
import { DrmadError, requireOptions } from "../errors.ts";
import { positive, requireInner, type OuterOptimizer } from "./optimizer.ts";

export interface ClipLimits {
  /** Most of the Euclidean length over all hyperparameters. */
  readonly norm?: number;
  /** Most of the size of each coordinate. */
  readonly value?: number;
}

/**
 * An optimiser that sees clipped hypergradients: each coordinate is brought into [−value, value], and then the whole, where
 * it is longer than `norm`, to that length:
 *
 *     g ← min(max(g, −value), value),        g ← g · min(1, norm / ‖g‖)
 *
 * Right: against rare steps where training is nearly chaotic and the hypergradient long. A norm keeps the direction, values
 * do not. Wrong: as a cure for hypergradients that are chaotic throughout, whose direction means nothing either; around
 * `sign`, which sees no lengths (nor does the first step of `adam`); around `lbfgs`, which takes the difference of clipped
 * gradients for curvature. Records of `tune` say at which steps it clipped; their `gradientNorm` is the length before.
 *
 * Source: Pascanu, Mikolov and Bengio 2013, "On the difficulty of training recurrent neural networks".
 */
export function clipped<S>(optimizer: OuterOptimizer<S>, limits: ClipLimits): OuterOptimizer<S> {
  requireInner("clipped", optimizer);
  requireOptions("outer.clipped", limits, { norm: "number?", value: "number?" });
  const { norm, value } = limits ?? {};
  if (norm === undefined && value === undefined) {
    throw new DrmadError("invalid-argument", "clipped has no limit", { hint: "Give a norm, a value, or both." });
  }
  if (norm !== undefined) positive("clipped", "norm", norm);
  if (value !== undefined) positive("clipped", "value", value);
  const shown = [
    ...(norm === undefined ? [] : [`norm ${norm}`]),
    ...(value === undefined ? [] : [`value ${value}`]),
  ].join(", ");

  const clip = (gradient: Point): Point => {
    const inside =
      value === undefined ? gradient : mapPoint(gradient, (g) => (Math.abs(g) > value ? value * Math.sign(g) : g));
    const length = normOf(inside);
    return norm === undefined || length <= norm ? inside : mapPoint(inside, (g) => g * (norm / length));
  };
  return {
    name: `${optimizer.name} clipped to ${shown}`,
    ...(optimizer.settings && { settings: { ...optimizer.settings, "clipped norm": norm, "clipped value": value } }),
    init: (point) => optimizer.init(point),
    update: (gradient, state, loss) => optimizer.update(clip(gradient), state, loss),
    clips(gradient, state) {
      const short = clip(gradient);
      const changed = Object.entries(gradient).some(([name, values]) => values.some((g, i) => g !== short[name]![i]));
      return changed || optimizer.clips?.(short, state) === true;
    },
    ...(optimizer.stages && { stages: { ...optimizer.stages, fine: clipped(optimizer.stages.fine, limits) } }),
    ...(optimizer.withRate === undefined
      ? {}
      : { withRate: (rate: number) => clipped(optimizer.withRate!(rate), limits) }),
  };
}
