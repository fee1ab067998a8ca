import { describe, expect, test } from "vitest";
import * as drmad from "../../src/index.ts";
import { DrmadError } from "../../src/index.ts";
import { failure } from "../oracle/measure.ts";

// Plain JavaScript and misspelt names: what the type checker would have said, every public function has to say by itself.

const { dynamics, files, hyper, methods, nn, ops, outer, study } = drmad;
type Options = never;

const given = { data: Float64Array.of(1, 2), shape: [2] };
const x = ops.constant(1, [2, 2]);
const layers = { data: { train: {}, valid: {} }, params: nn.mlp([2, 2]), hyper: { l2: hyper.scalar(1) } };
const valid = { loss: () => ops.constant(0) };
const train = { loss: () => ops.constant(0), dynamics: dynamics.sgd({ rate: 1 }), steps: 1 };
const experiment = drmad.defineExperiment({ ...layers, train, valid } as never);
const adam = outer.adam({ rate: 1 });

/**
 * Every public function that takes a record of options, by its name, and how to give it one. `complete` options are all that
 * it needs; where there are none, it needs none.
 */
interface Taker {
  readonly call: (options: Options) => unknown;
  readonly complete?: object;
}
const TAKERS: Readonly<Record<string, Taker>> = {
  "dynamics.adadelta": { call: dynamics.adadelta },
  "dynamics.adagrad": { call: dynamics.adagrad, complete: { rate: 1 } },
  "dynamics.adam": { call: dynamics.adam, complete: { rate: 1 } },
  "dynamics.adamW": { call: dynamics.adamW, complete: { rate: 1 } },
  "dynamics.heavyBall": { call: dynamics.heavyBall, complete: { rate: 1, decay: 0.5 } },
  "dynamics.momentum": { call: dynamics.momentum, complete: { rate: 1, decay: 0.5 } },
  "dynamics.nesterov": { call: dynamics.nesterov, complete: { rate: 1, decay: 0.5 } },
  "dynamics.proximal": { call: (o) => dynamics.proximal(dynamics.sgd({ rate: 1 }), o), complete: { l1: 1 } },
  "dynamics.rmsprop": { call: dynamics.rmsprop, complete: { rate: 1 } },
  "dynamics.sgd": { call: dynamics.sgd, complete: { rate: 1 } },
  "methods.auto": { call: methods.auto, complete: { megabytes: 1 } },
  "methods.checkpointed": { call: methods.checkpointed, complete: { checkpoints: 1 } },
  "methods.directOnly": { call: methods.directOnly },
  "methods.drmad": { call: methods.drmad },
  "methods.evograd": { call: methods.evograd },
  "methods.finiteDifference": { call: methods.finiteDifference },
  "methods.forward": { call: methods.forward },
  "methods.implicit": { call: methods.implicit },
  "methods.oneScalar": { call: methods.oneScalar },
  "methods.oneStep": { call: methods.oneStep },
  "methods.persistentEvolution": { call: methods.persistentEvolution, complete: { pairs: 1 } },
  "methods.randomSign": { call: methods.randomSign },
  "methods.reverse": { call: methods.reverse },
  "methods.reversible": { call: methods.reversible },
  "methods.truncated": { call: methods.truncated, complete: { steps: 1 } },
  "outer.adam": { call: outer.adam, complete: { rate: 1 } },
  "outer.clipped": { call: (o) => outer.clipped(adam, o), complete: { norm: 1 } },
  "outer.coarseToFine": { call: (o) => outer.coarseToFine(adam, o), complete: { tensor: 1 } },
  "outer.lbfgs": { call: outer.lbfgs, complete: { rate: 1 } },
  "outer.maclaurinAdam": { call: outer.maclaurinAdam, complete: { rate: 1 } },
  "outer.rmsprop": { call: outer.rmsprop, complete: { rate: 1 } },
  "outer.sgd": { call: outer.sgd, complete: { rate: 1 } },
  "outer.sign": { call: outer.sign, complete: { rate: 1 } },
  "hyper.array": { call: (o) => hyper.array(given, o) },
  "hyper.perInput": { call: (o) => hyper.perInput(1, o) },
  "hyper.perLayer": { call: (o) => hyper.perLayer(1, o) },
  "hyper.perNetwork": { call: (o) => hyper.perNetwork(1, o) },
  "hyper.perTensor": { call: (o) => hyper.perTensor(1, o) },
  "hyper.perUnit": { call: (o) => hyper.perUnit(1, o) },
  "hyper.perWeight": { call: (o) => hyper.perWeight(1, o) },
  "hyper.scalar": { call: (o) => hyper.scalar(1, o) },
  "nn.l1": { call: (o) => nn.l1({ w: x }, 1, o) },
  "nn.mlp": { call: (o) => nn.mlp([2, 2], o) },
  "ops.crossEntropy": { call: (o) => ops.crossEntropy(x, x, o) },
  "ops.logSumExp": { call: (o) => ops.logSumExp(x, o) },
  "ops.matmul": { call: (o) => ops.matmul(x, x, o) },
  "ops.max": { call: (o) => ops.max(x, o) },
  "ops.mean": { call: (o) => ops.mean(x, o) },
  "ops.min": { call: (o) => ops.min(x, o) },
  "ops.sum": { call: (o) => ops.sum(x, o) },
  digits: { call: drmad.digits },
  mnist: { call: drmad.mnist, complete: { folder: "/nowhere", train: 1, valid: 1, test: 1 } },
  "files.cifar10": { call: files.cifar10, complete: { folder: "/nowhere", train: 1, valid: 1, test: 1 } },
  "files.cifar100": { call: files.cifar100, complete: { folder: "/nowhere", train: 1, valid: 1, test: 1 } },
  "files.csv": { call: files.csv, complete: { file: "/nowhere", train: 1, valid: 1 } },
  "files.npz": { call: files.npz, complete: { file: "/nowhere", train: 1, valid: 1 } },
  "files.parseCifar": { call: (o) => files.parseCifar(new Uint8Array(0), o) },
  "files.parseCsv": { call: (o) => files.parseCsv(new Uint8Array(0), o) },
  "files.parseNpy": { call: (o) => files.parseNpy(new Uint8Array(0), o) },
  "files.parseNpz": { call: (o) => files.parseNpz(new Uint8Array(0), o) },
  defineExperiment: { call: drmad.defineExperiment, complete: { ...layers, train, valid } },
  checkExperiment: { call: (o) => drmad.checkExperiment(experiment, o) },
  fidelity: { call: (o) => drmad.fidelity(experiment, drmad.reverse(), o) },
  hypergradient: { call: (o) => drmad.hypergradient(experiment, drmad.reverse(), o) },
  tune: { call: (o) => drmad.tune(experiment, o) },
  "study.fork": {
    call: (o) => study.fork(experiment, o),
    complete: { store: { claim: () => undefined }, name: "b", of: "a" },
  },
  "study.multiStart": {
    call: (o) => study.multiStart(experiment, o),
    complete: { store: { claim: () => undefined }, name: "a", seeds: [0, 1] },
  },
  "study.open": { call: (o) => study.open("/nowhere/studies.db", o) },
  "study.outerLoop": { call: study.outerLoop, complete: { optimizer: adam, outerSteps: 1 } },
  "study.resume": {
    call: (o) => study.resume(experiment, o),
    complete: { store: { claim: () => undefined }, name: "a" },
  },
  "study.tune": { call: (o) => study.tune(experiment, o), complete: { store: { claim: () => undefined }, name: "a" } },
};

