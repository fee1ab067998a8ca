import { afterAll, beforeEach, describe, expect, test, vi } from "vitest";
import { failure, numbersOf, rolloutOf } from "../../test/oracle/measure.ts";
import { classified } from "../../test/oracle/rows.ts";
import { watch, type Watched } from "../../test/oracle/watch.ts";
import { momentum } from "../dynamics/momentum.ts";
import { sgd } from "../dynamics/sgd.ts";
import { nativeEngine } from "../engine/onnx/session.ts";
import { checkpointed } from "../hypergradient/checkpointed.ts";
import { directOnly } from "../hypergradient/controls.ts";
import { drmad } from "../hypergradient/drmad.ts";
import { finiteDifference } from "../hypergradient/finite-difference.ts";
import { persistentEvolution } from "../hypergradient/persistent-evolution.ts";
import { forward } from "../hypergradient/forward.ts";
import { oneStep } from "../hypergradient/one-step.ts";
import { reverse } from "../hypergradient/reverse.ts";
import { truncated } from "../hypergradient/truncated.ts";
import * as nn from "../nn/nn.ts";
import type { Experiment } from "../problem/experiment.ts";
import { hyper, type TreeOptions } from "../problem/hyper.ts";
import { defineExperiment } from "../study/define.ts";
import * as ops from "../tensor/ops.ts";

const split = (seed: number, n: number) => classified(seed, n, 3);
const data = { train: split(1, 24), valid: split(2, 12) };

/** A small network with a penalty and a rate; `rate` far too large makes it diverge. */
const network = (rate: number): Experiment =>
  defineExperiment({
    data,
    params: nn.mlp([3, 4, 2]),
    hyper: { penalty: hyper.scalar(0.01, { transform: "log" }), rate: hyper.scalar(rate, { transform: "log" }) },
    train: {
      loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.penalty)),
      dynamics: (h) => momentum({ rate: h.rate, decay: 0.5 }),
      steps: 40,
      batch: 6,
    },
    valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
    metrics: { error: (w, _, { x, y }) => nn.errorRate(nn.forward(w, x), y) },
  });

const native = nativeEngine({ precision: "float64", threads: 1 });
afterAll(() => native.close());
let engine: Watched;
beforeEach(() => (engine = watch(native)));

const METHODS = [
  reverse(),
  drmad(),
  drmad({ samples: "T/10" }),
  checkpointed({ checkpoints: 3 }),
  truncated({ steps: 15 }),
  directOnly(),
  finiteDifference(),
  persistentEvolution({ pairs: 2, segments: 3 }),
  forward({ chunk: 2 }),
  oneStep({ every: 15 }),
] as const;

describe.each(METHODS)("$name", (method) => {
  test("holds no more after fifty runs than after one", async () => {
    const rollout = await rolloutOf(network(0.3), engine);
    await numbersOf(rollout, method);
    const before = engine.held();
    // Every chunk seems to take for ever: runs of forty steps get many.
    let clock = 0;
    vi.spyOn(performance, "now").mockImplementation(() => (clock += 1e9));
    for (let i = 0; i < 50; i++) {
      await numbersOf(rollout.at({ ...rollout.point, rate: Float64Array.of(-1 - i / 100) }), method);
    }
    vi.restoreAllMocks();
    expect(engine.held()).toBe(before);
  });

  test("leaves the state after training, and nothing else", async () => {
    const rollout = await rolloutOf(network(0.3), engine);
    await numbersOf(rollout, method);
    const before = engine.held();
    const { final } = await method.run(rollout);
    expect(engine.held() - before).toBe(Object.keys(final).length);
    expect(Object.keys(final).sort()).toEqual(rollout.leaves.map((leaf) => leaf.name).sort());
  });

  test("cancelled at any sign of progress: says so, holds nothing", async () => {
    let left = Infinity;
    const phases = new Set<string>();
    const signal = {
      get aborted() {
        return left < 0;
      },
    } as AbortSignal;
    const rollout = await rolloutOf(network(0.3), engine, {
      signal,
      onProgress(phase) {
        if (phase === "compile") return;
        phases.add(phase);
        left--;
      },
    });
    await numbersOf(rollout, method);
    const before = engine.held();
    phases.clear();
    const run = (): Promise<unknown> =>
      method.run(rollout).then(
        () => "done",
        (error: unknown) => error,
      );
    let at = 0;
    for (; ; at++) {
      left = at;
      const result = await run();
      if (result === "done") break;
      expect(result).toMatchObject(failure("cancelled", "stopped after"));
      expect(engine.held(), `cancelled at event ${at}`).toBe(before);
    }
    const trainsOnly = ["finiteDifference", "directOnly", "forward", "persistentEvolution(2, 3 segments)"].includes(
      method.name,
    );
    expect([...phases]).toEqual(trainsOnly ? ["train"] : ["train", "backward"]);
    expect(at).toBeGreaterThanOrEqual(trainsOnly ? 1 : 2);
  });
});

