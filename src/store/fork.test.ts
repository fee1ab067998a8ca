import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DrmadError } from "../errors.ts";
import { failure } from "../../test/oracle/measure.ts";
import { comparable } from "../../test/timeless.ts";
import { classified } from "../../test/oracle/rows.ts";
import { momentum } from "../dynamics/momentum.ts";
import * as methods from "../hypergradient/methods.ts";
import * as nn from "../nn/nn.ts";
import type { OuterOptimizer } from "../outer/optimizer.ts";
import * as outer from "../outer/outer.ts";
import type { Experiment } from "../problem/experiment.ts";
import { hyper } from "../problem/hyper.ts";
import { defineExperiment } from "../study/define.ts";
import { requireSame } from "../study/identity.ts";
import { tune as plainTune } from "../study/tune.ts";
import * as ops from "../tensor/ops.ts";
import { open } from "./open.ts";
import { fork, resume, tune } from "./persist.ts";
import type { Store } from "./store.ts";

const folder = mkdtempSync(join(tmpdir(), "drmad-fork-"));
let store: Store;
const split = (seed: number) => classified(seed, 12, 2);
const experimentOf = (hidden: number): Experiment =>
  defineExperiment({
    name: "forked",
    data: { train: split(1), valid: split(2), test: split(3) },
    params: nn.mlp([2, hidden, 2]),
    hyper: { l2: hyper.perInput(0.01, { transform: "log" }) },
    train: {
      loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.l2)),
      dynamics: momentum({ rate: 0.3, decay: 0.5 }),
      steps: 20,
      batch: 5,
    },
    valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
  });
const experiment = experimentOf(3);
const RUN = { engine: "native", precision: "float64", worker: false, trustEngine: true } as const;
const OPTIONS = { ...RUN, method: methods.reverse(), optimizer: outer.adam({ rate: 0.1 }), outerSteps: 3 } as const;
const CODE = { method: OPTIONS.method, optimizer: OPTIONS.optimizer, worker: false };

const forkOf = async (name: string) => (await store.events(name)).find(({ event }) => event.type === "fork")?.event;

