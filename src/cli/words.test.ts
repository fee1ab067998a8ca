import { describe, expect, test } from "vitest";
import { DrmadError } from "../errors.ts";
import * as outer from "../outer/outer.ts";
import { adam } from "../outer/adam.ts";
import type { OuterOptimizer } from "../outer/optimizer.ts";
import { sgd } from "../outer/sgd.ts";
import { sign } from "../outer/sign.ts";
import { reverse } from "../hypergradient/reverse.ts";
import type { TuneResult } from "../study/events.ts";
import { failureOf } from "./failure.ts";
import { clock, count, listed, metricText, number, percent, seconds, short } from "./format.ts";
import { toJson } from "./json.ts";
import { described } from "./origin.ts";
import { outerOf, outerOptimizer } from "./outer-options.ts";
import { statistics } from "./statistics.ts";
import { cut, fill, terminalOf, widthOf } from "./terminal.ts";
import { tuneSummary } from "./tune-summary.ts";

describe("numbers", () => {
  test.each([
    [0.042303, "0.04230"],
    [12.345, "12.35"],
    [1234.5, "1235"],
    [1.5e-7, "1.50e-7"],
    [1e-4, "1.00e-4"],
    [0.001, "0.001000"],
    [-3e9, "-3.00e+9"],
    [0, "0"],
    [NaN, "NaN"],
    [-Infinity, "-Infinity"],
  ])("%d is written %s", (value, text) => expect(number(value)).toBe(text));

  test.each([
    [0.001, "0.001"],
    [0.2, "0.2"],
    [1000, "1000"],
    [1.5e-7, "1.5e-7"],
    [2e-7, "2e-7"],
    [10.5, "10.5"],
    [100, "100"],
  ])("%d in short is %s", (value, text) => expect(short(value)).toBe(text));

  test("counts, times, shares and lists", () => {
    expect([1, 999, 1000, 1234567].map(count)).toEqual(["1", "999", "1,000", "1,234,567"]);
    expect([0, 59.6, 61, 3723].map(clock)).toEqual(["0:00", "1:00", "1:01", "1:02:03"]);
    expect([0.61, 34.4, 125, 7325].map(seconds)).toEqual(["0.6 s", "34 s", "2:05 min", "2:02:05 h"]);
    expect(percent(0.0277)).toBe("2.77 %");
    expect(metricText("error", 0.5)).toBe("50.00 %");
    expect(metricText("error", 3.5)).toBe("3.500");
    expect(metricText("loss", 0.5)).toBe("0.5000");
    expect(listed(["a", "b", "c"], "or")).toBe("a, b or c");
  });

  test("statistics", () => {
    expect(statistics([3, 1, 2])).toEqual({ min: 1, median: 2, mean: 2, max: 3 });
    expect(statistics([4, 1, 2, 10])).toEqual({ min: 1, median: 3, mean: 4.25, max: 10 });
    expect(statistics([1, NaN]).min).toBeNaN();
  });
});

test("JSON has words for numbers that it does not know", () => {
  expect(toJson({ a: [NaN, Infinity, -Infinity, 1] })).toBe('{"a":["NaN","Infinity","-Infinity",1]}');
});

describe("terminal", () => {
  const green = "\x1b[32mgreen\x1b[39m";
  test("cuts by what shows, and closes colours", () => {
    expect(widthOf(`${green} ok`)).toBe(8);
    expect(cut(`${green} ok`, 3)).toBe("\x1b[32mgre\x1b[39m");
    expect(cut("abc", 3)).toBe("abc");
    expect(cut("abc", -1)).toBe("");
  });
  test("fills lines at spaces", () => {
    expect(fill("one two three", 7)).toBe("one two\nthree");
    expect(fill("extraordinary word", 5)).toBe("extraordinary\nword");
    expect(fill("one two three", Infinity)).toBe("one two three");
  });
  test.each([
    [{ isTTY: true }, { LANG: "C.UTF-8" }, { live: true, colour: true, unicode: true }],
    [{ isTTY: true }, { LANG: "C" }, { live: true, colour: true, unicode: false }],
    [{ isTTY: true }, { LC_ALL: "C", LANG: "de_DE.utf8" }, { live: true, unicode: false }],
    [{ isTTY: true }, { NO_COLOR: "1" }, { live: true, colour: false }],
    [{ isTTY: true }, { NO_COLOR: "" }, { live: true, colour: true }],
    [{ isTTY: true }, { TERM: "dumb" }, { live: false, colour: false }],
    [{ isTTY: false }, {}, { live: false, colour: false }],
    [{}, {}, { live: false, colour: false }],
  ])("%j with %j is %j", (stream, env, expected) => {
    expect(terminalOf(stream as NodeJS.WriteStream, env)).toMatchObject(expected);
  });
});

