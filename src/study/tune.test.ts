import { afterEach, describe, expect, test, vi } from "vitest";
import { failure, formula } from "../../test/oracle/measure.ts";
import { timeless } from "../../test/timeless.ts";
import { momentum } from "../dynamics/momentum.ts";
import { sgd } from "../dynamics/sgd.ts";
import { drmad } from "../hypergradient/drmad.ts";
import { reverse } from "../hypergradient/reverse.ts";
import type { Method } from "../hypergradient/method.ts";
import * as nn from "../nn/nn.ts";
import * as outer from "../outer/outer.ts";
import type { OuterOptimizer } from "../outer/optimizer.ts";
import type { Experiment } from "../problem/experiment.ts";
import { hyper } from "../problem/hyper.ts";
import { createRollout } from "../rollout/create.ts";
import type { Rollout } from "../rollout/rollout.ts";
import * as ops from "../tensor/ops.ts";
import { defineExperiment } from "./define.ts";
import type { TuneEvent, TuneResult } from "./events.ts";
import { plateaued } from "./stop.ts";
import { tune, type TuneOptions } from "./tune.ts";

vi.mock("../rollout/create.ts", { spy: true });
const { createRollout: actual } = await vi.importActual<typeof import("../rollout/create.ts")>("../rollout/create.ts");
afterEach(() => {
  vi.restoreAllMocks();
  vi.mocked(createRollout).mockReset();
});

const filled = (value: number) => ({ x: { data: new Float64Array(3).fill(value), shape: [3, 1] } });
/**
 * Training ends at the hyperparameter exactly, so the validation loss is (u − 2)² and its hypergradient 2(u − 2); the loss is
 * (u − 5)² on the training split and (u − 3)² on the test split.
 */
const following = (start: number, defaults: object = {}): Experiment =>
  defineExperiment({
    name: "following",
    data: { train: filled(5), valid: filled(2), test: filled(3) },
    params: { w: nn.constant([1]) },
    hyper: { u: hyper.scalar(start) },
    train: {
      loss: ({ w }, h) => ops.mul(0.5, ops.sum(ops.square(ops.sub(w, h.u)))),
      dynamics: sgd({ rate: 1 }),
      steps: 2,
    },
    valid: { loss: ({ w }, _, { x }) => ops.sum(ops.square(ops.sub(w, ops.mean(x)))) },
    metrics: { weight: ({ w }) => ops.sum(w) },
    ...defaults,
  });

const OPTIONS = { engine: "native", precision: "float64", worker: false, trustEngine: true } as const;
async function follow(
  start: number,
  options: TuneOptions,
): Promise<{ readonly result: TuneResult; readonly events: readonly TuneEvent[] }> {
  const events: TuneEvent[] = [];
  const result = await tune(following(start), { ...OPTIONS, ...options, onEvent: (event) => events.push(event) });
  return { result, events };
}
/** Visits the given points, whatever the gradient says; each is one step away from the one before. */
const visiting = (start: number, ...points: number[]): OuterOptimizer<number> => ({
  name: "visiting",
  init: () => 0,
  update: (_, k) => ({
    change: { u: Float64Array.of(points[k]! - (k === 0 ? start : points[k - 1]!)) },
    state: k + 1,
  }),
});
const validation = (result: TuneResult): number[] => result.steps.map(({ valid }) => valid.loss);

const noisy = (seed: number) => ({
  x: { data: formula(seed, 24), shape: [12, 2] },
  y: { data: Int32Array.from({ length: 12 }, (_, i) => (i * i + seed) % 2), shape: [12] },
});

