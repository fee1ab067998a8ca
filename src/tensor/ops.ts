/** What losses are written with: pure functions of tensors and numbers, shapes checked as they are called. */
export {
  abs, add, and, broadcastTo, cast, clip, constant, cos, div, equal, exp, greater, greaterEqual, less, lessEqual, log,
  maximum, minimum, mul, neg, not, or, pow, relu, sigmoid, sign, sin, softplus, sqrt, square, sub, tanh, where,
} from "./elementwise.ts"; // prettier-ignore
export { concat, detach, gather, literal, pad, reshape, slice, stack, transpose } from "./layout.ts";
export { argMax, logSumExp, max, mean, min, sum } from "./reduce.ts";
export { matmul } from "./matmul.ts";
export { einsum } from "./einsum.ts";
export { crossEntropy, gelu, layerNorm, logSoftmax, mse, oneHot, softmax } from "./compose.ts";
export type { Tensor } from "./tensor.ts";
