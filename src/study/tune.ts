import type { Experiment } from "../problem/experiment.ts";
import type { TuneResult } from "./events.ts";
import { runStudy } from "./run.ts";
import type { TuneOptions } from "./settings.ts";

export type { TuneOptions } from "./settings.ts";

/**
 * Tunes an experiment's hyperparameters by gradient descent on its validation loss: every outer step trains once,
 * differentiates through that training, and moves; a prior is descended with it. The step with the lowest validation loss is
 * the result. The test split is evaluated at the untuned start and at that result, and chooses nothing.
 *
 * @throws DrmadError for bad input; `non-finite` where even the untuned start diverges, `not-stationary` and `not-converged`
 * where a method refuses it; `invalid-experiment` where one of its metrics is not finite; `cancelled` before its first step. A
 * run stopped later gives the result reached, with its reason.
 */
export const tune = (experiment: Experiment, options: TuneOptions = {}): Promise<TuneResult> =>
  runStudy(experiment, options);
