import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { failure } from "../../test/oracle/measure.ts";
import { evaluate } from "../engine/reference/engine.ts";
import * as nn from "../nn/nn.ts";
import { constant } from "../tensor/elementwise.ts";
import { toGraph } from "../tensor/graph.ts";
import { input } from "../tensor/layout.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { settingsAt, type Dynamics, type LeafState } from "./dynamics.ts";
import { momentum } from "./momentum.ts";
import { proximal } from "./proximal.ts";
import { sgd } from "./sgd.ts";

type Numbers = Readonly<Record<string, readonly number[]>>;
const w = input("w", [2]);
const g = input("g", [2]);
const v = input("v", [2]);
const before: LeafState = { weight: w, slots: { velocity: v } };

/** One step on two weights. */
function step(dynamics: Dynamics, feeds: Numbers): { w: number[]; v: number[] } {
  const after = dynamics.step(before, g, settingsAt(dynamics, "w", [2]));
  const outputs = { w: after.weight, v: after.slots["velocity"] ?? v };
  const given = Object.fromEntries(
    Object.entries(feeds).map(([name, data]) => [name, { data: Float64Array.from(data), shape: [2] }]),
  );
  const found = evaluate(toGraph(outputs), given);
  return { w: [...found["w"]!.data], v: [...found["v"]!.data] };
}
const FEEDS = { w: [1, -2], g: [0.5, 4], v: [-1, 3] };

describe("a step by hand", () => {
  test("sgd", () => {
    expect(step(sgd({ rate: 0.25 }), FEEDS).w).toEqual([0.875, -3]);
  });

  test("momentum: the new velocity moves the weights", () => {
    // v ← ¾·v − ¼·g = [−0.875, 1.25];  w ← w + ½ v
    expect(step(momentum({ rate: 0.5, decay: 0.75 }), FEEDS)).toEqual({ v: [-0.875, 1.25], w: [0.5625, -1.375] });
  });
});

describe("proximal: a soft threshold of rate · l1 after the step", () => {
  // The step gives [0.9, −0.1]; the threshold is 0.25 · 0.8.
  const feeds = { w: [1, -0.1], g: [0.4, 0], v: [-1, 3] };
  test("takes the threshold off, and stops at 0", () => {
    expect(step(proximal(sgd({ rate: 0.25 }), { l1: 0.8 }), feeds).w).toEqual([0.9 - 0.2, 0]);
    expect(step(proximal(sgd({ rate: 0.25 }), { l1: 0 }), feeds).w).toEqual([0.9, -0.1]);
  });

  test("keeps the slots of what it follows", () => {
    const inner = momentum({ rate: 0.5, decay: 0.75 });
    expect(step(proximal(inner, { l1: 1 }), FEEDS)).toEqual({ v: step(inner, FEEDS).v, w: [0.0625, -0.875] });
  });

  test("settles on the closed form of the lasso in one weight: soft(a, l1) for a loss ½(w − a)²", () => {
    const dynamics = proximal(sgd({ rate: 0.5 }), { l1: 0.3 });
    let weights = [2, 2];
    for (let t = 0; t < 100; t++)
      weights = step(dynamics, { w: weights, g: [weights[0]! - 1, weights[1]! + 0.2], v: [0, 0] }).w;
    expect(weights[0]).toBeCloseTo(0.7, 12);
    expect(weights[1]).toBe(0);
  });

  test("needs a rate", () => {
    const { rate: _, ...settings } = sgd({ rate: 1 }).settings;
    expect(() => proximal({ ...sgd({ rate: 1 }), settings }, { l1: 1 })).toThrow(
      expect.objectContaining(failure("invalid-argument", "no setting rate")),
    );
  });
});

