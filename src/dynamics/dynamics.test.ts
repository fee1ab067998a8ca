import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { failure } from "../../test/oracle/measure.ts";
import { dense, grad } from "../autodiff/transform.ts";
import { evaluate } from "../engine/reference/engine.ts";
import * as nn from "../nn/nn.ts";
import { constant } from "../tensor/elementwise.ts";
import { toGraph } from "../tensor/graph.ts";
import { input } from "../tensor/layout.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { settingsAt, type Dynamics, type LeafState } from "./dynamics.ts";
import { weightOfAverage } from "./bias-correction.ts";
import { momentum } from "./momentum.ts";
import * as algorithms from "./optimisers.ts";
import { proximal } from "./proximal.ts";
import { sgd } from "./sgd.ts";

type Numbers = Readonly<Record<string, readonly number[]>>;
const w = input("w", [2]);
const g = input("g", [2]);
const v = input("v", [2]);
const before: LeafState = { weight: w, slots: { velocity: v } };

/** One step on two weights. */
function step(dynamics: Dynamics, feeds: Numbers): { w: number[]; v: number[] } {
  const after = dynamics.step(before, g, settingsAt(dynamics, "w", [2]), input("t", [], "int"));
  const outputs = { w: after.weight, v: after.slots["velocity"] ?? v };
  const given = Object.fromEntries(
    Object.entries(feeds).map(([name, data]) => [name, { data: Float64Array.from(data), shape: [2] }]),
  );
  const found = evaluate(toGraph(outputs), given);
  return { w: [...found["w"]!.data], v: [...found["v"]!.data] };
}

interface Setup {
  readonly w: number;
  readonly g: number;
  readonly slots?: Readonly<Record<string, number>>;
  /** Steps before this one. */
  readonly t?: number;
}
const scalarStep = (dynamics: Dynamics): LeafState =>
  dynamics.step(
    { weight: input("w", []), slots: Object.fromEntries(dynamics.slots.map((slot) => [slot, input(slot, [])])) },
    input("g", []),
    settingsAt(dynamics, "w", []),
    input("t", [], "int"),
  );
const numbers = (outputs: Readonly<Record<string, Tensor>>, { w, g, slots, t = 0 }: Setup): Record<string, number> => {
  const feeds = Object.entries({ w, g, t, ...slots });
  const given = Object.fromEntries(feeds.map(([name, x]) => [name, { data: Float64Array.of(x), shape: [] }]));
  const found = Object.entries(evaluate(toGraph(outputs), given));
  return Object.fromEntries(found.map(([name, { data }]) => [name, data[0]!]));
};
/** One step on one weight: the weight and the slots after it. */
function one(dynamics: Dynamics, setup: Setup): Record<string, number> {
  const { weight, slots } = scalarStep(dynamics);
  return numbers({ weight, ...slots }, setup);
}

const FEEDS = { w: [1, -2], g: [0.5, 4], v: [-1, 3] };

const near = (got: Record<string, number>, want: Record<string, number>): void => {
  expect(Object.keys(got).sort()).toEqual(Object.keys(want).sort());
  for (const [name, x] of Object.entries(want)) expect(got[name], name).toBeCloseTo(x, 12);
};

