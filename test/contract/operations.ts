import * as ops from "../../src/tensor/ops.ts";
import { alias, scatterAdd } from "../../src/tensor/layout.ts";
import { pack, unpack } from "../../src/tensor/pack.ts";
import { sumKeeping } from "../../src/tensor/reduce.ts";
import type { Op, Tensor } from "../../src/tensor/tensor.ts";
import { sample, type Sample } from "./sample.ts";

const real = (i: Tensor): Tensor => ops.mul(0.37, ops.cast(i, "float"));

type Unary = (x: Tensor) => Tensor;
type Binary = (a: Tensor, b: Tensor) => Tensor;

const everyRank = (f: Unary, domain: Sample["domain"] = "real"): readonly Sample[] => [
  sample("of a matrix", [[2, 3]], f, { domain }),
  sample("of one number", [[]], f, { domain }),
];

/** All the ways two shapes can meet. */
const broadcasting = (f: Binary, domain: Sample["domain"] = "real"): readonly Sample[] => [
  sample("equal shapes", [[2, 3], [2, 3]], f, { domain }),
  sample("a row", [[2, 3], [3]], f, { domain }),
  sample("a column", [[2, 1], [2, 3]], f, { domain }),
  sample("a row and a column", [[3, 1], [1, 2]], f, { domain }),
  sample("a number", [[], [2, 2]], f, { domain }),
  sample("two numbers", [[], []], f, { domain }),
  sample("a leading axis", [[2, 1, 2], [3, 1]], f, { domain }),
  sample("axes of size 1 on both sides", [[1, 3], [1, 1]], f, { domain }),
  sample("the same operand twice", [[4]], (x) => f(x, x), { domain }),
]; // prettier-ignore

/** A truth-valued operation, seen through a selection. */
const choosing = (condition: Binary): readonly Sample[] => [
  sample("between two tensors", [[2, 3], [2, 3]], (a, b) => ops.where(condition(a, b), ops.square(a), ops.sin(b))),
  sample("broadcast", [[3], [2, 1]], (a, b) => ops.where(condition(a, b), ops.mul(a, b), ops.exp(b))),
  sample("as a value", [[2, 3], [3]], condition),
]; // prettier-ignore

const TRANSPOSED = [
  [false, false],
  [false, true],
  [true, false],
  [true, true],
] as const;

const flip = (shape: readonly number[], yes: boolean): readonly number[] =>
  yes ? [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!] : shape;

const products: readonly Sample[] = TRANSPOSED.flatMap(([transposeA, transposeB]) => {
  const f: Binary = (a, b) => ops.matmul(a, b, { transposeA, transposeB });
  const named = (name: string, a: readonly number[], b: readonly number[]): Sample =>
    sample(
      `${name}${transposeA ? ", a transposed" : ""}${transposeB ? ", b transposed" : ""}`,
      [flip(a, transposeA), flip(b, transposeB)],
      f,
    );
  return [
    named("matrices", [2, 3], [3, 4]),
    named("batches", [2, 2, 3], [2, 3, 2]),
    named("a batch with one matrix", [3, 2, 3], [3, 2]),
    named("one matrix with a batch", [2, 3], [2, 3, 2]),
    named("batches of size 1 that stretch", [2, 1, 2, 3], [3, 3, 2]),
    named("a row with a column", [1, 3], [3, 1]),
    named("a column with a row", [3, 1], [1, 2]),
  ];
});