describe("failureOf", () => {
  test.each([
    ["non-finite", 1],
    ["not-stationary", 1],
    ["not-converged", 1],
    ["engine-disagrees", 1],
    ["engine-unavailable", 1],
    ["cancelled", 130],
    ["shape-mismatch", 2],
    ["folder-not-empty", 2],
  ] as const)("%s ends with %i", (code, exit) => {
    expect(failureOf(new DrmadError(code, "what", { hint: "do" }))).toMatchObject({ code, exit, hint: "do" });
  });

  test("has no syntax of the library where the command line has its own", () => {
    const hint = 'Use drmad with samples: "T", or reverse.';
    expect(failureOf(new DrmadError("unsupported", "a", { hint })).hint).toBe("Use --method drmad, or reverse.");
  });

  test.each([
    ["_drmad.ops.take is not a function", "ops has no take; did you mean ops.gather?"],
    ["_drmad.ops.relo is not a function", "ops has no relo; did you mean ops.relu?"],
    ["_drmad.hyper.nothingLikeThis is not a function", "hyper has no nothingLikeThis"],
    ["(0 , _drmad.tunes) is not a function", "drmad has no tunes; did you mean drmad.tune?"],
    ["_drmad.x.y is undefined", "TypeError: x.y is undefined"],
  ])("%s: %s", (message, told) => {
    expect(described(new TypeError(message))).toBe(told);
  });

  test("any other error of ours is a defect to report", () => {
    const ours = new TypeError("oh");
    ours.stack = `TypeError: oh\n    at f (${new URL("tune.ts", import.meta.url).href}:1:2)`;
    expect(failureOf(ours)).toMatchObject({
      code: "defect",
      exit: 1,
      message: expect.stringContaining("oh") as string,
    });
  });

  test.each([
    ["    at Object.loss (/home/me (old)/a file.ts:12:3)", "/home/me (old)/a file.ts:12:3"],
    ["    at /home/me (old)/a file.ts:12:3", "/home/me (old)/a file.ts:12:3"],
    ["    at async file:///home/me/a%20file.ts:12:3", "/home/me/a file.ts:12:3"],
    ["    at new Thing [as x] (file:///home/me/a%20file.ts:12:3)", "/home/me/a file.ts:12:3"],
  ])("an error with the frame %s is the user's, though it passed through a package and through us", (frame, place) => {
    const theirs = new TypeError("oh");
    theirs.stack = [
      "TypeError: oh",
      "    at node:internal/x:1:1",
      "    at f (/somewhere/node_modules/lodash/a.js:1:1)",
      frame,
      `    at trace (${new URL("tune.ts", import.meta.url).href}:1:2)`,
    ].join("\n");
    expect(failureOf(theirs)).toMatchObject({
      code: "invalid-experiment",
      exit: 2,
      message: `the experiment threw TypeError: oh (${place})`,
    });
  });
});

describe("outerOf", () => {
  const own = sgd({ rate: 2 });
  test.each([
    [{}, undefined],
    [{ clip: 3 }, "sgd(2) clipped to norm 3"],
    [{ clip: 3, outerRate: 1 }, "sgd(1) clipped to norm 3"],
    [{ coarseToFine: { hyperparameter: 5, tensor: 4 } }, "sgd(2), coarse to fine 5,4"],
    [{ optimizer: "lbfgs" }, "lbfgs(0.5)"],
    [{ optimizer: "rmsprop", outerRate: 0.1 }, "rmsprop(0.1)"],
    [{ optimizer: "maclaurinAdam" }, "maclaurinAdam(0.04)"],
    [
      { optimizer: "sign", clip: 1, coarseToFine: { hyperparameter: 1, tensor: 0 } },
      "sign(0.05), coarse to fine 1,0 clipped to norm 1",
    ],
  ] as const)("%j", (flags, name) => expect(outerOf(flags, own)?.name).toBe(name));

  test("stages take the place of the experiment's own, and 0,0 leaves none", () => {
    const staged = outer.clipped(outer.coarseToFine(own, { tensor: 9 }), { norm: 1 });
    const staging = (hyperparameter: number, tensor: number) =>
      outerOf({ coarseToFine: { hyperparameter, tensor } }, staged)!.name;
    expect(staging(2, 3)).toBe("sgd(2) clipped to norm 1, coarse to fine 2,3");
    expect(staging(0, 0)).toBe("sgd(2) clipped to norm 1");
  });

  test("without an optimizer of the experiment's own it is the usual one", () => {
    expect(outerOf({ clip: 2 }, undefined)?.name).toBe("adam(0.05) clipped to norm 2");
  });

  test("clips the hypergradient before it is tied", () => {
    const optimizer = outerOf({ clip: 2, coarseToFine: { hyperparameter: 9, tensor: 0 } }, sgd({ rate: 1 }))!;
    const gradient = { u: Float64Array.of(1, 1) };
    // Of length √2; tied it is 2.
    expect(optimizer.clips!(gradient, optimizer.init(gradient))).toBe(false);
    expect(optimizer.update(gradient, optimizer.init(gradient)).change).toEqual({ u: Float64Array.of(-2, -2) });
  });
});

