import { afterAll, describe, expect, test } from "vitest";
import { failure, numbersOf, rolloutOf } from "../../test/oracle/measure.ts";
import { classified } from "../../test/oracle/rows.ts";
import { watch } from "../../test/oracle/watch.ts";
import { momentum } from "../dynamics/momentum.ts";
import { nativeEngine } from "../engine/onnx/session.ts";
import { DrmadError } from "../errors.ts";
import * as nn from "../nn/nn.ts";
import { hyper } from "../problem/hyper.ts";
import { defineExperiment } from "../study/define.ts";
import * as ops from "../tensor/ops.ts";
import type { Rollout } from "../rollout/rollout.ts";
import { auto } from "./auto.ts";
import { checkpointed } from "./checkpointed.ts";
import { drmad } from "./drmad.ts";
import { forward } from "./forward.ts";
import type { Method } from "./method.ts";
import { reverse, storedPath } from "./reverse.ts";
import { reversible } from "./reversible.ts";
import { truncated } from "./truncated.ts";

const native = watch(nativeEngine({ precision: "float64", threads: 1 }));
afterAll(() => native.close());
const split = (seed: number, n: number) => classified(seed, n, 3);
const experimentOf = (shape: "perInput" | "scalar") =>
  defineExperiment({
    data: { train: split(1, 20), valid: split(2, 9) },
    params: nn.mlp([3, 40, 2]),
    hyper: { l2: hyper[shape](0.01, { transform: "log" }) },
    train: {
      loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.l2)),
      dynamics: momentum({ rate: 0.3, decay: 0.5 }),
      steps: 60,
      batch: 5,
    },
    valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
  });

/** Numbers of a state: weights 3·40 + 40 + 40·2 + 2, and as many velocities. */
const STATE = 2 * 8 * 242;

/** The most that a method holds at once, beyond what is held before it. */
const peakOf = async (rollout: Rollout, method: Method) => {
  await numbersOf(rollout, method);
  native.forget();
  const before = native.heldBytes();
  const { chosen } = await numbersOf(rollout, method);
  return { chosen, bytes: native.peakBytes() - before };
};
const refuse = (): never => {
  throw new DrmadError("unsupported", "sgd cannot be taken back");
};

