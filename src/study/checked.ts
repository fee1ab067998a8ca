import type { Point } from "../data/point.ts";
import { DrmadError, shownValue } from "../errors.ts";
import type { Hypergradient, Method } from "../hypergradient/method.ts";
import type { OuterOptimizer } from "../outer/optimizer.ts";
import type { Buffers, Rollout } from "../rollout/rollout.ts";

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

function requireFinite(what: string, numbers: readonly number[] | Float64Array): void {
  const bad = numbers.find((value) => !Number.isFinite(value));
  if (bad !== undefined) {
    throw new DrmadError("non-finite", `${what} is not finite: it holds ${bad}`, {
      hint: "Start from a smaller learning rate or a smaller initial scale.",
    });
  }
}

function requirePoint(what: string, { point }: Rollout, found: Point): void {
  for (const [name, { length }] of Object.entries(point)) {
    if (found[name]?.length !== length) {
      throw new DrmadError("invalid-argument", `${what} has ${found[name]?.length ?? "no"} numbers for ${name}`, {
        hint: `Give a Float64Array of ${length} for it, shaped like rollout.point.`,
      });
    }
    requireFinite(`${what} of ${name}`, found[name]);
  }
}

/**
 * A loss can be NaN at every step while its gradient is finite, that of log(−1) for one: then training goes on as if it were a
 * loss.
 * @throws DrmadError non-finite
 */
export async function requireFiniteLoss(rollout: Rollout, final: Buffers): Promise<void> {
  // A method of one's own may have no state at the end to look at.
  if (Object.keys(final).length === 0) return;
  const loss = await rollout.trainingLoss(final, rollout.steps - 1);
  if (Number.isFinite(loss)) return;
  throw new DrmadError("non-finite", `train.loss is ${loss} at the end of training, though the weights are finite`, {
    hint: "Look for a logarithm, a root or a power of a negative number in train.loss.",
  });
}

/**
 * A method, whoever wrote it, whose every number is finite or an error.
 * @throws DrmadError invalid-argument for what is no method
 */
export function checkedMethod(method: Method): Method {
  if (!isObject(method) || typeof method.run !== "function") {
    throw new DrmadError("invalid-argument", `the method is ${shownValue(method)}, which has no run function`, {
      hint: "Give a method such as reverse() or checkpointed({ checkpoints: 10 }), called, not its name.",
    });
  }
  return {
    name: method.name,
    exact: method.exact,
    ...(method.near === undefined ? {} : { near: method.near }),
    ...(method.settings && { settings: method.settings }),
    ...(method.fromDraw === undefined ? {} : { fromDraw: (draw: number) => checkedMethod(method.fromDraw!(draw)) }),
    async run(rollout): Promise<Hypergradient> {
      const result = await method.run(rollout);
      try {
        requireFinite(`the outer loss of ${method.name}`, [result.value]);
        requirePoint(`the direct part by ${method.name}`, rollout, result.direct);
        requirePoint(`the gradient by ${method.name}`, rollout, result.gradient);
        requireFinite(`the growth of ${method.name}`, [result.growth]);
        await requireFiniteLoss(rollout, result.final);
      } catch (error) {
        rollout.free(result.final);
        throw error;
      }
      return result;
    },
  };
}

/** @throws DrmadError invalid-argument for what is no outer optimiser */
export function requireOptimizer(optimizer: OuterOptimizer): void {
  if (!isObject(optimizer) || typeof optimizer.update !== "function" || typeof optimizer.init !== "function") {
    throw new DrmadError(
      "invalid-argument",
      `the optimizer is ${shownValue(optimizer)}, which has no update function`,
      {
        hint: "Give an optimizer such as outer.adam({ rate: 0.05 }), called, not its name.",
      },
    );
  }
}
