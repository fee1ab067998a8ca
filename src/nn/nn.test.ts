import { describe, expect, test } from "vitest";
import { failure } from "../../test/oracle/measure.ts";
import { evaluate } from "../engine/reference/engine.ts";
import { toGraph } from "../tensor/graph.ts";
import { input } from "../tensor/layout.ts";
import * as ops from "../tensor/ops.ts";
import * as nn from "./nn.ts";

const W = input("W", [2, 3]);
const b = input("b", [3]);
const valueOf = (y: ops.Tensor): number =>
  evaluate(toGraph({ y }), {
    W: { data: Float64Array.of(1, 2, 3, 4, 5, 6), shape: [2, 3] },
    b: { data: Float64Array.of(1, 1, 2), shape: [3] },
  })["y"]!.data[0]!;

test("weights of crossEntropy multiply rows, and the sum is divided by their number, not by the sum of weights", () => {
  const logits = ops.literal([0, Math.log(3), 0, 0], [2, 2]);
  const labels = ops.literal([0, 1], [2], "int");
  const [first, second] = [Math.log(4), Math.log(2)];
  const weighted = (a: number, c: number): number =>
    valueOf(ops.crossEntropy(logits, labels, { weights: ops.literal([a, c], [2]) }));
  expect(weighted(0.5, 0.25)).toBeCloseTo((0.5 * first + 0.25 * second) / 2, 12);
  expect(weighted(1, 1)).toBeCloseTo(valueOf(ops.crossEntropy(logits, labels)), 12);
});

describe("l2", () => {
  test("takes numbers and tensors, one for all or a tree of them", () => {
    expect(valueOf(nn.l2({ W, b }, 2))).toBe(2 * 97);
    expect(valueOf(nn.l2({ W, b }, ops.constant(2)))).toBe(2 * 97);
    expect(valueOf(nn.l2({ W, b }, { W: ops.literal([1, 2], [2, 1]), b: 0 }))).toBe(14 + 2 * 77);
  });

  test.each([[[5, 1, 3]], [[5]], [[1, 2, 3]]])("a penalty of shape %j has an axis too many: of steps", (shape) => {
    expect(() => nn.l2({ W }, input("p", shape))).toThrow(
      expect.objectContaining({
        code: "shape-mismatch",
        hint: expect.stringContaining("per-step hyperparameters") as unknown,
      }),
    );
  });

  test("refuses weights without a penalty, and no weights", () => {
    expect(() => nn.l2({ W, b }, { W: 1 })).toThrow(expect.objectContaining(failure("invalid-argument", "weights b")));
    expect(() => nn.l2([], 1)).toThrow(expect.objectContaining(failure("invalid-argument", "no weights")));
  });
});

describe("l1", () => {
  test("is penalty times size, less than half the rounding away from it", () => {
    expect(valueOf(nn.l1({ W, b }, 2, { rounding: 1e-6 }))).toBeCloseTo(2 * 25, 4);
    expect(valueOf(nn.l1({ W, b }, { W: ops.literal([1, 2], [2, 1]), b: 0 }, { rounding: 1e-6 }))).toBeCloseTo(36, 4);
    expect(valueOf(nn.l1([ops.constant(3)], 1, { rounding: 4 }))).toBe(1);
    expect(valueOf(nn.l1([ops.constant(0)], 1))).toBe(0);
  });

  test("refuses a corner, and what l2 refuses, under its own name", () => {
    expect(() => nn.l1({ W }, 1, { rounding: 0 })).toThrow(
      expect.objectContaining(failure("invalid-argument", "the rounding 0")),
    );
    expect(() => nn.l1({ W, b }, { W: 1 })).toThrow(
      expect.objectContaining(failure("invalid-argument", "nn.l1 has no penalty for the weights b")),
    );
  });
});

/** What a parameter draws from a stream of the given numbers. */
function draws(values: readonly number[], ...ends: [number?, number?]): number[] {
  let i = 0;
  return [...nn.uniform([values.length], ...ends).draw(() => values[i++]!)];
}

describe("uniform", () => {
  test("draws from its interval, its lower end to its upper", () => {
    expect(draws([0, 0.25, 0.5])).toEqual([0, 0.25, 0.5]);
    expect(draws([0, 0.25, 0.5], -1, 3)).toEqual([-1, 0, 1]);
  });

  test.each([
    [1, 0],
    [0, Infinity],
    [NaN, 1],
  ])("refuses the interval from %j to %j", (low, high) => {
    expect(() => nn.uniform([2], low, high)).toThrow(
      expect.objectContaining(failure("invalid-argument", "cannot be uniform")),
    );
  });
});

test("forward names the activations that it knows", () => {
  expect(() => nn.forward([{ W, b }], W, "gelu" as never)).toThrow(
    expect.objectContaining(failure("invalid-argument", 'no activation "gelu"')),
  );
});

test("errorRate needs integer labels [n]", () => {
  expect(nn.errorRate(W, input("y", [2], "int")).shape).toEqual([]);
  for (const labels of [input("y", [2, 1], "int"), input("y", [2]), input("y", [3], "int")]) {
    expect(() => nn.errorRate(W, labels)).toThrow(expect.objectContaining(failure("shape-mismatch", "nn.errorRate")));
  }
});

test("operators of JavaScript on tensors are told apart from other mistakes", () => {
  const number = W as unknown as number;
  for (const [operand, part] of [
    [number * 2, "mul was given NaN"],
    [number + 1, "mul was given a string"],
  ] as const) {
    const hint = expect.stringContaining("ops.mul(a, b)") as string;
    expect(() => ops.mul(W, operand)).toThrow(expect.objectContaining({ ...failure("invalid-argument", part), hint }));
  }
  expect(ops.mul(W, ops.constant(NaN)).shape).toEqual(W.shape);
});

test("crossEntropy says that labels are integers, and operands are there", () => {
  expect(() => ops.crossEntropy(W, input("y", [2]))).toThrow(
    expect.objectContaining({ code: "shape-mismatch", hint: "labels must be integers: Int32Array.from(y)" }),
  );
  const nothing = undefined as never;
  const calls = [() => ops.crossEntropy(W, nothing), () => ops.crossEntropy(nothing, b), () => ops.matmul(W, nothing)];
  for (const call of calls) expect(call).toThrow(expect.objectContaining(failure("invalid-argument", "undefined")));
});
