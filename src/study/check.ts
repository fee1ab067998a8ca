import { requireOptions } from "../errors.ts";
import { checkHypergradient, type CheckOptions, type GradientCheck } from "../hypergradient/check.ts";
import type { Method } from "../hypergradient/method.ts";
import { reverse } from "../hypergradient/reverse.ts";
import type { Experiment } from "../problem/experiment.ts";
import { checkedMethod } from "./checked.ts";
import type { TuneDefaults } from "./define.ts";
import { explained } from "./explained.ts";
import { openSession, requireExperiment, SESSION_OPTIONS, type SessionOptions } from "./session.ts";

/** Whoever checks an experiment waits for what is wrong with it. */
const INTERPRETING_SECONDS = 30;

/**
 * Checks an experiment's hypergradient against central differences in float64; see `checkHypergradient`.
 * An approximate method is not expected to pass: it is measured.
 */
export async function checkExperiment(
  experiment: Experiment,
  options: Omit<SessionOptions, "precision"> & CheckOptions & { readonly method?: Method } = {},
): Promise<GradientCheck> {
  requireExperiment(experiment);
  const { precision: _always64, ...sessionOptions } = SESSION_OPTIONS;
  requireOptions("checkExperiment", options, {
    ...sessionOptions,
    method: "method?",
    directions: "number?",
    tolerance: "number?",
    onDifference: "function?",
  });
  const method = checkedMethod(options.method ?? (experiment.options as TuneDefaults).method ?? reverse());
  const session = await openSession(experiment, { ...options, precision: "float64" });
  try {
    return await checkHypergradient(session.rollout, method, options);
  } catch (error) {
    throw await explained(error, session.rollout, INTERPRETING_SECONDS);
  } finally {
    await session.close();
  }
}
