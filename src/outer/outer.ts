/** Optimisers of hyperparameters, in unconstrained coordinates. */
export { adam, type AdamOptions } from "./adam.ts";
export { sgd } from "./sgd.ts";
export { sign } from "./sign.ts";
