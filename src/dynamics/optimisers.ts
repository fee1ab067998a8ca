/** Every way that training can move; all settings can be hyperparameters. */
export { adadelta } from "./adadelta.ts";
export { adagrad } from "./adagrad.ts";
export { adam } from "./adam.ts";
export { adamW } from "./adamw.ts";
export { heavyBall } from "./heavy-ball.ts";
export { momentum } from "./momentum.ts";
export { nesterov } from "./nesterov.ts";
export { proximal } from "./proximal.ts";
export { rmsprop } from "./rmsprop.ts";
export { sgd } from "./sgd.ts";
export type { Setting } from "./dynamics.ts";
