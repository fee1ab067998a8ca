import { afterAll, describe, expect, test } from "vitest";
import { floats, runProgram } from "../../test/run.ts";
import { toGraph } from "../tensor/graph.ts";
import { input } from "../tensor/layout.ts";
import * as ops from "../tensor/ops.ts";
import { blocksOf, type HeldArray, type Loop, type Program } from "./engine.ts";
import { nativeEngine } from "./onnx/session.ts";
import { referenceEngine } from "./reference/engine.ts";

const ENGINES = [
  referenceEngine(),
  nativeEngine({ precision: "float64", threads: 1 }),
  nativeEngine({ precision: "float32", threads: 1 }),
] as const;
const EACH = ENGINES.map((engine) => [`${engine.description.name} ${engine.description.precision}`, engine] as const);
afterAll(() => Promise.all(ENGINES.map((engine) => engine.close())));

const t = ops.cast(input("t", [], "int"), "float");
const k = input("k", [], "int");
const b = input("b", [], "int");
const w = input("w", [2]);
const sum = input("sum", [2]);
const list = (array: HeldArray | undefined): readonly number[] => [...array!.data];

// w ← w + t + knot of the block, with the sum over each block of the w before its steps.
const program = (direction: Loop["direction"]): Program => {
  const knots = input("knots", [1, 2], "float", { rows: true });
  const rows = input("rows", [1], "float", { rows: true });
  const left = ops.gather(knots, b);
  const right = ops.gather(knots, ops.add(b, 1));
  const next = ops.add(ops.add(w, t), ops.mul(ops.gather(rows, k), ops.sub(right, left)));
  return {
    name: "blocks",
    graph: toGraph({ next, sums: ops.add(sum, w), place: b, left }),
    loop: {
      carry: { w: "next" },
      scan: ["next", "place", "left"],
      direction,
      blocks: { length: 2, restart: { sum: "sums" }, end: toGraph({ mean: ops.mul(0.5, sum), after: w }) },
    },
  };
};

/** The same by hand. */
function byHand(
  direction: Loop["direction"],
  from: number,
  to: number,
  knots: readonly number[],
  rows: readonly number[],
) {
  const size = Math.min(2, to - from);
  let value = 1;
  const next: number[] = [];
  const place: number[] = [];
  const mean: number[] = [];
  const after: number[] = [];
  let total = 0;
  for (let i = 0; i < to - from; i++) {
    const step = direction === "forward" ? from + i : to - 1 - i;
    const block = Math.floor((step - from) / size);
    if (i % size === 0) total = 0;
    total += value;
    value += step + rows[step - from]! * (knots[block + 1]! - knots[block]!);
    next.push(value);
    place.push(block);
    if (i % size === size - 1) {
      mean.push(total / 2);
      after.push(value);
    }
  }
  return { next, place, mean, after };
}

const twice = (values: readonly number[]): number[] => values.flatMap((v) => [v, v]);

describe.each(EACH)("%s: a loop in blocks", (_, engine) => {
  test.each([
    ["forward", 0, 6],
    ["backward", 0, 6],
    ["forward", 4, 8],
    ["backward", 10, 11],
    ["forward", 2, 4],
  ] as const)("%s from %i to %i", async (direction, from, to) => {
    const knots = [1, 3, 7, 12];
    const rows = [1, 2, -1, 3, 0.5, 4].slice(0, to - from);
    const blocks = Math.ceil((to - from) / 2);
    const feeds = {
      w: floats([2], [1, 1]),
      knots: floats([blocks + 1, 2], twice(knots.slice(0, blocks + 1))),
      rows: floats([to - from], rows),
    };
    const got = await runProgram(engine, program(direction), feeds, { from, to });
    const want = byHand(direction, from, to, knots, rows);
    expect(list(got["place"])).toEqual(want.place);
    expect(list(got["next"])).toEqual(twice(want.next));
    expect(got["next"]!.shape).toEqual([to - from, 2]);
    expect(list(got["left"])).toEqual(twice(want.place.map((block) => knots[block]!)));
    expect(list(got["mean"])).toEqual(twice(want.mean));
    expect(got["mean"]!.shape).toEqual([blocks, 2]);
    expect(list(got["after"])).toEqual(twice(want.after));
    expect(list(got["w"])).toEqual(twice([want.next.at(-1)!]));
    expect(Object.keys(got).sort()).toEqual(["after", "left", "mean", "next", "place", "w"]);
  });

  test("of no steps keeps nothing", async () => {
    const feeds = { w: floats([2], [1, 1]), knots: floats([1, 2], [0, 0]), rows: floats([0], []) };
    const got = await runProgram(engine, program("forward"), feeds, { from: 3, to: 3 });
    expect([list(got["w"]), got["mean"]!.shape, got["next"]!.shape]).toEqual([
      [1, 1],
      [0, 2],
      [0, 2],
    ]);
  });

  test("refuses a run that ends in the middle of a block", async () => {
    const feeds = { w: floats([2], [1, 1]), knots: floats([2, 2], [0, 0, 0, 0]), rows: floats([3], [1, 1, 1]) };
    await expect(runProgram(engine, program("forward"), feeds, { from: 0, to: 3 })).rejects.toThrow(/blocks of 2/);
  });
});

test("a run is whole blocks, or one shorter one", () => {
  const blocks = { length: 4, restart: {} };
  expect(blocksOf(blocks, { from: 8, to: 20 })).toEqual({ count: 3, steps: 4 });
  expect(blocksOf(blocks, { from: 20, to: 23 })).toEqual({ count: 1, steps: 3 });
  expect(() => blocksOf(blocks, { from: 0, to: 6 })).toThrow(/6 steps/);
});