/** w_T = (1 − α)ᵀ w_0: at rate 11 every step multiplies by −10; at a small rate all is well. */
const explosive = ({
  steps = 40,
  weight = 1,
  scale = 1,
  valid = ops.sum,
}: {
  readonly steps?: number;
  readonly weight?: number;
  readonly scale?: number;
  readonly valid?: (w: ops.Tensor) => ops.Tensor;
}): Experiment =>
  defineExperiment({
    data,
    params: { w: nn.given([2], [weight, 2 * weight]) },
    hyper: { rate: hyper.scalar(1), scale: hyper.scalar(scale) },
    initial: ({ w }, h) => ({ w: ops.mul(h.scale, w) }),
    train: { loss: ({ w }) => ops.mul(0.5, ops.sum(ops.square(w))), dynamics: (h) => sgd({ rate: h.rate }), steps },
    valid: { loss: ({ w }) => valid(w) },
  });

describe("a run that diverges ends with non-finite and holds nothing", () => {
  test.each([
    ["a weight", explosive({ steps: 400 }), "weights w are not finite after step", true],
    [
      "the outer loss",
      explosive({ valid: (w) => ops.sum(ops.exp(ops.square(w))) }),
      "validation loss is Infinity",
      true,
    ],
    [
      "the gradient of the outer loss",
      explosive({ valid: (w) => ops.sum(ops.sqrt(ops.relu(ops.neg(ops.square(w))))) }),
      "the gradient of the validation loss is not finite, though the loss is 0",
      true,
    ],
    ["the adjoint", explosive({ steps: 160, weight: 1e-100 }), "the adjoint is not finite between steps", false],
    ["the hypergradient", explosive({ steps: 140, weight: 1e200, scale: 1e-200 }), "the hypergradient of scale", false],
  ])("%s", async (_, experiment, part, everywhere) => {
    const rollout = await rolloutOf(experiment, engine);
    const fine = rollout.at({ rate: Float64Array.of(1e-3), scale: Float64Array.of(1e-200) });
    const diverging = rollout.at({ ...rollout.point, rate: Float64Array.of(11) });
    for (const method of [
      reverse(),
      drmad(),
      checkpointed({ checkpoints: 5 }),
      ...(everywhere ? [finiteDifference(), directOnly()] : []),
    ]) {
      await numbersOf(fine, method).catch(() => undefined);
      const before = engine.held();
      await expect(method.run(diverging)).rejects.toMatchObject(failure("non-finite", part));
      expect(engine.held(), method.name).toBe(before);
    }
  });
});

/** Two tensors that move apart from each other, of which either can be made to explode. */
const pair = (small: number, large: number, start: number): Experiment =>
  defineExperiment({
    data: { train: split(1, 1), valid: split(2, 1) },
    params: { small: nn.constant([2], 1), large: nn.constant([40, 3], start) },
    hyper: { a: hyper.scalar(small), b: hyper.scalar(large) },
    train: {
      loss: (w, h) =>
        ops.add(
          ops.mul(ops.mul(0.5, h.a), ops.sum(ops.square(w.small))),
          ops.mul(ops.mul(0.5, h.b), ops.sum(ops.square(w.large))),
        ),
      dynamics: sgd({ rate: 1 }),
      steps: 600,
    },
    // Blind to the large tensor, so that only the watch can tell.
    valid: { loss: (w) => ops.sum(ops.square(w.small)) },
  });

