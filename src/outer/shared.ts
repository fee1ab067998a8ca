import { mapPoint, type Point } from "../data/point.ts";
import { DrmadError } from "../errors.ts";
import { requireInner, type OuterOptimizer, type Update } from "./optimizer.ts";

/** What moves together: all numbers of a hyperparameter, or all of each of its tensors. */
export type Ties = "hyperparameter" | "tensor";

/** The name of a tied coordinate; dots join a hyperparameter's name and the path of its tensor. */
const tieOf = (ties: Ties, name: string): string => (ties === "tensor" ? name : name.split(".")[0]!);

/** Sᵀ g: one number for all that moves together. */
export function tied(gradient: Point, ties: Ties): Point {
  const sums: Record<string, Float64Array> = {};
  for (const [name, values] of Object.entries(gradient)) {
    const sum = (sums[tieOf(ties, name)] ??= new Float64Array(1));
    for (const value of values) sum[0]! += value;
  }
  return sums;
}

/** S c */
const spread = (change: Point, ties: Ties, like: Point): Point =>
  mapPoint(like, (_, name) => change[tieOf(ties, name)]![0]!);

/**
 * An optimiser of tied coordinates: all numbers of a hyperparameter (`"hyperparameter"`), or of each of its tensors
 * (`"tensor"`: a layer's weights, a layer's biases), move by the same amount. With S of zeros and ones that says which
 * numbers share a coordinate c:
 *
 *     u = u₀ + S c,        ∂f/∂c = Sᵀ ∂f/∂u
 *
 * and the optimiser moves c, which begins at 0. Differences between the numbers at the start stay. It is what tuning the same
 * experiment with `hyper.scalar` would be, where the numbers begin equal. Values of different steps (`perStep`) are tied too.
 *
 * Right: against overfitting few validation rows with many hyperparameters, and as the coarse stage of `coarseToFine`. The
 * gradient is the sum over a group, not its mean: with `sgd`, steps are as much longer as the group is large.
 */
export function shared<S>(optimizer: OuterOptimizer<S>, ties: Ties): OuterOptimizer<S> {
  requireInner("shared", optimizer);
  requireTies(ties);
  return {
    name: `${optimizer.name} shared by ${ties}`,
    ...(optimizer.settings && { settings: { ...optimizer.settings, "shared by": ties } }),
    init: (point) => optimizer.init(mapPoint(tied(point, ties), () => 0)),
    update(gradient, state, value): Update<S> {
      const update = optimizer.update(tied(gradient, ties), state, value);
      return { ...update, change: spread(update.change, ties, gradient) };
    },
    ...(optimizer.clips === undefined
      ? {}
      : { clips: (gradient: Point, state: S) => optimizer.clips!(tied(gradient, ties), state) }),
    ...(optimizer.withRate === undefined
      ? {}
      : { withRate: (rate: number) => shared(optimizer.withRate!(rate), ties) }),
  };
}

function requireTies(ties: Ties): void {
  if (ties === "hyperparameter" || ties === "tensor") return;
  throw new DrmadError("invalid-argument", `shared by ${JSON.stringify(ties)}`, {
    hint: 'Give "hyperparameter" or "tensor".',
  });
}
