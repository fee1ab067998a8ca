import * as ops from "../../src/tensor/ops.ts";
import { sample, type Sample } from "./sample.ts";

/** Samples of what is composed of the primitive operations. */
// prettier-ignore
export const COMPOSED: Readonly<Record<string, readonly Sample[]>> = {
  softmax: [
    sample("last axis", [[2, 3]], (x) => ops.softmax(x)),
    sample("first axis", [[3, 2]], (x) => ops.softmax(x, 0)),
    sample("an axis of size 1", [[3, 1]], (x) => ops.softmax(x)),
  ],
  logSoftmax: [
    sample("last axis", [[2, 3]], (x) => ops.logSoftmax(x)),
    sample("middle axis", [[2, 3, 2]], (x) => ops.logSoftmax(x, 1)),
  ],
  crossEntropy: [
    sample("labels", [[3, 4]], (x, i) => ops.crossEntropy(x, i!), { integers: [[2, 0, 2]] }),
    sample("probabilities that vary", [[3, 4], [3, 4]], (x, p) => ops.crossEntropy(x, ops.softmax(p))),
    sample("weights that vary", [[3, 4], [3]], (x, w, i) => ops.crossEntropy(x, i!, { weights: ops.exp(w) }), {
      integers: [[3, 1, 1]],
    }),
    sample("labels out of range count nothing", [[3, 4]], (x, i) => ops.crossEntropy(x, i!), {
      integers: [[2, -1, 4]],
    }),
    sample("behind a layer", [[3, 2], [2, 4], [4]], (x, w, b, i) =>
      ops.crossEntropy(ops.add(ops.matmul(ops.tanh(x), w), b), i!),
      { integers: [[2, 0, 3]] },
    ),
  ],
  mse: [
    sample("two tensors", [[2, 3], [2, 3]], (a, b) => ops.mse(a, ops.sin(b))),
    sample("a number", [[2, 3]], (a) => ops.mse(a, 0.5)),
  ],
  layerNorm: [
    sample("plain", [[2, 4]], (x) => ops.layerNorm(x)),
    sample("with scale and shift", [[2, 4], [4], [4]], (x, s, b) => ops.layerNorm(x, s, b, 1e-3)),
  ],
  gelu: [sample("a matrix", [[2, 3]], ops.gelu)],
  logSumExp: [
    sample("everything", [[2, 3]], (x) => ops.logSumExp(x)),
    sample("several axes kept", [[2, 3, 2]], (x) => ops.logSumExp(x, { axes: [0, 2], keepDims: true })),
    sample("of a number", [[]], (x) => ops.logSumExp(ops.sin(x))),
  ],
  mean: [
    sample("everything", [[2, 3]], (x) => ops.mean(ops.exp(x))),
    sample("an axis", [[2, 3]], (x) => ops.mean(ops.square(x), { axes: 1 })),
    sample("of truth values", [[4]], (x) => ops.mul(x, ops.mean(ops.less(x, 0)))),
  ],
  min: [
    sample("everything", [[2, 3]], (x) => ops.min(ops.sin(x))),
    sample("an axis kept", [[2, 3]], (x) => ops.min(x, { axes: 0, keepDims: true })),
  ],
  clip: [
    sample("between numbers", [[6]], (x) => ops.clip(ops.exp(x), 0.7, 2.1)),
    sample("between tensors", [[2, 3], [3]], (x, b) => ops.clip(x, ops.sub(b, 0.55), ops.add(b, 0.55))),
  ],
  square: [sample("of a sum", [[2, 3], [3]], (a, b) => ops.square(ops.add(a, b)))],
  greater: [sample("as a gate", [[4], [4]], (a, b) => ops.mul(a, ops.cast(ops.greater(a, b), "float")))],
  lessEqual: [sample("as a gate", [[4], [4]], (a, b) => ops.where(ops.lessEqual(a, b), ops.sin(a), b))],
  greaterEqual: [sample("as a gate", [[4], [4]], (a, b) => ops.where(ops.greaterEqual(a, b), ops.sin(a), b))],
  or: [sample("as a gate", [[4]], (x) => ops.where(ops.or(ops.less(x, -1), ops.less(1, x)), ops.square(x), x))],
  oneHot: [
    sample("times a tensor", [[3, 4]], (x, i) => ops.mul(ops.sin(x), ops.oneHot(i!, 4)), { integers: [[3, 0, 7]] }),
    sample("one class", [[3, 1]], (x, i) => ops.mul(x, ops.oneHot(i!, 1)), { integers: [[0, 1, 0]] }),
  ],
  stack: [
    sample("rows", [[3], [3]], (a, b) => ops.stack([a, ops.sin(b)])),
    sample("columns", [[3], [3]], (a, b) => ops.stack([a, ops.sin(b)], 1)),
    sample("a new last axis", [[2, 3], [2, 3]], (a, b) => ops.stack([a, b], -1)),
    sample("numbers", [[], []], (a, b) => ops.stack([a, ops.mul(a, b)])),
  ],
  einsum: [
    sample("bi,ij->bj", [[2, 3], [3, 4]], (a, b) => ops.einsum("bi,ij->bj", a, b)),
    sample("batches: bij,bjk->bik", [[2, 2, 3], [2, 3, 2]], (a, b) => ops.einsum("bij,bjk->bik", a, b)),
    sample("outer: i,j->ij", [[2], [3]], (a, b) => ops.einsum("i,j->ij", a, b)),
    sample("inner: i,i->", [[3], [3]], (a, b) => ops.einsum("i,i->", a, b)),
    sample("result turned: bi,ij->jb", [[2, 3], [3, 4]], (a, b) => ops.einsum("bi,ij->jb", a, b)),
    sample("a letter summed alone: bi,jk->bk", [[2, 3], [2, 2]], (a, b) => ops.einsum("bi,jk->bk", a, b)),
    sample("two inner letters: abc,bcd->ad", [[2, 3, 2], [3, 2, 2]], (a, b) => ops.einsum("abc,bcd->ad", a, b)),
    sample("one operand turned: ij->ji", [[2, 3]], (a) => ops.einsum("ij->ji", ops.sin(a))),
    sample("one operand summed: ijk->j", [[2, 3, 2]], (a) => ops.einsum("ijk->j", a)),
    sample("elementwise: ij,ij->ij", [[2, 3], [2, 3]], (a, b) => ops.einsum("ij,ij->ij", a, b)),
    sample("with a number: ,i->i", [[], [3]], (a, b) => ops.einsum(",i->i", a, b)),
  ],
};
