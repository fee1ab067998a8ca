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
  "study.open": { call: (o) => study.open("/nowhere/studies.db", o) },
  "study.outerLoop": { call: study.outerLoop, complete: { optimizer: adam, outerSteps: 1 } },
  "study.resume": { call: (o) => study.resume(experiment, o), complete: { store: {}, name: "a" } },
  "study.tune": { call: (o) => study.tune(experiment, o), complete: { store: {}, name: "a" } },
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