/** Public functions whose arguments are all of them values: no record of options could be misspelt. */
// prettier-ignore
const POSITIONAL: readonly string[] = [
  "DrmadError", "decodeSafetensors", "encodeSafetensors", "files.encodeNpy", "files.encodeNpz", "files.parseIdx", "outer.shared", "study.fold", "study.upgrade",
  "nn.constant", "nn.errorRate", "nn.forward", "nn.given", "nn.l2", "nn.normal", "nn.uniform",
  ..."abs add and broadcastTo cast clip constant cos div equal exp greater greaterEqual less lessEqual log maximum minimum mul".split(" ").map((name) => `ops.${name}`),
  ..."neg not or pow relu sigmoid sign sin softplus sqrt square sub tanh where concat detach gather literal pad reshape slice stack".split(" ").map((name) => `ops.${name}`),
  ..."transpose argMax einsum gelu layerNorm logSoftmax mse oneHot softmax".split(" ").map((name) => `ops.${name}`),
  // The usual ones by name: they stand under their namespaces too.
  "checkpointed", "drmad", "momentum", "reverse", "sgd",
];

const ALL = Object.entries(drmad).flatMap(([name, value]) =>
  typeof value === "function"
    ? [name]
    : Object.entries(value).flatMap(([inner, part]) => (typeof part === "function" ? [`${name}.${inner}`] : [])),
);