describe("weights are watched while training goes on", () => {
  test.each([
    ["small", 11, 0.5],
    ["large", 0.5, 11],
  ])("%s explodes: named, at the end of its chunk", async (name, a, b) => {
    const rollout = await rolloutOf(pair(a, b, 1), engine);
    const start = await rollout.start();
    rollout.free((await rollout.train(start, { range: { from: 0, to: 300 } })).final);
    const before = engine.held();
    await expect(rollout.train(start)).rejects.toMatchObject(failure("non-finite", `weights ${name} are not finite after step`)); // prettier-ignore
    // 10³⁰⁹ is past float64: step 309 is in the first chunk that ends after it.
    const chunks = engine.runs.filter((run) => run.program === "training step").slice(-2);
    expect(chunks[0]!.range!.to).toBeLessThan(309);
    expect(chunks[1]!.range!.to).toBeGreaterThanOrEqual(309);
    expect(engine.held()).toBe(before);
    rollout.free(start);
  });

  test("large weights whose sum alone overflows have not diverged", async () => {
    const rollout = await rolloutOf(pair(0.5, 0.001, 1.7e308), engine);
    const start = await rollout.start();
    const { final } = await rollout.train(start, { range: { from: 0, to: 3 } });
    rollout.free(start, final);
  });
});

/** A penalty on every weight, or on those that are no biases. */
const penalised = (options: TreeOptions, biases: boolean): Experiment =>
  defineExperiment({
    data,
    params: nn.mlp([3, 4, 2]),
    hyper: { l2: hyper.perInput(0.1, options) },
    train: {
      loss: (w, { l2 }) =>
        biases
          ? nn.l2(w, l2)
          : nn.l2(
              w.map(({ W }) => W),
              l2.map(({ W }) => W),
            ),
      dynamics: sgd({ rate: 0.1 }),
      steps: 2,
    },
    valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
  });

/** A metric that asks a batch of five rows for more. */
const twelve = (w: { w: ops.Tensor }, _: unknown, { x }: { x: ops.Tensor }): ops.Tensor =>
  ops.mul(ops.sum(w.w), ops.sum(ops.reshape(x, [x.shape[0] === 5 ? 12 : x.shape[0]!, 3])));