/** Samples of every primitive operation: leaving one out does not type-check. */
export const OPERATIONS: { readonly [O in Op]: readonly Sample[] } = {
  input: [
    sample("returned as it is", [[2, 3]], (x) => x),
    sample("a number", [[]], (x) => x),
    sample("of integers", [[3]], (x, i) => ops.mul(x, ops.cast(i!, "float")), { integers: [[3, -1, 2]] }),
  ],
  constant: [
    sample("stretches in a sum", [[3]], (x) => ops.add(x, ops.constant(0.7, [2, 3]))),
    sample("laid out where a shape counts", [[1, 3]], (x) => ops.concat([x, ops.constant(-0.3, [2, 3])])),
    sample("as a matrix", [[2, 3]], (x) => ops.matmul(x, ops.constant(0.6, [3, 2]))),
    sample("minus zero", [[2]], (x) => ops.mul(x, ops.div(1, ops.add(2, ops.maximum(x, ops.constant(-0)))))),
    sample("as the whole result", [[2]], (x) => ops.mul(x, 0)),
  ],
  literal: [
    sample("in a product", [[2, 3]], (x) => ops.mul(x, ops.literal([0.3, -1.2, 2.5]))),
    sample("in a matrix product", [[2, 2]], (x) => ops.matmul(ops.literal([1, 2, 3, 4, 5, 6], [3, 2]), x)),
    sample("of integers", [[4]], (x) => ops.gather(x, ops.literal([2, 0, 2], [3], "int"))),
  ],

  neg: [...everyRank(ops.neg), sample("of a product", [[3]], (x) => ops.neg(ops.mul(3, ops.sin(x))))],
  exp: everyRank(ops.exp),
  log: everyRank(ops.log, "positive"),
  sqrt: everyRank(ops.sqrt, "positive"),
  tanh: everyRank(ops.tanh),
  sigmoid: everyRank(ops.sigmoid),
  softplus: everyRank(ops.softplus),
  relu: [...everyRank(ops.relu), sample("of a curve", [[2, 3]], (x) => ops.relu(ops.sub(ops.square(x), 0.8)))],
  abs: everyRank((x) => ops.abs(ops.mul(x, ops.cos(x)))),
  sign: everyRank((x) => ops.mul(ops.square(x), ops.sign(x))),
  sin: everyRank(ops.sin),
  cos: everyRank(ops.cos),
  not: choosing((a, b) => ops.not(ops.less(a, b))),

  add: broadcasting(ops.add),
  sub: broadcasting(ops.sub),
  mul: broadcasting(ops.mul),
  div: [
    ...broadcasting(ops.div),
    sample("of a number", [[3]], (x) => ops.div(2.5, x)),
    sample("by a number", [[3]], (x) => ops.div(ops.sin(x), 2.5)),
  ],
  pow: [
    ...broadcasting(ops.pow, "positive"),
    ...[3, 2.5, -2, -0.5].map((p) => sample(`exponent ${p}`, [[4]], (x) => ops.pow(x, p), { domain: "positive" })),
    sample("whole exponent of numbers of either sign", [[5]], (x) => ops.pow(x, 3)),
    sample("of a number", [[4]], (x) => ops.pow(1.7, x)),
  ],
  minimum: [
    ...broadcasting((a, b) => ops.minimum(ops.sin(a), b)),
    sample("with a number", [[5]], (x) => ops.minimum(x, 0.2)),
  ],
  maximum: [
    ...broadcasting((a, b) => ops.maximum(ops.sin(a), b)),
    sample("with a number", [[5]], (x) => ops.maximum(x, 0.2)),
  ],
  less: choosing(ops.less),
  equal: choosing((a, b) => ops.equal(ops.sign(a), ops.sign(b))),
  and: choosing((a, b) => ops.and(ops.less(a, b), ops.less(-1, a))),
  where: [
    sample("a branch not taken may be infinite", [[4]], (x) =>
      ops.where(ops.less(x, 0), ops.square(x), ops.add(ops.sin(x), ops.where(ops.less(x, 0), Infinity, 0))),
    ),
    sample("condition stretches", [[3], [2, 3]], (a, b) => ops.where(ops.less(a, 0), ops.mul(a, b), ops.sin(b))),
    sample("branches stretch", [[2, 3], [3], [2, 1]], (c, a, b) => ops.where(ops.less(0, c), a, b)),
    sample("numbers for branches", [[4]], (x) => ops.mul(x, ops.where(ops.less(x, 0), 2, -3))),
  ], // prettier-ignore
  cast: [
    sample("truth to numbers", [[4]], (x) => ops.mul(ops.square(x), ops.cast(ops.less(x, 0), "float"))),
    sample("numbers to integers", [[6]], (x) => ops.mul(x, ops.cast(ops.cast(ops.mul(x, 3), "int"), "float"))),
    sample("integers to truth", [[3]], (x, i) => ops.where(ops.cast(i!, "bool"), ops.sin(x), x), {
      integers: [[0, 2, -1]],
    }),
  ],

  sum: [
    sample("everything", [[2, 3]], (x) => ops.sum(ops.exp(x))),
    sample("of a product", [[2, 3], [2, 3]], (a, b) => ops.sum(ops.mul(a, b))),
    sample("of squares", [[2, 3]], (x) => ops.sum(ops.square(x))),
    sample("first axis", [[2, 3]], (x) => ops.sum(x, { axes: 0 })),
    sample("last axis kept", [[2, 3]], (x) => ops.sum(ops.sin(x), { axes: -1, keepDims: true })),
    sample("several axes", [[2, 3, 2]], (x) => ops.sum(x, { axes: [0, 2] })),
    sample("an axis of size 1", [[1, 3]], (x) => ops.sum(ops.sin(x), { axes: 0 })),
    sample("of a number", [[]], (x) => ops.sum(ops.sin(x))),
    sample("of something stretched", [[1, 3]], (x) => sumKeeping(ops.broadcastTo(x, [4, 3]), [0])),
    sample("of something stretched, over another axis", [[1, 3]], (x) => sumKeeping(ops.broadcastTo(x, [4, 3]), [1])),
    sample("of truth values", [[4]], (x) => ops.mul(ops.sum(x), ops.sum(ops.less(x, 0)))),
    sample("of integers", [[2]], (x, i) => ops.mul(x, ops.cast(ops.sum(ops.broadcastTo(i!, [2, 3])), "float")), {
      integers: [[1, 5, -2]],
    }),
  ], // prettier-ignore
  reduceMax: [
    sample("everything", [[2, 3]], (x) => ops.max(ops.sin(x))),
    sample("last axis", [[2, 3]], (x) => ops.max(x, { axes: -1 })),
    sample("several axes kept", [[2, 3, 2]], (x) => ops.max(ops.mul(x, x), { axes: [0, 2], keepDims: true })),
    sample("an axis of size 1", [[2, 1]], (x) => ops.max(ops.sin(x), { axes: 1 })),
    sample("of a number", [[]], (x) => ops.max(ops.sin(x))),
  ],
  argMax: [
    sample("as a value, last axis", [[2, 3]], (x) => ops.argMax(x)),
    sample("as a value, first axis", [[3, 2]], (x) => ops.argMax(x, 0)),
    sample("picks a row", [[2, 3], [3, 2]], (x, table) =>
      ops.mul(ops.sum(x), ops.gather(table, ops.argMax(x))),
    ),
  ], // prettier-ignore

  matmul: [
    ...products,
    sample("a square of one matrix", [[3, 3]], (x) => ops.matmul(x, x)),
    sample("with itself transposed", [[2, 3]], (x) => ops.matmul(x, x, { transposeB: true })),
  ],
  reshape: [
    sample("to a row", [[2, 3]], (x) => ops.reshape(ops.sin(x), [6])),
    sample("with a size left open", [[2, 3]], (x) => ops.reshape(x, [3, -1])),
    sample("of a number", [[]], (x) => ops.reshape(ops.sin(x), [1, 1])),
    sample("to a number", [[1, 1]], (x) => ops.reshape(ops.sin(x), [])),
  ],
  transpose: [
    sample("a matrix", [[2, 3]], (x) => ops.transpose(ops.sin(x))),
    sample("three axes turned", [[2, 3, 4]], (x) => ops.transpose(x, [2, 0, 1])),
    sample("twice", [[2, 3, 2]], (x) => ops.transpose(ops.sin(ops.transpose(x, [1, 2, 0])), [1, 2, 0])),
  ],
  broadcast: [
    sample("a row", [[3]], (x) => ops.broadcastTo(ops.sin(x), [2, 3])),
    sample("a column", [[2, 1]], (x) => ops.broadcastTo(x, [2, 3])),
    sample("a number", [[]], (x) => ops.broadcastTo(x, [2, 2])),
    sample("then joined", [[3], [1, 3]], (a, b) => ops.concat([ops.broadcastTo(a, [2, 3]), b])),
  ], // prettier-ignore
  concat: [
    sample("rows", [[1, 3], [2, 3]], (a, b) => ops.concat([a, ops.sin(b)])),
    sample("columns", [[2, 1], [2, 2], [2, 1]], (a, b, c) => ops.concat([a, b, c], -1)),
    sample("the same part twice", [[2]], (a) => ops.concat([a, ops.sin(a), a])),
    sample("with a part that does not vary", [[2]], (a) => ops.concat([ops.literal([1, 2, 3]), a])),
  ], // prettier-ignore
  slice: [
    sample("inside", [[4, 3]], (x) => ops.slice(ops.sin(x), [1, 1], [3, 3])),
    sample("from the end", [[5]], (x) => ops.slice(x, [1], [-1])),
    sample("overlapping", [[5]], (x) => ops.mul(ops.slice(x, [0], [4]), ops.slice(x, [1], [5]))),
  ],
  pad: [
    sample("both sides", [[2, 2]], (x) => ops.pad(ops.sin(x), [1, 0], [0, 2])),
    sample("a constant", [[4]], (x) => ops.mul(x, ops.pad(ops.constant(2, [2]), [1], [1]))),
  ],
  gather: [
    sample("rows, some twice", [[4, 2]], (table, i) => ops.gather(ops.sin(table), i!), { integers: [[2, 0, 2, 3, 2]] }),
    sample("elements", [[4]], (table, i) => ops.gather(table, i!), { integers: [[1, 1, 3]] }),
    sample("one row", [[4, 2]], (table) => ops.gather(table, 2)),
    sample("a matrix of indices", [[4, 2]], (table, i) => ops.gather(table, ops.reshape(i!, [2, 2])), {
      integers: [[3, 1, 1, 0]],
    }),
    sample("rows from the end", [[4, 2]], (table, i) => ops.gather(table, i!), { integers: [[-1, -4, 1]] }),
  ],
  scatterAdd: [
    sample("rows, some on one place", [[4, 2]], (x, i) => scatterAdd(i!, ops.sin(x), [3, 2]), {
      integers: [[2, 0, 2, 2]],
    }),
    sample("elements", [[3]], (x, i) => scatterAdd(i!, x, [4]), { integers: [[1, 1, 3]] }),
    sample("one row", [[2, 2]], (x) => scatterAdd(ops.constant(1, [], "int"), x, [3, 2, 2])),
    sample("a matrix of indices", [[2, 2, 3]], (x, i) => scatterAdd(ops.reshape(i!, [2, 2]), x, [5, 3]), {
      integers: [[4, 1, 1, 0]],
    }),
  ],
  // Of numbers that do not vary: differences would step over the roundings.
  pack: [
    sample("as halves", [[2, 3]], (x, i) => ops.mul(x, ops.reshape(unpack(pack(real(i!), "float16")), [2, 3])), {
      integers: [[1, -2, 4099, 0, 5, -70000]],
    }),
    sample("as bytes", [[5]], (x, i) => ops.mul(x, unpack(pack(real(i!), "int8"))), { integers: [[3, -5, 250, 0, 7]] }),
  ],
  unpack: [
    sample("added", [[4]], (x, i) => ops.sin(ops.add(x, unpack(pack(real(i!), "float16")))), {
      integers: [[0, 1, 2, 3]],
    }),
    sample("zeros", [[2]], (x, i) => ops.mul(ops.exp(x), ops.add(1, unpack(pack(real(i!), "int8")))), {
      integers: [[0, 0]],
    }),
  ],
  detach: [
    sample("a shift that cancels", [[3]], (x) => {
      const shift = ops.detach(ops.sin(x));
      return ops.add(ops.log(ops.exp(ops.sub(x, shift))), shift);
    }),
    sample("of what does not vary", [[3]], (x, i) => ops.mul(x, ops.detach(ops.cast(i!, "float"))), {
      integers: [[2, 3, -4]],
    }),
  ],
  alias: [
    sample("in between", [[3]], (x) => ops.sin(alias(ops.exp(x)))),
    sample("beside the original", [[3]], (x) => ops.mul(alias(x), ops.sin(x))),
  ],
};