describe("outerOptimizer", () => {
  test("a rate alone changes the experiment's own; a name alone brings its usual rate", () => {
    expect(outerOptimizer(undefined, undefined, adam({ rate: 1 }))).toBeUndefined();
    expect(outerOptimizer(undefined, 0.3, adam({ rate: 1 }))?.name).toBe("adam(0.3)");
    expect(outerOptimizer(undefined, 0.3, undefined)?.name).toBe("adam(0.3)");
    expect(outerOptimizer("sign", undefined, undefined)?.name).toBe("sign(0.05)");
    const { withRate: _, ...mine } = adam({ rate: 1 });
    expect(() => outerOptimizer(undefined, 1, { ...mine, name: "mine" })).toThrowError("--outer-rate");
  });

  test("a rate alone keeps the experiment's other settings", () => {
    const point = { u: Float64Array.of(1, -2) };
    const moves = (optimizer: OuterOptimizer): unknown[] => {
      let state = optimizer.init(point);
      return [1, -3, 0.5].map((g) => {
        const update = optimizer.update({ u: Float64Array.of(g, 1) }, state);
        state = update.state;
        return update.change;
      });
    };
    const own = adam({ rate: 1, first: 0.5, second: 0.9, epsilon: 0.1 });
    const changed = outerOptimizer(undefined, 0.3, own)!;
    expect(moves(changed)).toEqual(moves(adam({ rate: 0.3, first: 0.5, second: 0.9, epsilon: 0.1 })));
    expect(moves(changed)).not.toEqual(moves(adam({ rate: 0.3 })));
    expect(outerOptimizer(undefined, 0.3, sign({ rate: 1 }))?.name).toBe("sign(0.3)");
    expect(outerOptimizer(undefined, 0.3, sgd({ rate: 1 }))?.name).toBe("sgd(0.3)");
  });
});

const metrics = (loss: number): { loss: number; error: number } => ({ loss, error: loss / 10 });

describe("tuneSummary", () => {
  const result: TuneResult = {
    experiment: "study",
    seed: 0,
    method: reverse().name,
    optimizer: "adam(0.1)",
    engine: "e",
    precision: "float32",
    threads: 1,
    weights: 10,
    hyperparameters: 164,
    groups: {},
    innerSteps: 5,
    outerSteps: 2,
    rows: { train: 1000, valid: 397 },
    steps: [3, 2, 1].map((loss, step) => ({ step, train: metrics(1), valid: metrics(loss), seconds: 1 })),
    best: 2,
    stop: "budget",
    test: { start: metrics(4), tuned: metrics(3.5) },
    seconds: 3,
    values: {},
  };
  const text = (changes: Partial<TuneResult>): string =>
    tuneSummary({ ...result, ...changes }, [], Infinity).join("\n");

  test("says which test figures got worse, and to what so many hyperparameters were fitted", () => {
    expect(text({})).toContain("The test rows chose nothing; they only measure.");
    const worse = text({ test: { start: metrics(4), tuned: { loss: 4.5, error: NaN } } });
    expect(worse).toContain(
      "Tuning made test loss (4.000 to 4.500) and test error (40.00 % to NaN) worse, although the validation " +
        "rows show no such thing: it overfits the 397 validation rows.",
    );
  });

  test("does not call overfitting what the validation rows show as well", () => {
    const steps = [3, 2, 1].map((loss, step) => ({ step, train: metrics(1), valid: { loss, error: 0.1 + step / 100 }, seconds: 1 })); // prettier-ignore
    const odd = text({ steps, test: { start: metrics(4), tuned: { loss: 3.5, error: 0.5 } } });
    expect(odd).toContain(
      "Tuning made test error (40.00 % to 50.00 %) worse, on the validation rows as well: what is tuned is the validation " +
        "loss, which got better.",
    );
    expect(odd).not.toContain("overfit");
  });

  test("says where nothing was gained", () => {
    const none = text({ best: 0 });
    expect(none).toContain("No step brought the validation loss below that of the untuned start, which is the result.");
    expect(none).not.toMatch(/worse|step 0/);
    expect(text({ best: 0, steps: result.steps.slice(0, 1) })).toContain("nothing is tuned");
  });

  test("says why it stopped, and where no test figures stand against the chosen ones", () => {
    expect(text({})).toContain("Stopped because all 2 outer steps are done.");
    expect(text({ stop: "plateau", stopDetail: "no better loss in 9 steps" })).toContain("because no better loss in 9");
    expect(text({ stop: "cancelled" })).toContain("interrupted in outer step 3");
    const { test: _test, ...untested } = result;
    expect(tuneSummary(untested, [], Infinity).join("\n")).toContain("no test split");
  });
});
