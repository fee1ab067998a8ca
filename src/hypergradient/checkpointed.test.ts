import { afterAll, describe, expect, test } from "vitest";
import { failure, numbersOf, rolloutOf } from "../../test/oracle/measure.ts";
import { classified } from "../../test/oracle/rows.ts";
import { watch } from "../../test/oracle/watch.ts";
import { momentum } from "../dynamics/momentum.ts";
import { sgd } from "../dynamics/sgd.ts";
import { nativeEngine } from "../engine/onnx/session.ts";
import type { DrmadError } from "../errors.ts";
import * as nn from "../nn/nn.ts";
import { hyper } from "../problem/hyper.ts";
import { defineExperiment } from "../study/define.ts";
import * as ops from "../tensor/ops.ts";
import { planWithin, segmentsRun, stride } from "./binomial.ts";
import { checkpointed } from "./checkpointed.ts";
import { reverse } from "./reverse.ts";
import { truncated } from "./truncated.ts";

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

/** The fewest segments that must run, over every way to place checkpoints. */
const fewest = ((): ((n: number, c: number) => number) => {
  const known = new Map<string, number>();
  const count = (n: number, c: number): number => {
    if (n <= 1) return n;
    if (c === 0) return (n * (n + 1)) / 2;
    const key = `${n} ${c}`;
    const best = known.get(key) ?? Math.min(...range(1, n).map((m) => m + count(n - m, c - 1) + count(m, c)));
    known.set(key, best);
    return best;
  };
  return count;
})();

describe("the binomial schedule", () => {
  test("runs as few segments as any schedule", () => {
    for (const c of range(0, 8)) {
      for (const n of range(1, 70)) expect(segmentsRun(n, c), `${n} segments, ${c} checkpoints`).toBe(fewest(n, c));
    }
  });

  test("by hand", () => {
    // With a checkpoint for every segment each runs once ahead and once more, but for the last.
    expect(segmentsRun(10, 9)).toBe(19);
    expect(segmentsRun(10, 100)).toBe(19);
    expect(segmentsRun(1, 0)).toBe(1);
    expect(segmentsRun(4, 0)).toBe(4 + 3 + 2 + 1);
    expect(stride(2, 1)).toBe(1);
  });

  test("of many segments is counted at once, and as its strides add up", () => {
    const added = (n: number, c: number): number => {
      if (n <= 1 || c === 0) return (n * (n + 1)) / 2;
      const m = stride(n, c);
      return m + added(n - m, c - 1) + added(m, c);
    };
    for (const [n, c] of [
      [300, 20],
      [300, 299],
      [777, 3],
      [1000, 1],
    ] as const)
      expect(segmentsRun(n, c)).toBe(added(n, c));
    expect(segmentsRun(200_000, 199_999)).toBe(399_999);
    expect(segmentsRun(200_000, 100_000)).toBe(399_999 + 99_998);
  });

  test("always leaves something on both sides", () => {
    for (const c of range(1, 10)) {
      for (const n of range(2, 200)) {
        expect(stride(n, c)).toBeGreaterThanOrEqual(1);
        expect(stride(n, c)).toBeLessThan(n);
      }
    }
  });
});

const bytesOf = ({ segment, checkpoints }: { segment: number; checkpoints: number }): number =>
  (checkpoints + 1) * 100 + segment * 30;

describe("a plan within some memory", () => {
  test("fits, and more memory never costs more steps", () => {
    let before = Infinity;
    for (const bytes of range(2, 60).map((i) => 100 * i)) {
      const plan = planWithin(500, bytes, 100, 30);
      expect(bytesOf(plan)).toBeLessThanOrEqual(bytes);
      const cost = segmentsRun(Math.ceil(500 / plan.segment), plan.checkpoints) * plan.segment;
      expect(cost).toBeLessThanOrEqual(before);
      before = cost;
    }
  });

  test("stores every step where there is room", () => {
    expect(planWithin(50, 1e9, 100, 30)).toMatchObject({ segment: 50, checkpoints: 0 });
  });

  test("says how much it needs", () => {
    expect(() => planWithin(50, 129, 100, 30)).toThrow(expect.objectContaining(failure("unsupported", "0.000129 MB")));
    expect(planWithin(50, 130, 100, 30)).toMatchObject({ segment: 1, checkpoints: 0 });
  });

  test.each([
    [50, 100, 30],
    [1000, 12_345, 6789],
    [1003, 180_001, 90_007],
    [2000, 358_880, 269_160],
    [1999, 123_456_789, 1],
  ])("the least that it asks for is enough: %d steps, states of %d bytes, steps of %d", (steps, state, step) => {
    let hint = "";
    try {
      planWithin(steps, state + step - 1, state, step);
    } catch (error) {
      hint = (error as DrmadError).hint!;
    }
    const megabytes = Number(/at least ([\d.]+) MB/.exec(hint)![1]);
    const plan = planWithin(steps, Math.round(megabytes * 1e6), state, step);
    expect((plan.checkpoints + 1) * state + plan.segment * step).toBeLessThanOrEqual(megabytes * 1e6);
    expect(megabytes * 1e6).toBeLessThan(1.1 * (state + step));
  });
});