describe("properties", () => {
  const number = fc.double({ min: -100, max: 100, noNaN: true });
  const pair = fc.tuple(number, number);
  const feeds = fc.record({ w: pair, g: pair, v: pair });
  const share = fc.double({ min: 0, max: 1, noNaN: true });

  test("a rate of 0 moves nothing", () => {
    fc.assert(
      fc.property(feeds, share, (given, decay) => {
        for (const still of [momentum({ rate: 0, decay }), sgd({ rate: 0 })]) {
          step(still, given).w.forEach((x, i) => expect(x === given.w[i]).toBe(true));
        }
      }),
    );
  });

  test("momentum without decay is sgd, bit for bit", () => {
    fc.assert(
      fc.property(feeds, share, (given, rate) => {
        const plain = step(sgd({ rate }), given).w;
        step(momentum({ rate, decay: 0 }), given).w.forEach((x, i) => expect(x === plain[i]).toBe(true));
      }),
    );
  });

  test("a decay of 1 keeps the velocity", () => {
    fc.assert(
      fc.property(feeds, share, (given, rate) => {
        step(momentum({ rate, decay: 1 }), given).v.forEach((x, i) => expect(x === given.v[i]).toBe(true));
      }),
    );
  });

  test("weights do not see each other: a step on two is two steps on one", () => {
    fc.assert(
      fc.property(feeds, share, share, (given, rate, decay) => {
        const dynamics = momentum({ rate, decay });
        const both = step(dynamics, given);
        const swapped = step(dynamics, Object.fromEntries(Object.entries(given).map(([k, [a, b]]) => [k, [b, a]])));
        expect(both).toEqual({ w: swapped.w.toReversed(), v: swapped.v.toReversed() });
      }),
    );
  });

  test("the velocity after a step is recovered from how the weights changed", () => {
    fc.assert(
      fc.property(feeds, fc.double({ min: 0.01, max: 1, noNaN: true }), share, (given, rate, decay) => {
        const dynamics = momentum({ rate, decay });
        const after = step(dynamics, given);
        const { velocity } = dynamics.recover!.slots(input("change", [2]), settingsAt(dynamics, "w", [2])) as { velocity: Tensor }; // prettier-ignore
        const feed = { data: Float64Array.from(after.w, (x, i) => x - given.w[i]!), shape: [2] };
        const recovered = evaluate(toGraph({ velocity }), { change: feed })["velocity"]!.data;
        after.v.forEach((x, i) => expect(recovered[i]).toBeCloseTo(x, 8));
      }),
    );
  });
});

const at = (rate: Parameters<typeof sgd>[0]["rate"], path = "0.W", shape: readonly number[] = [2, 3]): Tensor =>
  settingsAt(sgd({ rate }), path, shape)["rate"]!;

describe("settings", () => {
  test("a number, a tensor, a tree of either, a value for a whole branch", () => {
    const mine = input("mine", [2, 1]);
    expect(at(0.5)).toEqual(constant(0.5));
    expect(at(mine)).toBe(mine);
    expect(at([{ W: mine, b: 3 }])).toBe(mine);
    expect(at([{ W: mine, b: 3 }], "0.b", [3])).toEqual(constant(3));
    expect(at([mine], "0.W")).toBe(mine);
  });

  test("whatever broadcasts to the weights fits, and nothing else", () => {
    for (const shape of [[], [1], [3], [1, 3], [2, 1], [2, 3]]) expect(at(input("x", shape)).shape).toEqual(shape);
    for (const shape of [[2], [3, 2], [1, 2, 3], [5]]) {
      expect(() => at(input("x", shape))).toThrow(expect.objectContaining(failure("shape-mismatch", "sgd's rate")));
    }
  });

  test("a tree without a value for some weights is refused", () => {
    for (const tree of [[], [{ b: 1 }], [{ W: "fast" }]]) {
      expect(() => at(tree as never)).toThrow(expect.objectContaining(failure("invalid-experiment", "weights 0.W")));
    }
    expect(() => at(nn.mlp([2, 3]) as never)).toThrow(expect.objectContaining(failure("invalid-experiment")));
  });
});