describe("a step by hand", () => {
  test("sgd", () => {
    expect(step(sgd({ rate: 0.25 }), FEEDS).w).toEqual([0.875, -3]);
  });

  test("momentum: the new velocity moves the weights", () => {
    // v ← ¾·v − ¼·g = [−0.875, 1.25];  w ← w + ½ v
    expect(step(momentum({ rate: 0.5, decay: 0.75 }), FEEDS)).toEqual({ v: [-0.875, 1.25], w: [0.5625, -1.375] });
  });

  test("heavy ball, and Nesterov's second look", () => {
    const before = { w: 1, g: 2, slots: { velocity: -4 } };
    near(one(algorithms.heavyBall({ rate: 0.25, decay: 0.5 }), before), { weight: -1.5, velocity: -2.5 });
    near(one(algorithms.nesterov({ rate: 0.25, decay: 0.5 }), before), { weight: 1 - 1.25 - 0.5, velocity: -2.5 });
  });

  test("rmsprop, adagrad and adadelta", () => {
    // s = ¾·4 + ¼·16 = 7, resp. 4 + 16
    const before = { w: 1, g: 4, slots: { square: 4 } };
    const s = 0.75 * 4 + 0.25 * 16;
    near(one(algorithms.rmsprop({ rate: 0.5, decay: 0.75, epsilon: 1 }), before), { weight: 1 - 2 / (Math.sqrt(s) + 1), square: s }); // prettier-ignore
    near(one(algorithms.adagrad({ rate: 0.5, epsilon: 1 }), before), {
      weight: 1 - 2 / (Math.sqrt(20) + 1),
      square: 20,
    });
    const d = (Math.sqrt(3 + 1) / Math.sqrt(s + 1)) * 4;
    near(
      one(algorithms.adadelta({ rate: 0.5, decay: 0.75, epsilon: 1 }), {
        ...before,
        slots: { square: 4, squaredStep: 3 },
      }),
      { weight: 1 - 0.5 * d, square: s, squaredStep: 0.75 * 3 + 0.25 * d * d },
    );
  });

  test("adam and adamW at the third step", () => {
    const before = { w: 2, g: 4, slots: { mean: 1, square: 4 }, t: 2 };
    const [m, s] = [0.5 * 1 + 0.5 * 4, 0.75 * 4 + 0.25 * 16];
    const change = (0.1 * (m / (1 - 0.5 ** 3))) / (Math.sqrt(s / (1 - 0.75 ** 3)) + 1);
    const settings = { rate: 0.1, first: 0.5, second: 0.75, epsilon: 1 };
    near(one(algorithms.adam(settings), before), { weight: 2 - change, mean: m, square: s });
    near(one(algorithms.adamW({ ...settings, weightDecay: 0.3 }), before), {
      weight: 0.97 * 2 - change,
      mean: m,
      square: s,
    });
  });
});

describe("where a gradient has been zero", () => {
  const [rate, epsilon] = [0.1, 1e-8];
  // What m / (√s + ε) is to first order: m / ε.
  const CASES: readonly (readonly [Dynamics, number])[] = [
    [algorithms.rmsprop({ rate, epsilon }), rate / epsilon],
    [algorithms.adagrad({ rate, epsilon }), rate / epsilon],
    [algorithms.adam({ rate, epsilon }), rate / epsilon],
    [algorithms.adamW({ rate, epsilon }), rate / epsilon],
    [algorithms.adadelta({ rate, epsilon }), rate],
  ];
  test.each(CASES.map(([dynamics, slope]) => [dynamics.name, dynamics, slope] as const))(
    "%s: the step does not move, its slope is finite and right, and so is what lies behind",
    (_, dynamics, slope) => {
      const slots = Object.fromEntries(dynamics.slots.map((slot) => [slot, input(slot, [])]));
      const inputs = [input("g", []), ...Object.values(slots)];
      const settings = settingsAt(dynamics, "w", []);
      const after = dynamics.step({ weight: input("w", []), slots }, inputs[0]!, settings, input("t", [], "int"));
      const derivatives = (y: Tensor): Tensor[] => grad(y, inputs).map((d, i) => dense(d, inputs[i]!));
      const first = derivatives(after.weight);
      const all = [...first, ...first.flatMap(derivatives)];
      const outputs = Object.fromEntries(all.map((d, i) => [`derivative ${i}`, d]));
      const zeros = Object.fromEntries(dynamics.slots.map((slot) => [slot, 0]));
      const found = numbers({ weight: after.weight, ...outputs }, { w: 0, g: 0, slots: zeros });
      expect(found["weight"]).toBe(0);
      expect(found["derivative 0"]! / -slope).toBeCloseTo(1, 12);
      expect(Object.values(found).every(Number.isFinite)).toBe(true);
    },
  );

  test("a gradient so small that its square vanishes", () => {
    // 1e-200 is 0 when squared.
    const after = one(algorithms.rmsprop({ rate, epsilon }), { w: 0, g: 1e-200, slots: { square: 0 } });
    expect(after["weight"]! / -1e-193).toBeCloseTo(1, 12);
  });
});

