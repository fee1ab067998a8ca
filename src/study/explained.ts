import { DrmadError } from "../errors.ts";
import type { Rollout } from "../rollout/rollout.ts";

/**
 * An error about a run that stopped being finite, told with the step and the operation where that began. Any other error, and
 * one whose run is finite when it is replayed, comes back as it is. Cost: at most about two training runs, and interpreting one
 * step.
 * @param seconds how long interpreting may take, as estimated
 */
export async function explained(error: unknown, rollout: Rollout, seconds?: number): Promise<unknown> {
  if (!(error instanceof DrmadError && error.code === "non-finite")) return error;
  try {
    const found = await rollout.huntNonFinite({ after: error, ...(seconds === undefined ? {} : { seconds }) });
    if (found === undefined) return error;
    const { message, hint } = found;
    return new DrmadError("non-finite", `${error.message}; ${message}`, { hint, cause: error });
  } catch (failure) {
    // Whoever stops the search still learns what it was about.
    if (failure instanceof DrmadError && failure.code === "cancelled") return error;
    throw failure;
  }
}