describe("tuning", () => {
  test("goes down: gradient descent by hand", async () => {
    const { result } = await follow(0, { optimizer: outer.sgd({ rate: 0.25 }), outerSteps: 4 });
    // u − 2 halves at each step.
    expect(validation(result)).toEqual([4, 1, 0.25, 0.0625, 0.015625]);
    expect(result.steps.map(({ gradientNorm }) => gradientNorm)).toEqual([4, 2, 1, 0.5, undefined]);
    expect(result).toMatchObject({ best: 4, stop: "budget", experiment: "following", method: "reverse" });
    expect(result.stopDetail).toBeUndefined();
    expect([...result.values["u"]!.data]).toEqual([1.875]);
    expect(result.steps.map(({ valid }) => valid["weight"])).toEqual([0, 1, 1.5, 1.75, 1.875]);
  });

  test("the best is chosen by the validation loss alone, and is what is reported", async () => {
    const { result, events } = await follow(0, { optimizer: visiting(0, 5, 1.5, 3.5, 2.5, 0), outerSteps: 5 });
    expect(validation(result)).toEqual([4, 9, 0.25, 2.25, 0.25, 4]);
    expect(result.best).toBe(2);
    expect([...result.values["u"]!.data]).toEqual([1.5]);
    expect(result.test).toMatchObject({ start: { weight: 0, loss: 9 }, tuned: { weight: 1.5, loss: 2.25 } });
    expect(events.filter((e) => e.type === "step").map((e) => e.best)).toEqual([true, false, true, false, false, false]); // prettier-ignore
  });

  test("the untuned start may be the best", async () => {
    const { result } = await follow(1.5, { optimizer: visiting(1.5, 0, 5), outerSteps: 2 });
    expect(result.best).toBe(0);
    expect([...result.values["u"]!.data]).toEqual([1.5]);
    expect(result.test!.tuned).toEqual(result.test!.start);
  });

  test("values are natural, whatever the transform", async () => {
    const experiment = following(0.5, { hyper: { u: hyper.scalar(0.5, { bounds: [0, 4] }) } });
    const result = await tune(experiment, { ...OPTIONS, outerSteps: 1, optimizer: outer.sgd({ rate: 0.1 }) });
    expect(result.values["u"]!.data[0]).toBeCloseTo(result.steps[result.best]!.valid["weight"]!, 14);
  });

  test("events: one start, then progress and steps in order, one result", async () => {
    const { result, events } = await follow(0, { optimizer: outer.sgd({ rate: 0.25 }), outerSteps: 2 });
    expect(events[0]).toMatchObject({ type: "start", hyperparameters: 1, groups: { u: 1 }, weights: 1, innerSteps: 2 });
    expect(events.at(-1)).toEqual({ type: "result", ...result });
    expect(events.flatMap((e) => (e.type === "step" ? [e.step] : []))).toEqual([0, 1, 2]);
    const progress = events.flatMap((e) => (e.type === "progress" ? [`${e.outerStep} ${e.phase}`] : []));
    expect(progress.filter((p) => !p.includes("compile"))).toEqual(["0 train", "0 backward", "1 train", "1 backward", "2 train"]); // prettier-ignore
    for (const e of events) expect(structuredClone(e)).toEqual(e);
  });

  test("what the caller leaves open, the experiment says", async () => {
    const experiment = following(0, { outer: { optimizer: outer.sgd({ rate: 0.5 }), steps: 3 }, method: drmad() });
    const result = await tune(experiment, OPTIONS);
    expect(result).toMatchObject({ method: "drmad", optimizer: "sgd(0.5)", outerSteps: 3 });
    const replaced = await tune(experiment, { ...OPTIONS, method: reverse(), outerSteps: 1 });
    expect(replaced).toMatchObject({ method: "reverse", optimizer: "sgd(0.5)", outerSteps: 1 });
  });

  test("the seed decides all of it", async () => {
    const experiment = defineExperiment({
      data: (seed) => ({ train: noisy(seed), valid: noisy(seed + 100) }),
      params: nn.mlp([2, 3, 2]),
      hyper: { l2: hyper.perInput(0.01, { transform: "log" }) },
      train: {
        loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.l2)),
        dynamics: momentum({ rate: 0.3, decay: 0.5 }),
        steps: 20,
        batch: 5,
      },
      valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
    });
    const run = async (seed: number): Promise<object> => timeless(await tune(experiment, { ...OPTIONS, seed, outerSteps: 3 })); // prettier-ignore
    expect(await run(4)).toEqual(await run(4));
    expect(await run(5)).not.toEqual(await run(4));
  });
});

/** Which split was evaluated, at which point. */
function spy(): string[] {
  const seen: string[] = [];
  const noted = (rollout: Rollout): Rollout => ({
    ...rollout,
    at: (point) => noted(rollout.at(point)),
    evaluate(final, split) {
      seen.push(`${split} ${rollout.point["u"]![0]}`);
      return rollout.evaluate(final, split);
    },
  });
  vi.mocked(createRollout).mockImplementation((...given) => noted(actual(...given)));
  return seen;
}

