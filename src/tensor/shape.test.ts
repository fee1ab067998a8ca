import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { DrmadError } from "../errors.ts";
import { input, scatterAdd } from "./layout.ts";
import * as ops from "./ops.ts";
import { broadcastShapes, normalizeAxes, sizeOf } from "./shape.ts";
import { callerLine } from "./caller.ts";

const x = (...shape: readonly number[]) => input(`x${shape.join("x")}`, shape);
const labels = input("labels", [3], "int");

function failure(f: () => unknown): DrmadError {
  try {
    f();
  } catch (error) {
    if (error instanceof DrmadError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

const lineOf = (error: Error): number => Number(/\.test\.ts:(\d+):/.exec(error.stack ?? "")?.[1]);

describe("a shape error names the operation, the shapes, and the line that asked", () => {
  test.each([
    ["add", "[2, 3] and [4]", () => ops.add(x(2, 3), x(4))],
    ["mul", "[2, 3] and [2]", () => ops.mul(x(2, 3), x(2))],
    ["pow", "[2] and [3]", () => ops.pow(x(2), x(3))],
    ["less", "[5] and [4]", () => ops.less(x(5), x(4))],
    ["maximum", "[5, 1, 2] and [4, 3]", () => ops.maximum(x(5, 1, 2), x(4, 3))],
    ["where", "[2] and [3] and [3]", () => ops.where(ops.less(x(2), 0), x(3), ops.sin(x(3)))],
    ["broadcastTo", "[2, 3] and [3]", () => ops.broadcastTo(x(2, 3), [3])],
    ["matmul", "[2, 3] and [4, 5]", () => ops.matmul(x(2, 3), x(4, 5))],
    ["matmul", "[3] and [3, 2]", () => ops.matmul(x(3), x(3, 2))],
    ["matmul", "[2] and [3]", () => ops.matmul(x(2, 4, 5), x(3, 5, 4))],
    ["reshape", "[2, 3] and [4, 2]", () => ops.reshape(x(2, 3), [4, 2])],
    ["reshape", "[2, 3] and [-1, -1]", () => ops.reshape(x(2, 3), [-1, -1])],
    ["reshape", "[2, 3] and [4, -1]", () => ops.reshape(x(2, 3), [4, -1])],
    ["transpose", "[2, 3]", () => ops.transpose(x(2, 3), [0, 0])],
    ["concat", "[2, 3] and [3, 2]", () => ops.concat([x(2, 3), x(3, 2)])],
    ["stack", "[1, 2]", () => ops.stack([x(2), ops.sin(x(2))], 2)],
    ["slice", "[4]", () => ops.slice(x(4), [2], [5])],
    ["pad", "[4]", () => ops.pad(x(4), [-1], [0])],
    ["gather", "[] and [3]", () => ops.gather(x(), labels)],
    ["gather", "[4] and [4]", () => ops.gather(x(4), x(4))],
    ["scatterAdd", "[3] and [2, 2] and [4, 2]", () => scatterAdd(labels, x(2, 2), [4, 2])],
    ["literal", "[3] and [2, 2]", () => ops.literal([1, 2, 3], [2, 2])],
    ["sum", "[2, 3]", () => ops.sum(x(2, 3), { axes: 2 })],
    ["max", "[2, 3]", () => ops.max(x(2, 3), { axes: [0, -2] })],
    ["argMax", "[]", () => ops.argMax(x())],
    ["softmax", "[2]", () => ops.softmax(x(2), 0.5)],
    ["crossEntropy", "[3] and [3]", () => ops.crossEntropy(x(3), labels)],
    ["crossEntropy", "[3, 2] and [2, 2]", () => ops.crossEntropy(x(3, 2), x(2, 2))],
    ["crossEntropy", "[3, 2] and [3, 1]", () => ops.crossEntropy(x(3, 2), labels, { weights: x(3, 1) })],
    ['einsum "ij,jk->ik"', "[2, 3] and [4, 5]", () => ops.einsum("ij,jk->ik", x(2, 3), x(4, 5))],
    ['einsum "ii->i"', "[2, 2]", () => ops.einsum("ii->i", x(2, 2))],
  ] as const)("%s of %s", (op, shapes, f) => {
    const error = failure(f);
    expect(error.code).toBe("shape-mismatch");
    expect(error.message).toContain(`${op} of ${shapes}:`);
    expect(error.message).toMatch(/shape\.test\.ts:\d+:\d+\)$/);
  });

  test("the line is the user's, however deep the operation lies inside drmad", () => {
    const here = lineOf(new Error("here"));
    const error = failure(() => ops.layerNorm(x(2, 4), x(3)));
    expect(error.message).toContain(`shape.test.ts:${here + 1}:`);
  });

  test("inside a callback the line is that of the callback", () => {
    const here = lineOf(new Error("here"));
    const error = failure(() =>
      [x(2), x(3)].reduce(
        (a, b) => ops.add(a, b),
      )); // prettier-ignore
    expect(error.message).toContain(`shape.test.ts:${here + 3}:`);
  });

  test("a CommonJS module in a folder with blanks is named in full, its outermost line too", () => {
    const folder = mkdtempSync(join(tmpdir(), "drmad "));
    mkdirSync(join(folder, "my losses (old)"));
    const file = join(folder, "my losses (old)", "loss.cjs");
    writeFileSync(file, "\nexports.line = globalThis.drmadCaller();\n");
    Object.assign(globalThis, { drmadCaller: callerLine });
    const loaded = createRequire(import.meta.url)(file) as { line: string };
    rmSync(folder, { recursive: true });
    expect(loaded.line).toMatch(/loss\.cjs:2:\d+$/);
    expect(loaded.line.startsWith(folder)).toBe(true);
  });

  test("a package is no place of the user's", () => {
    const folder = mkdtempSync(join(tmpdir(), "drmad-"));
    mkdirSync(join(folder, "node_modules", "other"), { recursive: true });
    const file = join(folder, "node_modules", "other", "index.cjs");
    writeFileSync(file, "exports.line = globalThis.drmadCaller();\n");
    Object.assign(globalThis, { drmadCaller: callerLine });
    const loaded = createRequire(import.meta.url)(file) as { line: string | undefined };
    rmSync(folder, { recursive: true });
    expect(loaded.line ?? "").not.toContain("node_modules");
  });

  test("the stack limit of the program is left as it was", () => {
    const before = Error.stackTraceLimit;
    callerLine();
    expect(Error.stackTraceLimit).toBe(before);
  });
});

describe("wrong kinds of operand are refused with a hint", () => {
  const i = input("i", [3], "int");
  const truth = ops.less(x(3), 0);
  test.each([
    ["add", () => ops.add(x(3), i)],
    ["mul", () => ops.mul(i, 0.5)],
    ["mul", () => ops.mul(truth, 2)],
    ["div", () => ops.div(i, 2)],
    ["exp", () => ops.exp(i)],
    ["where", () => ops.where(x(3), 1, 0)],
    ["oneHot", () => ops.oneHot(x(3), 2)],
    ["concat", () => ops.concat([])],
    ["add", () => ops.add([1, 2] as unknown as number, x(2))],
    ["sum", () => ops.sum(null as unknown as number)],
    ["einsum", () => ops.einsum("ij,jk->ik", x(2, 3))],
  ] as const)("%s", (op, f) => {
    const error = failure(f);
    expect(error.code).toBe("invalid-argument");
    expect(error.message).toContain(op);
    expect(error.hint).toBeTruthy();
  });

  test("matmul of integers", () => {
    expect(failure(() => ops.matmul(input("a", [2, 2], "int"), x(2, 2))).message).toContain("not int and float");
  });

  test("einsum: a result letter that no operand has", () => {
    expect(failure(() => ops.einsum("ij->ik", x(2, 3))).message).toContain("no operand has");
  });
});

test("shapes broadcast from the last axis", () => {
  expect(broadcastShapes("add", [[2, 1, 3], [4, 1], []])).toEqual([2, 4, 3]); // prettier-ignore
  expect(broadcastShapes("add", [])).toEqual([]);
  expect(broadcastShapes("add", [[1], [0]])).toEqual([0]); // prettier-ignore
  expect(sizeOf([])).toBe(1);
  expect(sizeOf([3, 0])).toBe(0);
});

test("axes are counted from either end, sorted, and may not repeat", () => {
  expect(normalizeAxes("sum", [2, 3, 4], [-1, 0])).toEqual([0, 2]);
  expect(normalizeAxes("sum", [2, 3, 4], undefined)).toEqual([0, 1, 2]);
  expect(() => normalizeAxes("sum", [2, 3], [1, -1])).toThrow("repeat");
});
