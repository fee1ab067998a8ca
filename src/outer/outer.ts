/** Optimisers of hyperparameters, in unconstrained coordinates. */
export { adam, type AdamOptions } from "./adam.ts";
export { clipped, type ClipLimits } from "./clipped.ts";
export { coarseToFine, type CoarseToFineState, type CoarseToFineSteps } from "./coarse-to-fine.ts";
export { lbfgs, type LbfgsOptions } from "./lbfgs.ts";
export { maclaurinAdam } from "./maclaurin-adam.ts";
export { rmsprop, type RmspropOptions } from "./rmsprop.ts";
export { sgd } from "./sgd.ts";
export { shared, type Ties } from "./shared.ts";
export { sign } from "./sign.ts";