const native = nativeEngine({ precision: "float64", threads: 1 });
afterAll(() => native.close());
const split = (seed: number, n: number, features = 3) => classified(seed, n, features);
const experimentOf = (features: number, hidden: number, steps: number) =>
  defineExperiment({
    data: { train: split(1, 20, features), valid: split(2, 9, features) },
    params: nn.mlp([features, hidden, 2]),
    hyper: { rate: hyper.scalar(0.3, { transform: "log", perStep: true }) },
    train: {
      loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y),
      dynamics: (h) => momentum({ rate: h.rate, decay: 0.5 }),
      steps,
      batch: 5,
    },
    valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
  });
const experiment = experimentOf(3, 4, 37);

describe("checkpointed", () => {
  test("runs the steps of its schedule, no more, and gives the bits of reverse", async () => {
    const engine = watch(native);
    const rollout = await rolloutOf(experiment, engine);
    const exact = await numbersOf(rollout, reverse());
    for (const checkpoints of [1, 2, 3, 5, 37, 40]) {
      engine.runs.length = 0;
      expect(await numbersOf(rollout, checkpointed({ checkpoints }))).toEqual(exact);
      const ran = (name: string): number[] =>
        engine.runs.flatMap(({ program, range: r }) => (program.includes(name) && r ? range(r.from, r.to) : []));
      expect(ran("sweep")).toHaveLength(37);
      const segment = Math.min(checkpoints, 37);
      // The last segment may be shorter, and is run once: right before it is reversed.
      const missing = segment * Math.ceil(37 / segment) - 37;
      expect(ran("training")).toHaveLength(segment * fewest(Math.ceil(37 / segment), checkpoints) - missing);
    }
  });

  test("keeps to its megabytes", async () => {
    const rollout = await rolloutOf(experiment, native);
    const exact = await numbersOf(rollout, reverse());
    const each = rollout.stateBytes;
    expect(each).toBe(2 * 8 * (12 + 4 + 8 + 2));
    for (const megabytes of [10, (20 * each) / 1e6, (3 * each) / 1e6]) {
      expect(await numbersOf(rollout, checkpointed({ megabytes }))).toEqual(exact);
    }
    const refused: unknown = await checkpointed({ megabytes: each / 1e6 })
      .run(rollout)
      .catch((error: unknown) => error);
    expect(refused).toMatchObject(failure("unsupported", "MB"));
    const least = Number(/at least ([\d.]+) MB/.exec((refused as DrmadError).hint!)![1]);
    expect(await numbersOf(rollout, checkpointed({ megabytes: least }))).toEqual(exact);
  });

  test("segments too large for one call are kept and swept, to the same bits", async () => {
    const engine = watch(native);
    const rollout = await rolloutOf(experimentOf(400, 100, 150), engine);
    const exact = await numbersOf(rollout, reverse());
    const replayed = (): boolean => engine.runs.some(({ program }) => program.includes("replayed"));
    for (const [checkpoints, inOneCall] of [
      [70, false],
      [20, true],
    ] as const) {
      engine.runs.length = 0;
      expect(await numbersOf(rollout, checkpointed({ checkpoints }))).toEqual(exact);
      expect(replayed()).toBe(inOneCall);
    }
  });

  test.each([0, -1, 1.5, NaN])("%d checkpoints are refused", async (checkpoints) => {
    const rollout = await rolloutOf(experiment, native);
    await expect(checkpointed({ checkpoints }).run(rollout)).rejects.toMatchObject(failure("invalid-argument"));
  });
});

describe("truncated", () => {
  test("per-step hyperparameters get their gradient from their own step on, earlier ones none", async () => {
    const rollout = await rolloutOf(experiment, native);
    const exact = (await numbersOf(rollout, reverse())).gradient["rate"]!;
    const cut = (await numbersOf(rollout, truncated({ steps: 10 }))).gradient["rate"]!;
    expect([...cut.subarray(0, 27)]).toEqual(range(0, 27).map(() => 0));
    expect([...cut.subarray(27)]).toEqual([...exact.subarray(27)]);
  });

  test("does not see what only the start depends on, until it reaches the start", async () => {
    const scaled = defineExperiment({
      data: { train: split(1, 20), valid: split(2, 9) },
      params: nn.mlp([3, 2]),
      hyper: { scale: hyper.scalar(0.8) },
      initial: (w, { scale }) => w.map(({ W, b }) => ({ W: ops.mul(scale, W), b })),
      train: {
        loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y),
        dynamics: sgd({ rate: 0.1 }),
        steps: 6,
      },
      valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
    });
    const rollout = await rolloutOf(scaled, native);
    const exact = await numbersOf(rollout, reverse());
    expect(exact.gradient["scale"]![0]).not.toBe(0);
    expect((await numbersOf(rollout, truncated({ steps: 5 }))).gradient["scale"]![0]).toBe(0);
    expect(await numbersOf(rollout, truncated({ steps: 6 }))).toEqual(exact);
  });

  test.each([0, -1, 1.5, NaN])("to %d steps is refused", (steps) => {
    expect(() => truncated({ steps })).toThrow(expect.objectContaining(failure("invalid-argument", `${steps} steps`)));
  });
});
