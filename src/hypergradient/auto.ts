import { DrmadError, requireOptions } from "../errors.ts";
import type { Rollout } from "../rollout/rollout.ts";
import { isPlaced } from "../rollout/state.ts";
import { sizeOf } from "../tensor/shape.ts";
import type { Budget, Plan, Sizes, SizesForExact } from "./budget.ts";
import { reversibleIsFaster } from "./candidates.ts";
import type { Method } from "./method.ts";
import { planAuto, planExact } from "./plan.ts";
import { packedPath, storedPath } from "./reverse.ts";

async function sizesForExact(rollout: Rollout): Promise<SizesForExact> {
  const { steps, stateBytes, leaves, hypers } = rollout;
  const { reads } = await rollout.sweep(storedPath(steps));
  const placed = leaves.filter(isPlaced).map(({ name }) => name);
  return {
    steps,
    stateBytes,
    stepBytes: rollout.keptBytes(reads),
    snapshotBytes: rollout.keptBytes(placed, "int8"),
    coordinates: hypers.reduce((n, { shape }) => n + sizeOf(shape), 0),
  };
}

async function packedBytes(rollout: Rollout): Promise<Sizes["packed"]> {
  const bytes = async (storage: "float16" | "int8"): Promise<number> =>
    rollout.keptBytes((await rollout.sweep(packedPath(rollout.steps, storage))).reads, storage);
  return { float16: await bytes("float16"), int8: await bytes("int8") };
}

/** Bytes that `reversible` holds; undefined where it does not apply. */
async function reversibleBytes(rollout: Rollout): Promise<number | undefined> {
  try {
    const reversal = rollout.reversal();
    return await reversal.bytes((await reversal.sweep(storedPath(rollout.steps))).reads);
  } catch (error) {
    if (error instanceof DrmadError && error.code === "unsupported") return undefined;
    throw error;
  }
}

async function plan(rollout: Rollout, budget: Budget, mayReverse: boolean): Promise<Plan> {
  const sizes = await sizesForExact(rollout);
  const quick = planExact(sizes, budget);
  const asked = mayReverse && reversibleIsFaster(quick?.timeFactor ?? budget.time ?? Infinity);
  if (quick !== undefined && !asked) return quick;
  const bytes = asked ? await reversibleBytes(rollout) : undefined;
  const all = bytes === undefined ? sizes : { ...sizes, reversibleBytes: bytes };
  return planExact(all, budget) ?? planAuto({ ...all, packed: await packedBytes(rollout) }, budget);
}

const sound = (value: number): boolean => Number.isFinite(value) && value > 0;

/**
 * Chooses a method and its settings by the memory, and the time, that there is: the fastest exact one that fits, and an
 * approximation only where none does. `chosen` in the result says which, at what cost, and why.
 *
 *     exact          reverse (3.2 × plain training), checkpointed (fewest steps run again within the megabytes), forward,
 *                    reversible (6 ×, for momentum alone)
 *     approximate    reverse in float16, in int8, drmad along int8 snapshots, truncated to a tenth of training or more
 *
 * Right wherever a machine's memory is what is known; `checkpointed` practically always fits. Memory is counted exactly from
 * the sizes of states and stored steps, and never exceeds the megabytes; it counts what is kept of training beyond plain
 * training, and not the runtime's own work space. Times are multiples measured on the published problem: estimates elsewhere.
 *
 * Errors: `unsupported` where nothing fits, with the least megabytes that would; those of the chosen method.
 *
 * @param budget.time at most this multiple of plain training
 */
export function auto(budget: Budget): Method {
  requireOptions("methods.auto", budget, { megabytes: "number", time: "number?" });
  const { megabytes, time } = budget;
  if (!sound(megabytes) || (time !== undefined && !sound(time))) {
    const given = `${megabytes} MB${time === undefined ? "" : ` and ${time} times plain training`}`;
    throw new DrmadError("invalid-argument", `auto is given ${given}`, { hint: "Give finite numbers above 0." });
  }
  return {
    name: `auto ${megabytes} MB${time === undefined ? "" : ` ${time} times`}`,
    // Decided for each problem: `chosen` tells.
    exact: false,
    settings: { megabytes, time },
    async run(rollout) {
      const { method, ...chosen } = await plan(rollout, budget, true);
      try {
        return { ...(await method.run(rollout)), chosen };
      } catch (error) {
        // It has a range of numbers of its own; only a run tells whether training stays in it.
        const left = method.name === "reversible" && error instanceof DrmadError && error.code === "non-finite";
        if (!left) throw error;
        const { method: other, ...instead } = await plan(rollout, budget, false);
        return { ...(await other.run(rollout)), chosen: instead };
      }
    },
  };
}