beforeAll(async () => {
  store = await open(join(folder, "studies.db"));
  await tune(experiment, { ...OPTIONS, store, name: "first" });
});
afterAll(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

describe("a fork", () => {
  test("with more outer steps ends as a study that was begun with them, and leaves the first alone", async () => {
    const before = await store.events("first");
    const longer = await fork(experiment, { ...CODE, store, of: "first", name: "longer", outerSteps: 6 });
    expect(comparable(longer)).toEqual(comparable(await plainTune(experiment, { ...OPTIONS, outerSteps: 6 })));
    expect(await store.events("first")).toEqual(before);
    expect(await forkOf("longer")).toMatchObject({
      of: "first",
      step: 3,
      goesOn: true,
      optimizerState: "kept",
      changes: [{ what: "outerSteps", was: "3", is: "6" }],
    });
    expect((await store.get("longer")).startLoss).toBe((await store.get("first")).startLoss);
  });

  test("of a fork, and one that is interrupted before its first step, end so too", async () => {
    const plain = comparable(await plainTune(experiment, { ...OPTIONS, outerSteps: 5 }));
    await fork(experiment, { ...CODE, store, of: "first", name: "four", outerSteps: 4 });
    const abort = new AbortController();
    const stopped = fork(experiment, {
      ...CODE,
      store,
      of: "four",
      name: "five",
      outerSteps: 5,
      signal: abort.signal,
      onEvent: (event) => event.type === "fork" && abort.abort(),
    });
    expect((await stopped).stop).toBe("cancelled");
    expect((await store.get("five")).steps).toBe(4);
    expect(comparable(await resume(experiment, { ...CODE, store, name: "five" }))).toEqual(plain);
  });

  test("that was killed before it had begun begins as a fork", async () => {
    const { options } = await store.get("longer");
    await store.create({ name: "late", experiment: "e", options });
    const late = await resume(experiment, { ...CODE, store, name: "late" });
    expect(comparable(late)).toEqual(comparable(await plainTune(experiment, { ...OPTIONS, outerSteps: 6 })));
    expect(await forkOf("late")).toMatchObject({ of: "first", step: 3 });
  });

  test("from an earlier step, with another optimizer and method, has the steps before it", async () => {
    const name = "other way";
    const optimizer = outer.sign({ rate: 0.2 });
    const method = methods.truncated({ steps: 5 });
    const found = await fork(experiment, { ...CODE, store, of: "first", name, at: 1, optimizer, method });
    const first = (await store.state("first")).steps;
    expect(found.steps).toHaveLength(4);
    expect(found.steps[0]).toEqual(first[0]);
    expect(found.steps[1]!.valid).toEqual(first[1]!.valid);
    expect(found.steps[1]!.gradientNorm).not.toEqual(first[1]!.gradientNorm);
    expect(found.steps[2]!.valid).not.toEqual(first[2]!.valid);
    const event = await forkOf(name);
    expect(event).toMatchObject({ step: 1, goesOn: true, optimizerState: "new" });
    const changed = event?.type === "fork" ? event.changes.map(({ what }) => what) : [];
    expect(changed).toEqual(["method", "optimizer", "update"]);
  });

  test("of a study that keeps some steps keeps the same ones, and needs the best step before it", async () => {
    // Downhill, but uphill from step 3 to step 4.
    const uphill: OuterOptimizer = {
      name: "once uphill",
      init: () => 0,
      update: (gradient, state) => ({
        change: Object.fromEntries(Object.entries(gradient).map(([k, g]) => [k, g.map((v) => (state === 3 ? 0.1 : -0.1) * Math.sign(v))])), // prettier-ignore
        state: (state as number) + 1,
      }),
    };
    await tune(experiment, { ...OPTIONS, optimizer: uphill, store, name: "some", outerSteps: 6, keep: "every:2" });
    const best = (await store.events("some")).flatMap(({ event }) => (event.type === "step" && event.best ? [event.step] : [])); // prettier-ignore
    expect(best).toEqual(expect.arrayContaining([3, 6]));
    const early = fork(experiment, {
      ...CODE,
      optimizer: uphill,
      store,
      of: "some",
      name: "early",
      at: 4,
      outerSteps: 8,
    });
    await expect(early).rejects.toMatchObject({
      code: "invalid-argument",
      message: expect.stringContaining("the values of step 3") as string,
    });
    await fork(experiment, { ...CODE, optimizer: uphill, store, of: "some", name: "more", outerSteps: 7 });
    expect((await store.get("more")).options["keep"]).toBe("every:2");
    const refused = fork(experiment, { ...CODE, store, of: "some", name: "less", outerSteps: 2 });
    await expect(refused).rejects.toMatchObject({ code: "invalid-argument" });
    expect((await store.list()).map(({ name }) => name)).not.toEqual(expect.arrayContaining(["less"]));
  });

  test("with another rate keeps the optimiser's state", async () => {
    const optimizer = outer.adam({ rate: 0.01 });
    await fork(experiment, { ...CODE, store, of: "first", name: "slower", outerSteps: 4, optimizer });
    expect(await forkOf("slower")).toMatchObject({ optimizerState: "kept" });
  });

  test.each([
    ["training steps", { innerSteps: 30 }, "innerSteps"],
    ["a seed", { seed: 7 }, "seed"],
  ] as const)("with other %s begins at the values of the step", async (what, options, changed) => {
    const name = `other ${what}`;
    const result = await fork(experiment, { ...CODE, ...options, store, of: "first", name, outerSteps: 1 });
    expect(result.steps).toHaveLength(2);
    expect(await forkOf(name)).toMatchObject({ step: 3, goesOn: false });
    const event = await forkOf(name);
    expect(event?.type === "fork" && event.changes.map((each) => each.what)).toContain(changed);
    const [fresh, old] = await Promise.all([store.events(name), store.events("first")]);
    const at = (events: typeof old, step: number) =>
      events.find((each) => each.event.type === "step" && each.event.step === step)!.sequence;
    const values = await store.tensors("first", at(old, 3));
    expect((await store.tensors(name, at(fresh, 0)))["values/l2.0.w"]).toEqual(values["values/l2.0.w"]);
    // Its start, for the test rows too, is where it began.
    expect(result.test).toBeDefined();
    expect((await resume(experiment, { ...CODE, ...options, store, name })).test).toEqual(result.test);
  });

  test.each([
    ["a step that there is not", { at: 9 }, "invalid-argument", "has no step 9"],
    ["nothing left to do", {}, "invalid-argument", "nothing is left to do"],
    ["a study that there is not", { of: "none" }, "study-not-found", "none"],
    ["a name that is taken", { name: "longer", outerSteps: 9 }, "study-exists", "longer"],
  ] as const)("of %s is refused", async (_, more, code, text) => {
    const options = { ...CODE, store, of: "first", name: "refused", ...more };
    await expect(fork(experiment, options)).rejects.toMatchObject(failure(code, text));
  });

  test("with other hyperparameters is refused", async () => {
    const wider = experimentOf(4);
    await expect(fork(wider, { ...CODE, store, of: "first", name: "wider", outerSteps: 5 })).rejects.toMatchObject(
      failure("study-changed", "hyperparameters"),
    );
  });
});

const stopped = async (name: string, more: object = {}): Promise<void> => {
  const abort = new AbortController();
  const onEvent = (event: { readonly type: string }): void => void (event.type === "step" && abort.abort());
  await tune(experiment, { ...OPTIONS, store, name, ...more, signal: abort.signal, onEvent });
};
const refusal = async (name: string, more: object): Promise<DrmadError> => {
  const error: unknown = await resume(experiment, { ...CODE, store, name, ...more }).catch((cause: unknown) => cause);
  expect(error).toMatchObject({ code: "study-changed", hint: expect.stringContaining(`drmad fork ${name} NEW`) });
  return error as DrmadError;
};
/** Another optimiser, whoever made it, that says nothing of its settings. */
const silent = (optimizer: OuterOptimizer): OuterOptimizer => {
  const { settings: _, ...rest } = optimizer;
  return rest;
};

describe("a study that is to go on", () => {
  const { drmad, evograd, checkpointed } = methods;
  const WAS = outer.adam({ rate: 0.1 });

  test.each([
    ["samples", { method: drmad() }, { method: drmad({ samples: "T/10" }) }, ["method was", "drmad T/10"]],
    [
      "growth",
      { method: drmad({ snapshots: 4 }) },
      { method: drmad({ snapshots: 4, growthLimit: 9 }) },
      ["method growthLimit was none and is 9"],
    ],
    ["sigma", { method: evograd() }, { method: evograd({ sigma: 0.5 }) }, ["method sigma was", "is 0.5"]],
    [
      "memory",
      { method: checkpointed({ checkpoints: 3 }) },
      { method: checkpointed({ checkpoints: 4 }) },
      ["method checkpoints was 3 and is 4"],
    ],
    ["adam", {}, { optimizer: outer.adam({ rate: 0.1, first: 0.5 }) }, ["optimizer first was 0.9 and is 0.5"]],
    ["rate", {}, { optimizer: outer.adam({ rate: 0.2 }) }, ["adam(0.1)", "and is", "adam(0.2)"]],
    ["inner", {}, { innerSteps: 30, seed: 5 }, ["seed was 0 and is 5", "training steps was 20 and is 30"]],
    [
      "silent",
      { optimizer: silent(WAS) },
      { optimizer: silent(outer.adam({ rate: 0.1, first: 0.5 })) },
      ["moves otherwise"],
    ],
  ] as const)("is refused with other options, which are named: %s", async (name, was, is, says) => {
    await stopped(name, was);
    const { message } = await refusal(name, is);
    for (const text of says) expect(message).toContain(text);
    // With what it was begun with, it goes on.
    expect((await resume(experiment, { ...CODE, store, name, ...was })).stop).toBe("budget");
  });

  test("is refused with other parts of the experiment, which are named", async () => {
    await stopped("parts");
    const parts = experiment.spec!;
    const other = (change: object): Promise<unknown> =>
      resume(defineExperiment({ ...parts, ...change } as never), { ...CODE, store, name: "parts" }).catch(
        (e: unknown) => e,
      );
    const batch = await other({ train: { ...parts.train, batch: 4 } });
    expect(batch).toMatchObject({ message: expect.stringContaining("rows of a minibatch was 5 and is 4") });
    const data = await other({ data: { train: split(1), valid: split(4), test: split(3) } });
    expect(data).toMatchObject({ message: expect.stringMatching(/: it has other data than it began with$/) });
    const dynamics = await other({ train: { ...parts.train, dynamics: momentum({ rate: 0.3, decay: 0.6 }) } });
    expect(dynamics).toMatchObject({ message: expect.stringMatching(/: it has other training \(its loss, dynamics/) });
  });

  test("of an earlier drmad, which kept no settings, is compared by its names", async () => {
    await stopped("earlier");
    const state = await store.state("earlier");
    const { methodSettings: _m, optimizerSettings: _o, batch: _b, ...info } = state.info!;
    const { parts: _p, ...identity } = state.identity!;
    const now = { ...state.info!, methodSettings: { storage: "int8" } };
    expect(() => requireSame({ ...state, info, identity }, now, state.identity!)).not.toThrow();
    expect(() => requireSame(state, now, state.identity!)).toThrow('method storage was none and is "int8"');
  });
});
