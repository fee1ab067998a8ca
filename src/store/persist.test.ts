import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { failure } from "../../test/oracle/measure.ts";
import { comparable } from "../../test/timeless.ts";
import { classified } from "../../test/oracle/rows.ts";
import { momentum } from "../dynamics/momentum.ts";
import * as methods from "../hypergradient/methods.ts";
import type { Method } from "../hypergradient/method.ts";
import * as nn from "../nn/nn.ts";
import * as outer from "../outer/outer.ts";
import type { OuterOptimizer } from "../outer/optimizer.ts";
import type { Experiment } from "../problem/experiment.ts";
import { hyper } from "../problem/hyper.ts";
import { defineExperiment } from "../study/define.ts";
import type { TuneEvent } from "../study/events.ts";
import type { TuneOptions } from "../study/settings.ts";
import { tune as plainTune } from "../study/tune.ts";
import * as ops from "../tensor/ops.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { open } from "./open.ts";
import { resume, tune } from "./persist.ts";
import type { Store } from "./store.ts";

const folder = mkdtempSync(join(tmpdir(), "drmad-persist-"));
let store: Store;
beforeAll(async () => {
  store = await open(join(folder, "studies.db"));
});
afterAll(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

const split = (seed: number) => classified(seed, 12, 2);
const experimentOf = (shift = 0, start = 0.01): Experiment =>
  defineExperiment({
    name: "kept",
    data: { train: split(1 + shift), valid: split(2), test: split(3) },
    params: nn.mlp([2, 3, 2]),
    hyper: { l2: hyper.perInput(start, { transform: "log" }) },
    train: {
      loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.l2)),
      dynamics: momentum({ rate: 0.3, decay: 0.5 }),
      steps: 20,
      batch: 5,
    },
    valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
  });
const experiment = experimentOf();
const OPTIONS = { engine: "native", precision: "float64", worker: false, trustEngine: true, outerSteps: 4 } as const;

/** Stops when an event comes for which it says so. */
const until = (when: (event: TuneEvent) => boolean): Pick<TuneOptions, "signal" | "onEvent"> => {
  const abort = new AbortController();
  return { signal: abort.signal, onEvent: (event) => void (when(event) && abort.abort()) };
};
const atStep = (n: number) => (event: TuneEvent) => event.type === "step" && event.step === n;

/** The exact numbers of a method that does not say so: of exact ones nothing is measured. */
const modest = (): Method => ({ ...methods.reverse(), exact: false });

type Case = readonly [name: string, method: () => Method, optimizer: () => OuterOptimizer, more: TuneOptions];
const CASES: readonly Case[] = [
  ["exact numbers, lbfgs, fidelity", modest, () => outer.lbfgs({ rate: 0.5 }), { fidelity: 2, testCurve: true }],
  ["evograd under two seeds", methods.evograd, () => outer.adam({ rate: 0.1 }), { seeds: [3, 5] }],
  ["evolution", () => methods.persistentEvolution({ pairs: 2 }), () => outer.adam({ rate: 0.1 }), { fidelity: true }],
  [
    "random signs, in stages",
    methods.randomSign,
    () => outer.coarseToFine(outer.adam({ rate: 0.1 }), { tensor: 2 }),
    {},
  ],
  ["auto", () => methods.auto({ megabytes: 1 }), () => outer.clipped(outer.adam({ rate: 0.1 }), { norm: 1e-3 }), {}],
];

describe("a study that is stopped after every step", () => {
  test.each(CASES)("ends as one that is not: %s", async (name, method, optimizer, more) => {
    const fresh = (): TuneOptions => ({ ...OPTIONS, ...more, method: method(), optimizer: optimizer() });
    const plain = comparable(await plainTune(experiment, fresh()));
    expect(comparable(await tune(experiment, { ...fresh(), store, name: `${name}, whole` }))).toEqual(plain);

    let result = await tune(experiment, { ...fresh(), store, name, ...until(atStep(0)) });
    expect((await store.get(name)).state).toBe("stopped");
    for (let n = 1; result.stop === "cancelled"; n++)
      result = await resume(experiment, { store, name, ...noNumbers(fresh()), ...until(atStep(n)) });
    expect(comparable(result)).toEqual(plain);
    expect((await store.get(name)).state).toBe("done");
    expect((await store.events(name)).filter(({ event }) => event.type === "resume").length).toBeGreaterThan(3);
  });
});