/** What options of these names hold, wherever they stand. Every option of every function is in one row. */
const HELD = {
  number:
    "batch biases checkpoints chunk copies decay deviation directions epsilon every first growthLimit hyperparameter innerSteps iterations l1 longest megabytes memory norm outerSteps pairs patience rate rounding second seconds seed segments sigma snapshots staleSeconds steps temperature tensor threads time tolerance value weightDecay",
  boolean: "create force keepDims perStep testCurve transposeA transposeB trustEngine worker",
  text: "activations engine experiment file folder keep labels name notes separator of onChaos place precision samples solver source storage transform",
  function: "aboutEach advice initial loss onActivity onDifference onEvent onProgress onStudy prior rows",
  record: "about exact hyper metrics method optimizer outer signal store values weights",
  list: "bounds seeds tags",
  "record or list": "params",
  "record or function": "data dynamics",
  "number or list": "axes",
  "boolean or number": "fidelity",
  "text or number": "label target",
} as const;
/** Those that mean something else in these functions. */
const HELD_THERE: Readonly<Record<string, string>> = {
  "digits.train": "number",
  "digits.valid": "number",
  "mnist.train": "number",
  "mnist.valid": "number",
  "defineExperiment.train": "record",
  "defineExperiment.valid": "record",
  "files.csv.header": "boolean",
  "files.parseCsv.header": "boolean",
  "study.fork.of": "text",
  "methods.finiteDifference.step": "number",
  // A seed of these may be any text; settings may be trees too.
  "methods.evograd.seed": "number or text",
  "methods.persistentEvolution.seed": "number or text",
};
const holds = (name: string, option: string): readonly string[] => {
  const there = HELD_THERE[`${name}.${option}`];
  const found = there ?? Object.entries(HELD).find(([, names]) => names.split(" ").includes(option))?.[0] ?? "number";
  const settings = name.startsWith("dynamics.") ? ["record", "list"] : [];
  return [...found.split(" or "), ...settings];
};

/** One value of every type, with how an error shows it; "xyz" is no word that any option knows. */
const SAMPLES: readonly (readonly [type: string, value: unknown, shown: string])[] = [
  ["number", 7, "7"],
  ["boolean", false, "false"],
  ["text", "xyz", '"xyz"'],
  ["function", () => 1, "a function"],
  ["record", { unheardOf: 1 }, "a record"],
  ["list", [], "a list"],
  ["nothing", null, "null"],
];

/** The options of a function, as it names them itself. */
async function optionsOf({ call, complete }: Taker): Promise<readonly string[]> {
  const found = (await refusal(() => call({ ...complete, [UNLIKE]: 1 } as Options))) as DrmadError;
  return /^Its options are (.*)\.$/.exec(found.hint ?? "")?.[1]?.split(", ") ?? [];
}
/** Like no name, so that all are told. */
const UNLIKE = "unheardOfByAnyone";

/** What a call comes to, thrown or rejected. */
async function refusal(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return "no error";
}

test("every public function is here, as one that takes options or as one that does not", () => {
  expect(ALL.toSorted()).toEqual([...Object.keys(TAKERS), ...POSITIONAL].toSorted());
});