describe("test data", () => {
  test("is read for the untuned start and the chosen result only, after all is chosen", async () => {
    const seen = spy();
    await follow(0, { optimizer: visiting(0, 5, 1.5, 3.5), outerSteps: 3 });
    expect(seen.slice(-2)).toEqual(["test 0", "test 1.5"]);
    expect(seen.slice(0, -2)).toEqual([0, 5, 1.5, 3.5].flatMap((u) => [`train ${u}`, `valid ${u}`]));
  });

  test("is read at every step for the diagnostic curve, which changes nothing else", async () => {
    const optimizer = visiting(0, 5, 1.5);
    const plain = await follow(0, { optimizer, outerSteps: 2 });
    const seen = spy();
    const { result } = await follow(0, { optimizer, outerSteps: 2, testCurve: true });
    expect(seen.filter((s) => s.startsWith("test"))).toEqual(["test 0", "test 5", "test 1.5", "test 0", "test 1.5"]);
    expect(result.steps.map((step) => step.test!["weight"])).toEqual([0, 5, 1.5]);
    expect([result.best, result.test, validation(result)]).toEqual([plain.result.best, plain.result.test, validation(plain.result)]); // prettier-ignore
  });

  test("need not be there", async () => {
    const result = await tune(following(0, { data: { train: filled(5), valid: filled(2) } }), {
      ...OPTIONS,
      outerSteps: 1,
    });
    expect(result.test).toBeUndefined();
  });
});

describe("test metrics that are not finite", () => {
  const poor = { x: { data: Float64Array.of(-2, 0, 0), shape: [3, 1] } };
  const poorly = following(0, {
    data: { train: filled(5), valid: filled(2), test: poor },
    metrics: { log: (_: object, __: object, { x }: { x: ops.Tensor }) => ops.sum(ops.log(ops.add(x, 1))) },
  });

  test.each([false, true])("are warned of and left out, test curve: %s", async (testCurve) => {
    const events: TuneEvent[] = [];
    const options = { ...OPTIONS, testCurve, outerSteps: 1, onEvent: (event: TuneEvent) => events.push(event) };
    const result = await tune(poorly, options);
    expect(result).toMatchObject({ stop: "budget", rows: { test: 3 } });
    for (const place of [result, ...result.steps]) expect(place).not.toHaveProperty("test");
    const warnings = events.flatMap((e) => (e.type === "warning" ? [e.message] : []));
    expect(warnings[0]).toContain("metrics.log is NaN on the test split at step 0");
  });
});

test("programs too large to compare are warned of once", async () => {
  const unseen = (rollout: Rollout): Rollout => ({
    ...rollout,
    unverified: ["training step"],
    at: (point) => unseen(rollout.at(point)),
  });
  vi.mocked(createRollout).mockImplementation((...given) => unseen(actual(...given)));
  const { events } = await follow(0, { outerSteps: 2 });
  const warnings = events.flatMap((e) => (e.type === "warning" ? [e.message] : []));
  expect(warnings).toEqual([expect.stringContaining("too large for it: training step")]);
});