/** What is kept need not be given again. */
const noNumbers = ({ outerSteps: _o, seeds: _s, fidelity: _f, testCurve: _t, precision: _p, ...rest }: TuneOptions): TuneOptions => rest; // prettier-ignore

/** Collects all that is told, and stops as `until` does. */
const telling = (events: TuneEvent[], when: (event: TuneEvent) => boolean): Partial<TuneOptions> => {
  const { signal, onEvent } = until(when);
  return { ...(signal && { signal }), onEvent: (event) => (events.push(event), onEvent?.(event)) };
};
const notes = (events: readonly TuneEvent[]): object[] => events.filter(({ type }) => type === "warning" || type === "chosen"); // prettier-ignore

const METHOD = { ...OPTIONS, method: methods.reverse(), optimizer: outer.adam({ rate: 0.1 }) };

describe("going on", () => {
  test("measures the fidelity that an interruption kept it from", async () => {
    const options = { ...METHOD, method: modest(), fidelity: 1 };
    const plain = comparable(await plainTune(experiment, options));
    let seen = false;
    const during = until((event) => {
      seen ||= atStep(1)(event);
      return seen && event.type === "progress";
    });
    const stopped = await tune(experiment, { ...options, store, name: "fidelity", ...during });
    expect(stopped.fidelity!.map(({ step }) => step)).toEqual([0]);
    expect(comparable(await resume(experiment, { ...options, store, name: "fidelity" }))).toEqual(plain);
  });

  test("tells nothing twice: neither a choice nor a setting that has left its domain", async () => {
    const { spec } = experiment;
    const leaving = defineExperiment({
      ...spec,
      name: "leaving",
      hyper: { rate: hyper.scalar(0.125) },
      train: { ...spec.train, loss: spec.valid.loss, dynamics: (h: { readonly rate: Tensor }) => momentum({ rate: h.rate, decay: 0.5 }) }, // prettier-ignore
    } as never);
    const falling: OuterOptimizer = { name: "falling", init: () => null, update: () => ({ change: { rate: Float64Array.of(-0.0625) }, state: null }) }; // prettier-ignore
    const choosing = (draw: number): Method => ({
      ...modest(),
      fromDraw: choosing,
      async run(rollout) {
        const name = ["one", "one", "two", "two", "one"][draw]!;
        return { ...(await methods.reverse().run(rollout)), chosen: { name, exact: true, megabytes: 1, timeFactor: 3, why: "it fits" } }; // prettier-ignore
      },
    });
    const options = { ...OPTIONS, method: choosing(0), optimizer: falling };
    const [plain, kept]: [TuneEvent[], TuneEvent[]] = [[], []];
    const whole = comparable(await plainTune(leaving, { ...options, ...telling(plain, () => false) }));
    let result = await tune(leaving, { ...options, store, name: "leaving", ...telling(kept, atStep(0)) });
    for (let n = 1; result.stop === "cancelled"; n++)
      result = await resume(leaving, { ...options, store, name: "leaving", ...telling(kept, atStep(n)) });
    expect(comparable(result)).toEqual(whole);
    expect(notes(kept)).toEqual(notes(plain));
    expect(notes(kept)).toEqual([
      expect.objectContaining({ type: "chosen", outerStep: 0, name: "one" }),
      expect.objectContaining({ type: "chosen", outerStep: 2, name: "two" }),
      expect.objectContaining({ type: "warning", left: "rate" }),
    ]);
    const logged = (await store.events("leaving")).flatMap(({ event }) => (event.type === "resume" ? [event.at] : []));
    expect(logged).toEqual([1, 2, 3, 4, 5]);
  });

  test("after its result gives that again, and runs nothing", async () => {
    const result = await tune(experiment, { ...METHOD, store, name: "over" });
    const events: TuneEvent[] = [];
    const again = await resume(experiment, { ...METHOD, store, name: "over", onEvent: (e) => events.push(e) });
    expect(again).toEqual(result);
    expect(events).toEqual([]);
  });

  test("after its seconds", async () => {
    const plain = comparable(await plainTune(experiment, METHOD));
    const first = await tune(experiment, { ...METHOD, store, name: "seconds", seconds: 1e-9 });
    expect(first).toMatchObject({ stop: "budget", stopDetail: expect.stringContaining("seconds are over") as string });
    expect((await store.get("seconds")).state).toBe("stopped");
    expect(comparable(await resume(experiment, { ...METHOD, store, name: "seconds" }))).toEqual(plain);
  });

  test("after an interruption before the first step", async () => {
    const name = "early";
    await expect(tune(experiment, { ...METHOD, store, name, ...until(({ type }) => type === "start") })).rejects.toMatchObject(failure("cancelled")); // prettier-ignore
    expect(await store.get(name)).toMatchObject({ state: "stopped", steps: 0 });
    expect((await resume(experiment, { ...METHOD, store, name })).stop).toBe("budget");
  });

  test("a run that diverged later has failed, with its result", async () => {
    const wild: OuterOptimizer = {
      name: "wild",
      init: () => null,
      update: (gradient) => ({ change: Object.fromEntries(Object.entries(gradient).map(([k, g]) => [k, g.map(() => 300)])), state: null }), // prettier-ignore
    };
    const result = await tune(experiment, { ...METHOD, optimizer: wild, store, name: "diverged" });
    expect(result.stop).toBe("non-finite");
    expect((await store.get("diverged")).state).toBe("failed");
    expect(await resume(experiment, { ...METHOD, optimizer: wild, store, name: "diverged" })).toEqual(result);
  });

  test("is told from which step, and on which engine it was", async () => {
    await tune(experiment, { ...METHOD, store, name: "told", ...until(atStep(1)) });
    const events: TuneEvent[] = [];
    await resume(experiment, { ...METHOD, engine: "reference", store, name: "told", onEvent: (e) => events.push(e) });
    expect(events.find(({ type }) => type === "start")).toMatchObject({ resumedAt: 2 });
    expect(events.flatMap((e) => (e.type === "step" ? [e.step] : []))).toEqual([2, 3, 4]);
    expect(events.flatMap((e) => (e.type === "warning" ? [e.message] : []))[0]).toMatch(/began on onnxruntime.*goes on with reference/); // prettier-ignore
  });

  test.each([
    ["other data", experimentOf(1), {}, "it has other data than it began with"],
    ["another start", experimentOf(0, 0.02), {}, "other starting hyperparameters"],
    ["more outer steps", experiment, { outerSteps: 9 }, "outer steps was 4 and is 9"],
    ["another seed", experiment, { seed: 1 }, "seed was 0 and is 1"],
    ["another method", experiment, { method: methods.drmad() }, 'method was "reverse" and is "drmad"'],
    ["another precision", experiment, { precision: "float32" }, "precision was"],
    ["other patience", experiment, { patience: 3 }, "patience was 10 and is 3"],
  ] as const)("with %s is refused, and changes nothing", async (name, other, more, part) => {
    await tune(experiment, { ...METHOD, store, name, ...until(atStep(1)) });
    const before = await store.events(name);
    await expect(resume(other, { ...METHOD, ...more, store, name })).rejects.toMatchObject(failure("study-changed", part)); // prettier-ignore
    expect(await store.events(name)).toEqual(before);
    expect((await store.get(name)).state).toBe("stopped");
  });

  test("a study is stopped from beside", async () => {
    let asked = false;
    const slow: Method = {
      ...methods.reverse(),
      async run(rollout) {
        if (asked) await new Promise((resolve) => setTimeout(resolve, 700));
        return methods.reverse().run(rollout);
      },
    };
    const onEvent = (event: TuneEvent): void => {
      if (!atStep(0)(event)) return;
      asked = true;
      void store.requestStop("beside");
    };
    const result = await tune(experiment, { ...METHOD, outerSteps: 50, method: slow, store, name: "beside", onEvent });
    expect(result.stop).toBe("cancelled");
    expect(result.steps.length).toBeLessThan(5);
    expect(await store.get("beside")).toMatchObject({ state: "stopped", stopping: false });
  });

  test("an optimizer whose state cannot be kept is refused before anything runs", async () => {
    const strange: OuterOptimizer = { ...outer.adam({ rate: 0.1 }), init: () => new Map() } as OuterOptimizer;
    await expect(tune(experiment, { ...METHOD, optimizer: strange, store, name: "strange" })).rejects.toMatchObject(failure("unsupported", "of class Map")); // prettier-ignore
    expect(await store.get("strange")).toMatchObject({ state: "failed", steps: 0, error: { code: "unsupported" } });
  });
});
