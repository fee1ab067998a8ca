import { afterEach, describe, expect, test, vi } from "vitest";
import { momentum } from "../../src/dynamics/momentum.ts";
import { openEngine } from "../../src/engine/choose.ts";
import type { Engine, Precision } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/onnx/session.ts";
import { referenceEngine } from "../../src/engine/reference/engine.ts";
import { checkpointed } from "../../src/hypergradient/checkpointed.ts";
import { drmad } from "../../src/hypergradient/drmad.ts";
import type { Method } from "../../src/hypergradient/method.ts";
import { reverse } from "../../src/hypergradient/reverse.ts";
import { truncated } from "../../src/hypergradient/truncated.ts";
import * as nn from "../../src/nn/nn.ts";
import { hyper } from "../../src/problem/hyper.ts";
import { defineExperiment } from "../../src/study/define.ts";
import * as ops from "../../src/tensor/ops.ts";
import { numbersOf, rolloutOf, type Numbers } from "./measure.ts";
import { classified } from "./rows.ts";
import { watch, type Watched } from "./watch.ts";

/** What may differ in how a hypergradient is computed, and must not change one bit of it. */
const STEPS = 45;
const split = (seed: number, n: number) => classified(seed, n, 5, 3);
const experiment = defineExperiment({
  data: { train: split(1, 40), valid: split(2, 30) },
  params: nn.mlp([5, 6, 3]),
  hyper: {
    penalty: hyper.perInput(0.01, { transform: "log" }),
    rate: hyper.scalar(0.4, { transform: "log", perStep: true }),
    decay: hyper.perLayer(0.8, { transform: "logit" }),
  },
  train: {
    loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.penalty)),
    dynamics: (h) => momentum({ rate: h.rate, decay: h.decay }),
    steps: STEPS,
    batch: 7,
  },
  valid: { loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.penalty)) },
});

const ENGINES: readonly (readonly [string, () => Engine])[] = [
  ["native float64", () => nativeEngine({ precision: "float64", threads: 1 })],
  ["native float32", () => nativeEngine({ precision: "float32", threads: 1 })],
  ["reference", referenceEngine],
];
const METHODS = [reverse(), drmad(), checkpointed({ checkpoints: 4 }), truncated({ steps: 11 })] as const;

afterEach(() => vi.restoreAllMocks());
/** Runs a method where every chunk seems to take so long: the rollout cuts its steps accordingly. */
async function runAtPace(engine: Engine, method: Method, milliseconds: number): Promise<Numbers> {
  let clock = 0;
  vi.spyOn(performance, "now").mockImplementation(() => (clock += milliseconds));
  const numbers = await numbersOf(await rolloutOf(experiment, engine), method);
  vi.restoreAllMocks();
  return numbers;
}
const chunksOf = (engine: Watched): string => engine.runs.map(({ range }) => range && `${range.from}-${range.to}`).join(); // prettier-ignore

describe.each(ENGINES)("%s", (_, open) => {
  describe.each(METHODS)("$name: the same bits", (method) => {
    test("whatever the lengths of chunks", async () => {
      const cuts = new Set<string>();
      const results: Numbers[] = [];
      for (const milliseconds of [0, 200, 400, 1e9]) {
        const engine = watch(open());
        results.push(await runAtPace(engine, method, milliseconds));
        cuts.add(chunksOf(engine));
        await engine.close();
      }
      expect(cuts.size).toBe(4);
      for (const result of results) expect(result).toEqual(results[0]);
    });

    test("run after run: on one rollout, after another method, on a fresh engine", async () => {
      const engine = open();
      const rollout = await rolloutOf(experiment, engine);
      const first = await numbersOf(rollout, method);
      expect(await numbersOf(rollout, method)).toEqual(first);
      for (const other of METHODS) await numbersOf(rollout, other);
      expect(await numbersOf(rollout, method)).toEqual(first);
      await engine.close();
      const fresh = open();
      expect(await numbersOf(await rolloutOf(experiment, fresh), method)).toEqual(first);
      await fresh.close();
    });

    test("at another point and back", async () => {
      const engine = open();
      const rollout = await rolloutOf(experiment, engine);
      const here = await numbersOf(rollout, method);
      const away = rollout.at({ ...rollout.point, rate: rollout.point["rate"]!.map((u) => u - 0.5) });
      const there = await numbersOf(away, method);
      expect(there.value).not.toBe(here.value);
      expect(await numbersOf(rollout, method)).toEqual(here);
      expect(await numbersOf(away.at(rollout.point), method)).toEqual(here);
      expect(await numbersOf(away, method)).toEqual(there);
      await engine.close();
    });

    test("whether or not the engine was compared with the reference interpreter", async () => {
      const engine = open();
      const trusted = await numbersOf(await rolloutOf(experiment, engine, { trustEngine: true }), method);
      expect(await numbersOf(await rolloutOf(experiment, engine, { trustEngine: false }), method)).toEqual(trusted);
      await engine.close();
    });
  });
});

test.each(ENGINES)("checkpointed, and truncated to all steps, are reverse to the last bit: %s", async (_, open) => {
  const engine = open();
  const rollout = await rolloutOf(experiment, engine);
  const exact = await numbersOf(rollout, reverse());
  for (const checkpoints of [1, 2, 3, 7, STEPS - 1, STEPS, 1000]) {
    expect(await numbersOf(rollout, checkpointed({ checkpoints })), `${checkpoints} checkpoints`).toEqual(exact);
  }
  for (const steps of [STEPS, STEPS + 1]) expect(await numbersOf(rollout, truncated({ steps }))).toEqual(exact);
  expect(await numbersOf(rollout, truncated({ steps: STEPS - 1 }))).not.toEqual(exact);
  await engine.close();
});

test.each<Precision>(["float64", "float32"])("the same bits in a thread of its own: %s", async (precision) => {
  const here = nativeEngine({ precision, threads: 1 });
  const { engine: there } = await openEngine({ engine: "native", precision, worker: true });
  expect(there.description.worker).toBe(true);
  for (const method of METHODS) {
    const [a, b] = [await rolloutOf(experiment, here), await rolloutOf(experiment, there)];
    expect(await numbersOf(b, method)).toEqual(await numbersOf(a, method));
  }
  await Promise.all([here.close(), there.close()]);
});

test("another seed gives other weights and batches, the same seed the same", async () => {
  const engine = nativeEngine({ precision: "float64", threads: 1 });
  const [a, b, again] = await Promise.all([7, 8, 7].map(async (seed) => numbersOf(await rolloutOf(experiment, engine, { seed }), reverse()))); // prettier-ignore
  expect(again).toEqual(a);
  expect(b!.value).not.toBe(a!.value);
  await engine.close();
});