describe("stopping", () => {
  test("at a plateau: so many steps without a better one", async () => {
    const { result } = await follow(0, { optimizer: visiting(0, 1, 0, 5, 5, 5, 5), outerSteps: 6, patience: 3 });
    expect(result).toMatchObject({ stop: "plateau", best: 1 });
    expect(result.steps).toHaveLength(5);
    expect(result.stopDetail).toContain("3 steps");
    expect(result.test!.tuned).toMatchObject({ weight: 1 });
  });

  test("equal losses are no progress", () => {
    expect(plateaued([3, 2, 2, 2], 2)).toBe(true);
    expect(plateaued([3, 2, 2, 1.9], 2)).toBe(false);
    expect(plateaued([3], 1)).toBe(false);
    expect(plateaued([3, 4], 1)).toBe(true);
  });

  test("coarse stages are not ended by a plateau, and patience begins after them", async () => {
    const visited = visiting(0, 1, 0, 5, 5, 5, 5, 5, 5);
    const staged = { ...visited, stages: { coarse: 4, fine: visited } };
    const { result, events } = await follow(0, { optimizer: staged, outerSteps: 8, patience: 3 });
    expect(result).toMatchObject({ stop: "plateau", best: 1 });
    expect(result.steps).toHaveLength(8);
    expect(events.filter(({ type }) => type === "warning")).toEqual([]);
    const short = await follow(0, { optimizer: staged, outerSteps: 4, patience: 3 });
    expect(short.events).toContainEqual(expect.objectContaining({ message: expect.stringContaining("all 4 outer steps are coarse") as string })); // prettier-ignore
  });

  test("when its seconds are over, before another step begins", async () => {
    let clock = 0;
    vi.spyOn(performance, "now").mockImplementation(() => clock);
    const slow: Method = {
      ...reverse(),
      run(rollout) {
        clock += 4000;
        return reverse().run(rollout);
      },
    };
    const { result } = await follow(0, { method: slow, optimizer: outer.sgd({ rate: 0.25 }), seconds: 10 });
    expect(result).toMatchObject({ stop: "budget", best: 2, seconds: 12 });
    expect(result.steps).toHaveLength(3);
    expect(result.stopDetail).toContain("10 seconds");
  });

  test("cancelled later: keeps what was reached, evaluates the test split", async () => {
    const abort = new AbortController();
    const onEvent = (event: TuneEvent): void => {
      if (event.type === "step" && event.step === 1) abort.abort();
    };
    const optimizer = outer.sgd({ rate: 0.25 });
    const result = await tune(following(0), { ...OPTIONS, optimizer, signal: abort.signal, onEvent });
    expect(result).toMatchObject({ stop: "cancelled", best: 1 });
    expect(validation(result)).toEqual([4, 1]);
    expect(result.test).toMatchObject({ start: { weight: 0 }, tuned: { weight: 1 } });
    expect([...result.values["u"]!.data]).toEqual([1]);
  });

  test("cancelled before the first step: nothing was reached", async () => {
    await expect(tune(following(0), { ...OPTIONS, signal: AbortSignal.abort() })).rejects.toMatchObject(failure("cancelled")); // prettier-ignore
  });

  test("diverged later: keeps what was reached", async () => {
    const { result, events } = await follow(0, { optimizer: visiting(0, 1.5, 1e308, 1), outerSteps: 3 });
    expect(result).toMatchObject({ stop: "non-finite", best: 1 });
    expect(result.stopDetail).toMatch(/diverged|not finite/);
    expect(validation(result)).toEqual([4, 0.25]);
    expect(JSON.stringify(events)).not.toContain("null");
  });

  test("diverged from the start: an error", async () => {
    await expect(tune(following(1e308), OPTIONS)).rejects.toMatchObject(failure("non-finite"));
  });

  test("a metric that is not a number ends it as well", async () => {
    const log = { metrics: { log: ({ w }: { w: ops.Tensor }) => ops.sum(ops.log(ops.sub(2, w))) } };
    const options = { ...OPTIONS, optimizer: visiting(0, 1, 3), outerSteps: 2 };
    const result = await tune(following(0, log), options);
    expect(result).toMatchObject({ stop: "invalid-experiment", best: 1, stopDetail: expect.stringContaining("metrics.log is NaN on train") as string }); // prettier-ignore
    await expect(tune(following(3, log), options)).rejects.toMatchObject(failure("invalid-experiment", "metrics.log is NaN on train")); // prettier-ignore
  });
});

test("a gradient that grew on its way is warned of", async () => {
  const grown: Method = { ...reverse(), run: async (rollout) => ({ ...(await reverse().run(rollout)), growth: 1e6 }) };
  const { events } = await follow(0, { method: grown, outerSteps: 1 });
  const warnings = events.flatMap((e) => (e.type === "warning" ? [e.message] : []));
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain("1.0e+6-fold");
});

describe("is refused", () => {
  test.each([
    ["no outer steps", { outerSteps: 0 }, "outer steps: 0"],
    ["a fraction of one", { outerSteps: 1.5 }, "outer steps: 1.5"],
    ["no patience", { patience: 0 }, "patience: 0"],
    ["no seconds", { seconds: 0 }, "seconds: 0"],
    ["endless seconds", { seconds: Infinity }, "seconds: Infinity"],
    ["a method's name", { method: "reverse" as unknown as Method }, 'given method: "reverse"'],
    ["an optimizer's name", { optimizer: "adam" as unknown as OuterOptimizer }, 'given optimizer: "adam"'],
    ["an unheard engine", { engine: "gpu" as "native" }, 'no engine "gpu"'],
    ["an unheard precision", { precision: "float16" as "float32" }, 'no precision "float16"'],
    ["no threads", { threads: 0 }, "0 threads"],
  ])("%s", async (_, options, part) => {
    await expect(tune(following(0), { ...OPTIONS, ...options })).rejects.toMatchObject(
      failure("invalid-argument", part),
    );
  });

  test("a test curve without a test split, before anything runs", async () => {
    const events: TuneEvent[] = [];
    const untested = following(0, { data: { train: filled(5), valid: filled(2) } });
    const options = { ...OPTIONS, testCurve: true, onEvent: (event: TuneEvent) => events.push(event) };
    await expect(tune(untested, options)).rejects.toMatchObject(failure("invalid-argument", "no test split"));
    expect(events).toEqual([]);
  });

  test("what is no experiment", async () => {
    await expect(tune({} as Experiment)).rejects.toMatchObject(failure("invalid-experiment", "not an experiment"));
  });
});