describe("auto", async () => {
  const many = await rolloutOf(experimentOf("perInput"), native);
  const few = await rolloutOf(experimentOf("scalar"), native);
  const step = many.keptBytes((await many.sweep(storedPath(60))).reads);
  const MB = 1e-6;

  test("counts what is kept as it is kept", async () => {
    expect(many.stateBytes).toBe(STATE);
    const { chosen } = await numbersOf(many, auto({ megabytes: 1000 }));
    const start = await many.start();
    const { kept, final } = await many.train(start, { keep: (await many.sweep(storedPath(60))).reads });
    let bytes = 0;
    for (const { tensors } of kept)
      for (const buffer of Object.values(tensors)) bytes += 8 * (await many.read(buffer)).data.length;
    expect(chosen).toMatchObject({ name: "reverse", exact: true, megabytes: bytes * MB });
    many.free(start, final, ...kept.map(({ tensors }) => tensors));
  });

  test("gives what the chosen method gives, bit for bit", async () => {
    const exact = await numbersOf(many, reverse());
    for (const [megabytes, name] of [
      [60 * step * MB, "reverse"],
      [(60 * step - 1) * MB, "checkpointed"],
      [(STATE + step) * MB, "checkpointed"],
    ] as const) {
      const { chosen, ...result } = await numbersOf(many, auto({ megabytes }));
      expect(chosen).toMatchObject({ name, exact: true });
      expect(chosen!.megabytes).toBeLessThanOrEqual(megabytes);
      expect(result).toEqual(exact);
    }
    const { chosen, ...result } = await numbersOf(few, auto({ megabytes: 2 * STATE * MB }));
    expect(chosen).toMatchObject({ name: "forward", exact: true, megabytes: 2 * STATE * MB });
    expect(result).toEqual(await numbersOf(few, forward({ chunk: 1 })));
  });

  test("approximates where time rules exact methods out, and says what an exact one takes", async () => {
    const last = await numbersOf(many, auto({ megabytes: 10, time: 2.1 }));
    expect(last.chosen).toMatchObject({ name: "truncated(30)", exact: false });
    expect(last.gradient).toEqual((await numbersOf(many, truncated({ steps: 30 }))).gradient);
    const bytes = STATE + 44 * 300;
    const some = await numbersOf(many, auto({ megabytes: bytes * MB, time: 3.6 }));
    const [, snapshots] = /^drmad (\d+) points int8$/.exec(some.chosen!.name)!;
    const same = await numbersOf(many, drmad({ snapshots: Number(snapshots), storage: "int8" }));
    expect(some.gradient).toEqual(same.gradient);
    expect(some.chosen!.why).toMatch(/; an exact gradient within 3\.6 times plain training takes [\d.]+ MB$/);
  });

  test("refuses with what would do, and what does not make sense", async () => {
    const error: unknown = await auto({ megabytes: 0.001 })
      .run(many)
      .catch((e: unknown) => e);
    expect(error).toMatchObject(failure("unsupported", "auto finds no method within 0.001 MB"));
    const least = Number(/at least ([\d.]+) MB/.exec((error as { hint: string }).hint)![1]);
    expect((await numbersOf(many, auto({ megabytes: least }))).chosen!.megabytes).toBeLessThanOrEqual(least);
    for (const megabytes of [0, -1, NaN, Infinity])
      expect(() => auto({ megabytes })).toThrow(expect.objectContaining(failure("invalid-argument")));
    expect(() => auto({ megabytes: 1, time: 0 })).toThrow(expect.objectContaining(failure("invalid-argument")));
  });

  test("never holds more than the budget, beyond a sweep along the straight line, which keeps nothing", async () => {
    const seen = new Set<string>();
    for (const rollout of [many, few]) {
      const { bytes: none } = await peakOf(rollout, drmad());
      for (const [bytes, time] of [
        [60 * step],
        [60 * step - 1],
        [STATE + step],
        [3 * STATE + 5 * step],
        [1e7, 2.1],
        [STATE + 44 * 300, 3.6],
      ] as const) {
        const budget = { megabytes: bytes * MB, ...(time === undefined ? {} : { time }) };
        const { chosen, bytes: peak } = await peakOf(rollout, auto(budget));
        seen.add(chosen!.name.replaceAll(/\d+/g, "N"));
        expect(chosen!.megabytes, chosen!.name).toBeLessThanOrEqual(budget.megabytes * (1 + 1e-12));
        expect((peak - none) * MB, chosen!.name).toBeLessThanOrEqual(chosen!.megabytes * (1 + 1e-12));
        if (chosen!.name === "reverse") expect(peak - none).toBeGreaterThan(0.9 * 60 * step);
      }
    }
    expect([...seen].sort()).toEqual(["checkpointed", "drmad N points intN", "forward", "reverse", "truncated(N)"]);
  });

  test("takes reversible where nothing exact fits or is as fast, and not for other dynamics", async () => {
    const reversal = many.reversal();
    const bytes = await reversal.bytes((await reversal.sweep(storedPath(60))).reads);
    // As if its tables were as small as they are beside the weights of a large network.
    const small = { ...many, reversal: () => ({ ...reversal, bytes: () => Promise.resolve(STATE / 2) }) };
    const { chosen, ...result } = await numbersOf(small, auto({ megabytes: 0.6 * STATE * MB }));
    expect(chosen).toMatchObject({ name: "reversible", exact: true, megabytes: (STATE / 2) * MB, timeFactor: 6 });
    expect(result).toEqual(await numbersOf(many, reversible()));
    expect(bytes).toBeGreaterThan(60 * step);
    const other = auto({ megabytes: 0.6 * STATE * MB }).run({ ...many, reversal: refuse });
    await expect(other).rejects.toThrow(expect.objectContaining(failure("unsupported", "auto finds no method")));
  });

  test("agrees with a plan made by hand", async () => {
    const megabytes = (5 * STATE + 6 * step) * MB;
    const { chosen, gradient } = await numbersOf(many, auto({ megabytes }));
    expect(chosen!.why).toMatch(/^every step would take [\d.]+ MB, so \d+ states and a segment of \d+ steps are kept$/);
    expect(gradient).toEqual((await numbersOf(many, checkpointed({ megabytes }))).gradient);
  });
});
