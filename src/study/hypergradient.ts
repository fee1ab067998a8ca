import { DrmadError, requireOptions, type ErrorCode } from "../errors.ts";
import type { Chosen, Method } from "../hypergradient/method.ts";
import type { Experiment } from "../problem/experiment.ts";
import { checkedMethod } from "./checked.ts";
import { explained } from "./explained.ts";
import { openSession, requireExperiment, SESSION_OPTIONS, type SessionOptions } from "./session.ts";

/** Why a run has no hypergradient, where that is a finding and no mistake of the caller. */
const FINDINGS = ["non-finite", "not-stationary", "not-converged"] as const;
type Finding = (typeof FINDINGS)[number];
const isFinding = (code: ErrorCode): code is Finding => (FINDINGS as readonly ErrorCode[]).includes(code);

/** A hypergradient, or why there is none: a diverged run gives an outcome, never a NaN. */
export type HypergradientResult =
  | {
      readonly outcome: "ok";
      /** The outer loss after training, plus the prior where the experiment has one: what the gradient is of. */
      readonly value: number;
      /** df/du for the unconstrained coordinates u of every hyperparameter tensor, row-major. */
      readonly gradient: Readonly<Record<string, Float64Array>>;
      /** ∂f/∂u at fixed weights. */
      readonly direct: Readonly<Record<string, Float64Array>>;
      /** Standard errors of the gradient's numbers, from methods that average random draws. */
      readonly standardError?: Readonly<Record<string, Float64Array>>;
      /** max over t of ‖dw_t‖ / ‖dw_T‖. */
      readonly growth: number;
      /**
       * The training step at which the adjoint, going back, first passed a thousand times its size at the end: from there on
       * training was chaotic, and the gradient is not to be trusted. Undefined where it did not.
       */
      readonly growthPassedAt?: number | undefined;
      /** Steps that a method with a growth limit swept exactly after all. */
      readonly replayedSteps?: number;
      /** What a method that chooses another has chosen. */
      readonly chosen?: Chosen;
      /**
       * Programs that were too large to be compared with the reference interpreter; nothing was compared, and nothing is
       * listed, with `trustEngine` or on that interpreter itself.
       */
      readonly unverified: readonly string[];
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
  requireExperiment(experiment);
  requireOptions("hypergradient", options, SESSION_OPTIONS);
  const checked = checkedMethod(method);
  const session = await openSession(experiment, options);
  try {
    const begin = performance.now();
    const { final, ...result } = await checked.run(session.rollout);
    session.rollout.free(final);
    const { unverified } = session.rollout;
    return { outcome: "ok", ...result, unverified, seconds: (performance.now() - begin) / 1000 };
  } catch (error) {
    const told = await explained(error, session.rollout);
    if (told instanceof DrmadError && isFinding(told.code)) return { outcome: told.code, message: told.message };
    throw told;
  } finally {
    await session.close();
  }
}
