/** Every way to a hypergradient. */
export { checkpointed } from "./checkpointed.ts";
export { directOnly, randomSign } from "./controls.ts";
export { drmad } from "./drmad.ts";
export { evograd } from "./evograd.ts";
export { finiteDifference } from "./finite-difference.ts";
export { forward } from "./forward.ts";
export { implicit } from "./implicit.ts";
export { oneStep } from "./one-step.ts";
export { persistentEvolution } from "./persistent-evolution.ts";
export { reverse } from "./reverse.ts";
export { reversible } from "./reversible.ts";
export { truncated } from "./truncated.ts";