test("what an average lacks, without cancellation, with its derivative", () => {
  const decay = input("decay", []);
  const value = weightOfAverage(decay, input("t", [], "int"));
  const slope = dense(grad(value, [decay])[0]!, decay);
  for (const beta of [0, 0.3, 0.5, 0.9, 0.999, 1 - 2 ** -30]) {
    for (const t of [0, 1, 9, 999]) {
      const feeds = { decay: { data: Float64Array.of(beta), shape: [] }, t: { data: Float64Array.of(t), shape: [] } };
      const found = evaluate(toGraph({ value, slope }), feeds);
      const want = beta === 0 ? 1 : -Math.expm1((t + 1) * Math.log(beta));
      expect(found["value"]!.data[0]! / want).toBeCloseTo(1, 12);
      const rise = -(t + 1) * beta ** t;
      expect(Math.abs(found["slope"]!.data[0]! - rise)).toBeLessThanOrEqual(1e-10 * Math.abs(rise) + 1e-11);
    }
  }
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

describe("properties of those that measure gradients", () => {
  const number = fc.double({ min: -10, max: 10, noNaN: true });
  const share = fc.double({ min: 0, max: 0.999, noNaN: true });
  const setup = fc.record({
    w: number,
    g: number,
    t: fc.nat(1000),
    slots: fc.record({ mean: number, square: fc.double({ min: 0, max: 10, noNaN: true }) }),
  });

  test("a rate of 0 moves nothing", () => {
    fc.assert(
      fc.property(setup, share, share, (given, first, second) => {
        for (const still of [
          algorithms.adam({ rate: 0, first, second }),
          algorithms.adamW({ rate: 0, first, second }),
          algorithms.rmsprop({ rate: 0, decay: second }),
          algorithms.adagrad({ rate: 0 }),
        ]) {
          expect(one(still, given)["weight"] === given.w).toBe(true);
        }
      }),
    );
  });

  test("adamW without decay is adam, bit for bit", () => {
    fc.assert(
      fc.property(setup, share, share, (given, first, second) => {
        const settings = { rate: 0.1, first, second };
        expect(one(algorithms.adamW({ ...settings, weightDecay: 0 }), given)).toEqual(
          one(algorithms.adam(settings), given),
        );
      }),
    );
  });

  test("adam's first step is as long as the rate, whatever the decays", () => {
    const size = fc.double({ min: 0.01, max: 10, noNaN: true });
    fc.assert(
      fc.property(size, share, share, (g, first, second) => {
        const given = { w: 0, g, slots: { mean: 0, square: 0 } };
        expect(one(algorithms.adam({ rate: 0.1, first, second }), given)["weight"]).toBeCloseTo(-0.1, 5);
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

  test.each([
    [sgd({ rate: -0.1 }), "sgd's rate is -0.1", "0 or above"],
    [sgd({ rate: Infinity }), "sgd's rate is Infinity", "finite"],
    [momentum({ rate: 1, decay: 1.5 }), "momentum's decay is 1.5", "from 0 to 1"],
    [algorithms.adam({ rate: 1, second: 1 }), "adam's second is 1", "below 1"],
    [algorithms.adam({ rate: 1, epsilon: 0 }), "adam's epsilon is 0", "above 0"],
    [algorithms.adamW({ rate: 1, weightDecay: NaN }), "adamW's weightDecay is NaN", "finite"],
    [algorithms.rmsprop({ rate: [{ W: -1, b: 1 }] }), "rmsprop's rate is -1", "0 or above"],
  ])("a number outside its domain is refused: %#", (dynamics, what, hint) => {
    expect(() => settingsAt(dynamics, "0.W", [2, 3])).toThrow(
      expect.objectContaining({
        ...failure("invalid-experiment", what),
        hint: expect.stringContaining(hint) as string,
      }),
    );
  });

  test("a tree without a value for some weights is refused", () => {
    for (const tree of [[], [{ b: 1 }], [{ W: "fast" }]]) {
      expect(() => at(tree as never)).toThrow(expect.objectContaining(failure("invalid-experiment", "weights 0.W")));
    }
    expect(() => at(nn.mlp([2, 3]) as never)).toThrow(expect.objectContaining(failure("invalid-experiment")));
  });
});
