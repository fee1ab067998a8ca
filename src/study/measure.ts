import { DrmadError } from "../errors.ts";
import { measureFidelity, type Given } from "../hypergradient/fidelity.ts";
import type { Method } from "../hypergradient/method.ts";
import type { Rollout } from "../rollout/rollout.ts";
import { isMeasured, type FidelityPlan } from "./fidelity.ts";
import type { StudyEvent, StudyState } from "./state.ts";

/**
 * A step's method measured against the exact hypergradient, as an event. It only measures: where that fails, a warning says
 * so and the study goes on.
 * @throws DrmadError cancelled
 */
export const measurement = (rollout: Rollout, method: Method, step: number, given?: Given): Promise<StudyEvent> =>
  measureFidelity(rollout, method, { given }).then(
    (report): StudyEvent => ({ type: "fidelity", step, ...report }),
    (error: unknown): StudyEvent => {
      if (!(error instanceof DrmadError) || error.code === "cancelled") throw error;
      const message = `the fidelity of step ${step} could not be measured: ${error.message}`;
      return { type: "warning", message, unmeasured: step };
    },
  );

/** Whether a step is one to be measured, and was not yet. */
export const isDue = (plan: FidelityPlan, { unmeasured, fidelity }: StudyState, step: number): boolean =>
  isMeasured(plan, step) && !unmeasured.includes(step) && !fidelity.some((each) => each.step === step);
