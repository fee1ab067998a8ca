import { describe, expect, test } from "vitest";
import { failure } from "../../test/oracle/measure.ts";
import type { Point } from "../data/point.ts";
import * as outer from "../outer/outer.ts";
import type { OuterOptimizer } from "../outer/optimizer.ts";
import { outerLoop, type Asked, type Evaluation, type Told } from "./loop.ts";
import { fold, nothingYet, told, type StudyEvent, type StudyState } from "./state.ts";

const START: Point = { u: Float64Array.of(3, -1) };
/** (u₀ − 1)² + 10 (u₁ − 2)² and its gradient. */
function evaluate({ at: { point }, last }: Evaluation): Told {
  const [a, b] = [point["u"]![0]! - 1, point["u"]![1]! - 2];
  const value = a * a + 10 * b * b;
  const gradient = { u: Float64Array.of(2 * a, 20 * b) };
  const metrics = { loss: value };
  return { train: metrics, valid: metrics, ...(last ? {} : { hypergradient: { value, gradient } }) };
}

const asking = (asked: Asked): Evaluation => {
  if ("stop" in asked) throw new Error(`stopped: ${asked.stop.reason}`);
  return asked;
};

const OPTIMIZERS: readonly OuterOptimizer[] = [
  outer.adam({ rate: 0.1 }),
  outer.lbfgs({ rate: 0.5 }),
  outer.coarseToFine(outer.rmsprop({ rate: 0.1 }), { hyperparameter: 2, tensor: 2 }),
];

describe("the outer loop in steps", () => {
  test.each(OPTIMIZERS)("is plain descent: $name", (optimizer) => {
    const loop = outerLoop({ optimizer, outerSteps: 6 });
    let state = loop.begin(START);
    // The same by hand.
    let [point, memory] = [START, optimizer.init(START)];
    for (let asked = loop.ask(state); !("stop" in asked); asked = loop.ask(state)) {
      expect(asked.at.point).toEqual(point);
      const found = evaluate(asked);
      state = loop.step(state, asked, found);
      if (found.hypergradient === undefined) continue;
      const update = optimizer.update(found.hypergradient.gradient, memory, found.hypergradient.value);
      memory = update.state;
      point = { u: point["u"]!.map((v, i) => v + update.change["u"]![i]!) };
    }
    expect(loop.ask(state)).toEqual({ stop: { reason: "budget" } });
    expect(state.steps).toHaveLength(7);
    expect(state.steps[state.best]!.valid.loss).toBe(Math.min(...state.steps.map(({ valid }) => valid.loss)));
  });

  test.each(OPTIMIZERS)("a state is its events, and any copy of it goes on to the same end: $name", (optimizer) => {
    const loop = outerLoop({ optimizer, outerSteps: 8 });
    const run = (from: StudyState, events: StudyEvent[]): StudyState => {
      let state = from;
      for (let asked = loop.ask(state); !("stop" in asked); asked = loop.ask(state)) {
        const more = loop.tell(state, asked, evaluate(asked));
        events.push(...more);
        state = more.reduce(fold, state);
      }
      return state;
    };
    const events: StudyEvent[] = [];
    const begun = loop.begin(START);
    const end = run(begun, events);
    expect(events.reduce(fold, begun)).toEqual(end);
    for (let n = 0; n <= events.length; n++) {
      const copy = structuredClone(events.slice(0, n).reduce(fold, begun));
      expect(run(copy, [])).toEqual(end);
    }
  });

  test("asking changes nothing and may be repeated", () => {
    const loop = outerLoop({ optimizer: outer.adam({ rate: 0.1 }), outerSteps: 3 });
    const first = asking(loop.ask(loop.begin(START)));
    const state = loop.step(loop.begin(START), first, evaluate(first));
    expect(loop.ask(state)).toEqual(loop.ask(state));
  });

  test("a plateau and chaos stop it", () => {
    const still: OuterOptimizer = { name: "still", init: () => null, update: (g) => ({ change: { u: g["u"]!.map(() => 0) }, state: null }) }; // prettier-ignore
    const loop = outerLoop({ optimizer: still, outerSteps: 9, patience: 2 });
    let state = loop.begin(START);
    for (let n = 0; n < 3; n++) {
      const asked = asking(loop.ask(state));
      state = loop.step(state, asked, evaluate(asked));
    }
    expect(loop.ask(state)).toMatchObject({ stop: { reason: "plateau" } });

    const wary = outerLoop({ optimizer: still, outerSteps: 9, onChaos: "stop" });
    const asked = asking(wary.ask(wary.begin(START)));
    const found = evaluate(asked);
    const wild = { ...found, hypergradient: { ...found.hypergradient!, growth: 1e9 } };
    expect(wary.ask(wary.step(wary.begin(START), asked, wild))).toMatchObject({ stop: { reason: "chaotic" } });
  });

  test("a choice is told of where it is another", () => {
    const loop = outerLoop({ optimizer: outer.adam({ rate: 0.1 }), outerSteps: 4 });
    const choices = ["one", "one", "two", "one", undefined];
    const events: StudyEvent[] = [];
    let state = loop.begin(START);
    for (let asked = loop.ask(state); !("stop" in asked); asked = loop.ask(state)) {
      const name = choices[asked.step];
      const chosen = name === undefined ? {} : { chosen: { name, exact: true, megabytes: 1, timeFactor: 3, why: "" } };
      const more = loop.tell(state, asked, { ...evaluate(asked), ...chosen });
      events.push(...more);
      state = more.reduce(fold, state);
    }
    const told = events.flatMap((event) => (event.type === "chosen" ? [[event.outerStep, event.name]] : []));
    expect(told).toEqual([[0, "one"], [2, "two"], [3, "one"]]); // prettier-ignore
    expect(state.chosen).toEqual({ name: "one", exact: true, megabytes: 1, timeFactor: 3, why: "" });
  });

  test("what was not asked for is refused", () => {
    const loop = outerLoop({ optimizer: outer.adam({ rate: 0.1 }), outerSteps: 3 });
    const begun = loop.begin(START);
    const asked = asking(loop.ask(begun));
    const after = loop.step(begun, asked, evaluate(asked));
    expect(() => loop.tell(after, asked, evaluate(asked))).toThrow(expect.objectContaining(failure("invalid-argument", "step 0 was told"))); // prettier-ignore
    const { train, valid } = evaluate(asked);
    expect(() => loop.tell(begun, asked, { train, valid })).toThrow(expect.objectContaining(failure("invalid-argument", "without a hypergradient"))); // prettier-ignore
  });
});

describe("the fold", () => {
  test("keeps what a later drmad wrote out of the way", () => {
    const state = { ...nothingYet, best: 3 };
    expect(fold(state, { type: "unheard of" } as unknown as StudyEvent)).toBe(state);
  });

  test("a study that goes on has no stop any more", () => {
    const stopped = fold(nothingYet, { type: "stop", pause: true, reason: "cancelled" });
    expect(stopped.stop).toEqual({ reason: "cancelled" });
    expect(fold(stopped, { type: "resume", at: 0, engine: "e" })).toEqual(nothingYet);
  });

  test("listeners see no arrays", () => {
    const kept = { point: START, optimizer: null };
    const metrics = { loss: 1 };
    const event: StudyEvent = { type: "step", best: true, step: 0, seconds: 1, train: metrics, valid: metrics, kept };
    expect(told(event)).toEqual({ type: "step", best: true, step: 0, seconds: 1, train: metrics, valid: metrics });
    expect(told({ type: "stop", pause: true, reason: "cancelled" })).toBeUndefined();
  });
});