describe.each(Object.entries(TAKERS))("%s", (name, { call, complete = {} }) => {
  const last = name.split(".").at(-1)!;
  test("names an option that does not exist", async () => {
    const found = await refusal(() => call({ ...complete, unheardOf: 1 } as Options));
    expect(found).toBeInstanceOf(DrmadError);
    expect(found).toMatchObject({ message: expect.stringContaining(`${last} has no option unheardOf`) as string });
    expect((found as DrmadError).hint).toMatch(/Its options are|It has no options/);
  });

  test.each(Object.keys(complete))("names the option %s where it is missing", async (option) => {
    const { [option]: _missing, ...rest } = complete as Record<string, unknown>;
    const found = await refusal(() => call(rest as Options));
    expect(found).toBeInstanceOf(DrmadError);
    const told = `${(found as DrmadError).message} ${(found as DrmadError).hint}`;
    expect(told).toContain(option);
  });

  test("says which option has a value of the wrong type, the value, and what it must be", async () => {
    const silent: string[] = [];
    for (const option of await optionsOf({ call, complete })) {
      const right = holds(name, option);
      for (const [type, value, shown] of SAMPLES) {
        if (right.includes(type)) continue;
        const found = await refusal(() => call({ ...complete, [option]: value } as Options));
        const told = found instanceof DrmadError ? `${found.message} ${found.hint}` : "";
        const named = told.includes(option) && told.includes(shown) && /It must be |Give /.test(told);
        if (!named) silent.push(`${option}: ${shown} → ${told === "" ? String(found) : told}`);
      }
    }
    expect(silent).toEqual([]);
  });

  test.each([null, 3, "x"])("takes no %j for options", async (wrong) => {
    expect(await refusal(() => call(wrong as Options))).toBeInstanceOf(DrmadError);
  });

  if (Object.keys(complete).length > 0) {
    test("called with nothing, says what it needs", async () => {
      expect(await refusal(() => (call as () => unknown)())).toBeInstanceOf(DrmadError);
    });
  }
});

describe("what stands beside the options", () => {
  test.each([
    [
      "samples and snapshots",
      () => methods.drmad({ snapshots: 3, samples: "T" } as never),
      "both samples and snapshots",
    ],
    ["storage of no snapshots", () => methods.drmad({ storage: "int8" } as never), "storage without snapshots"],
    ["one letter short", () => methods.drmad({ snapshot: 3 } as never), "no option snapshot"],
    ["a place that does not exist", () => methods.drmad({ snapshots: 3, place: "space" as "time" }), 'place: "space"'],
    ["states in no such form", () => methods.reverse({ storage: "int4" as "int8" }), 'storage "int4"'],
    ["both limits", () => methods.checkpointed({ checkpoints: 3, megabytes: 3 }), "both checkpoints and megabytes"],
    ["no optimizer to clip", () => outer.clipped("adam" as never, { norm: 1 }), "no optimizer"],
    ["no dynamics to follow", () => dynamics.proximal(undefined as never, { l1: 1 }), "no dynamics"],
  ])("%s", (_, call, part) => {
    expect(call).toThrow(expect.objectContaining(failure("invalid-argument", part)));
  });

  test.each([-1, 1.5, NaN, Infinity])("the seed %s is refused where a seed is taken", async (seed) => {
    const refused = expect.objectContaining(failure("invalid-argument", `seed ${seed}`)) as unknown;
    expect(() => drmad.digits({ seed })).toThrow(refused as Error);
    expect(() => methods.evograd({ seed })).toThrow(refused as Error);
    expect(() => methods.persistentEvolution({ pairs: 1, seed })).toThrow(refused as Error);
    expect(() => methods.randomSign({ seed })).toThrow(refused as Error);
    expect(await refusal(() => drmad.mnist({ folder: "/nowhere", train: 1, valid: 1, test: 1, seed }))).toEqual(
      refused,
    );
    expect(await refusal(() => drmad.hypergradient(experiment, drmad.reverse(), { seed }))).toEqual(refused);
    expect(await refusal(() => drmad.tune(experiment, { seeds: [0, seed] }))).toEqual(refused);
    expect(await refusal(() => drmad.checkExperiment(experiment, { seed }))).toEqual(refused);
    expect(await refusal(() => drmad.fidelity(experiment, drmad.drmad(), { seed }))).toEqual(refused);
  });
});