describe("an experiment that does not fit together", () => {
  const w = nn.given([2], [1, 2]);
  const fine = {
    data,
    params: { w },
    hyper: { rate: hyper.scalar(0.1) },
    train: { loss: ({ w }: { w: ops.Tensor }) => ops.sum(ops.square(w)), steps: 3 },
    valid: { loss: ({ w }: { w: ops.Tensor }) => ops.sum(w) },
  };
  const made = (changes: object): Experiment =>
    defineExperiment({
      ...fine,
      train: { ...fine.train, dynamics: (h: { readonly rate: ops.Tensor }) => sgd({ rate: h.rate }) },
      ...changes,
    } as never);

  test("an unused hyperparameter is named", async () => {
    const experiment = made({ hyper: { rate: hyper.scalar(0.1), idle: hyper.perWeight(1) } });
    await expect(rolloutOf(experiment, engine)).rejects.toMatchObject(failure("unused-hyperparameter", "idle.w"));
  });

  test("of a tree of which only a part is used, the idle tensors are named", async () => {
    const idle = await rolloutOf(penalised({}, false), engine).catch((error: unknown) => error);
    expect(idle).toMatchObject(failure("unused-hyperparameter", "tensors of hyperparameter l2: l2.0.b, l2.1.b"));
    expect(idle).toMatchObject({ hint: expect.stringContaining("biases") as string });
    await expect(rolloutOf(penalised({}, true), engine)).resolves.toBeDefined();
    await expect(rolloutOf(penalised({ biases: 0 }, false), engine)).resolves.toBeDefined();
  });

  test.each([
    ["training", "rate", {}],
    [
      "the start",
      "used",
      { initial: (w: { w: ops.Tensor }, h: { used: ops.Tensor }) => ({ w: ops.mul(h.used, w.w) }) },
    ],
    [
      "the outer loss",
      "used",
      { valid: { loss: (w: { w: ops.Tensor }, h: { used: ops.Tensor }) => ops.mul(h.used, ops.sum(w.w)) } },
    ],
  ])("one used by %s alone is in use", async (_, name, changes) => {
    const rollout = await rolloutOf(
      made({ hyper: { rate: hyper.scalar(0.1), [name]: hyper.scalar(1) }, ...changes }),
      engine,
    );
    expect((await numbersOf(rollout, reverse())).gradient[name]![0]).not.toBe(0);
  });

  test.each([
    ["a vector", ({ w }: { w: ops.Tensor }) => w, "shape [2]"],
    ["nothing", () => undefined, "nothing"],
    ["a number", () => 3, "number"],
    ["a sum by +", ({ w }: { w: ops.Tensor }) => `${String(w)}1`, "string"],
    ["a promise", () => Promise.resolve(), "a promise"],
  ])("a loss that is %s is refused, wherever it stands", async (_, loss, part) => {
    const train = { loss, steps: 3, dynamics: (h: { rate: ops.Tensor }) => sgd({ rate: h.rate }) };
    await expect(rolloutOf(made({ train }), engine)).rejects.toMatchObject(failure("invalid-loss", `train.loss`));
    await expect(rolloutOf(made({ valid: { loss } }), engine)).rejects.toMatchObject(failure("invalid-loss", part));
    await expect(rolloutOf(made({ metrics: { mine: loss } }), engine)).rejects.toMatchObject(failure("invalid-loss", "metrics.mine")); // prettier-ignore
  });

  test("a metric called loss, and one that only the test split does not fit", async () => {
    await expect(rolloutOf(made({ metrics: { loss: fine.valid.loss } }), engine)).rejects.toMatchObject(failure("invalid-experiment", '"loss"')); // prettier-ignore
    const tested = { ...data, test: split(3, 5) };
    await expect(rolloutOf(made({ metrics: { twelve } }), engine)).resolves.toBeDefined();
    await expect(rolloutOf(made({ data: tested, metrics: { twelve } }), engine)).rejects.toMatchObject(failure("shape-mismatch", "reshape")); // prettier-ignore
    expect(engine.runs).toEqual([]);
  });

  test("a split that is not there", async () => {
    const rollout = await rolloutOf(made({}), engine);
    const { final } = await reverse().run(rollout);
    await expect(rollout.evaluate(final, "test")).rejects.toMatchObject(failure("invalid-experiment", "no test split"));
  });

  test("initial weights of another nesting or shape are refused", async () => {
    for (const initial of [() => ({}), () => ({ w: ops.constant(1, [3]) })]) {
      await expect(rolloutOf(made({ initial }), engine)).rejects.toMatchObject(failure("invalid-experiment", "weights w of shape [2]")); // prettier-ignore
    }
  });
});

test("metrics are those of the weights they are given", async () => {
  const rollout = await rolloutOf(network(0.3), engine);
  const start = await rollout.start();
  const { final } = await rollout.train(start);
  const outer = await rollout.outer(final);
  await rollout.evaluate(start, "valid");
  const held = engine.held();
  const [before, after] = [await rollout.evaluate(start, "valid"), await rollout.evaluate(final, "valid")];
  expect(engine.held()).toBe(held);
  expect(after["loss"]).toBe(outer.value);
  expect(after["loss"]).toBeLessThan(before["loss"]!);
  for (const { error } of [before, after] as { error: number }[]) {
    expect(error * 12).toBeCloseTo(Math.round(error * 12), 12);
  }
});
