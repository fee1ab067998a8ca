import { DrmadError, type ErrorCode } from "../errors.ts";
import type { Method } from "../hypergradient/method.ts";
import type { Experiment } from "../problem/experiment.ts";
import { checkedMethod } from "./checked.ts";
import { openSession, type SessionOptions } from "./session.ts";

/** Why a run has no hypergradient, where that is a finding and no mistake of the caller. */
const FINDINGS = ["non-finite", "not-stationary", "not-converged"] as const;
type Finding = (typeof FINDINGS)[number];
const isFinding = (code: ErrorCode): code is Finding => (FINDINGS as readonly ErrorCode[]).includes(code);

/** A hypergradient, or why there is none: a diverged run gives an outcome, never a NaN. */
export type HypergradientResult =
  | {
      readonly outcome: "ok";
      /** The outer loss after training. */
      readonly value: number;
      /** df/du for the unconstrained coordinates u of every hyperparameter tensor, row-major. */
      readonly gradient: Readonly<Record<string, Float64Array>>;
      /** ∂f/∂u at fixed weights. */
      readonly direct: Readonly<Record<string, Float64Array>>;
      /** max over t of ‖dw_t‖ / ‖dw_T‖. */
      readonly growth: number;
      readonly seconds: number;
    }
  | { readonly outcome: Finding; readonly message: string };

/**
 * The hypergradient of an experiment at its starting hyperparameters, by one method.
 * @throws DrmadError for everything but divergence, and an implicit method's refusal
 */
export async function hypergradient(
  experiment: Experiment,
  method: Method,
  options: SessionOptions = {},
): Promise<HypergradientResult> {
  const checked = checkedMethod(method);
  const session = await openSession(experiment, options);
  try {
    const begin = performance.now();
    const { final, ...result } = await checked.run(session.rollout);
    session.rollout.free(final);
    return { outcome: "ok", ...result, seconds: (performance.now() - begin) / 1000 };
  } catch (error) {
    if (error instanceof DrmadError && isFinding(error.code)) return { outcome: error.code, message: error.message };
    throw error;
  } finally {
    await session.close();
  }
}
