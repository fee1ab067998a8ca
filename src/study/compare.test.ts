import { describe, expect, test } from "vitest";
import { failure, formula } from "../../test/oracle/measure.ts";
import { DrmadError, type ErrorCode } from "../errors.ts";
import { directOnly } from "../hypergradient/controls.ts";
import { drmad } from "../hypergradient/drmad.ts";
import type { Method } from "../hypergradient/method.ts";
import { reverse } from "../hypergradient/reverse.ts";
import * as nn from "../nn/nn.ts";
import { hyper } from "../problem/hyper.ts";
import { sgd } from "../dynamics/sgd.ts";
import * as ops from "../tensor/ops.ts";
import { compareMethods, type Contestant } from "./compare.ts";
import { defineExperiment } from "./define.ts";

const split = (seed: number) => ({ x: { data: formula(seed, 30), shape: [10, 3] } });
/** Training minimises Σ e^λ w² − w·x̄, so it depends on λ; nothing else does. */
const experiment = defineExperiment({
  name: "small",
  data: { train: split(1), valid: split(2) },
  params: { w: nn.constant([3]) },
  hyper: { curve: hyper.perWeight(1, { transform: "log" }) },
  train: {
    loss: ({ w }, { curve }, { x }) => ops.sub(ops.sum(ops.mul(curve["w"]!, ops.square(w!))), ops.sum(ops.mul(w!, ops.mean(x!, { axes: [0] })))), // prettier-ignore
    dynamics: sgd({ rate: 0.1 }),
    steps: 6,
  },
  valid: { loss: ({ w }, _, { x }) => ops.sum(ops.square(ops.sub(w!, ops.mean(x!, { axes: [0] })))) },
});
const OPTIONS = { rounds: 2, engine: "reference" } as const;
const as = (name: string, method: Method): Contestant => ({ name, method });
const failing = (code: ErrorCode, calls: number[] = []): Method => ({
  name: "failing",
  exact: false,
  run: () => {
    calls.push(1);
    return Promise.reject(new DrmadError(code, "it cannot"));
  },
});

const run = (...entered: Contestant[]) => compareMethods(experiment, () => entered, OPTIONS);

describe("compareMethods", () => {
  test("takes turns, round after round, and counts all but the first", async () => {
    const turns: string[] = [];
    let cpu = 0;
    const result = await compareMethods(
      experiment,
      ({ steps, exact }) => {
        expect({ steps, name: exact.method.name }).toEqual({ steps: 6, name: "reverse" });
        return [as("r", reverse()), as("d", drmad()), { ...as("c", directOnly()), control: true }];
      },
      { ...OPTIONS, cpuSeconds: () => cpu++, onTurn: (round, name) => turns.push(`${round} ${name}`) },
    );
    expect(turns).toEqual([0, 1, 2].flatMap((round) => ["plain training", "r", "d", "c"].map((n) => `${round} ${n}`)));
    expect(result.rows.map(({ kind }) => kind)).toEqual(["exact", "approximate", "control"]);
    expect(result).toMatchObject({ experiment: "small", innerSteps: 6, hyperparameters: 3, rounds: 2 });
    for (const times of [result.plain, ...result.rows]) {
      expect(times).toMatchObject({ cpuSeconds: [1, 1] });
      expect((times as { seconds: number[] }).seconds.length).toBe(2);
    }
    const [exact, line, control] = result.rows;
    expect(exact).toMatchObject({ outcome: "ok", total: { cosine: 1, lengthRatio: 1, signAgreement: 1 } });
    const found = line as { total: { cosine: number; lengthRatio: number } };
    // All coordinates start alike and curve alike, so the line misses them by the same factor.
    expect(found.total.cosine).toBeCloseTo(1, 12);
    expect(Math.abs(found.total.lengthRatio - 1)).toBeGreaterThan(0.01);
    expect(control).toMatchObject({ total: { lengthRatio: 0, signs: { missing: 3 } } });
    expect(control).not.toHaveProperty("total.cosine");
  });

  test.each(["unsupported", "not-stationary", "not-converged", "non-finite"] as const)(
    "a method that is %s is a row, is not tried again, and the others go on",
    async (code) => {
      const calls: number[] = [];
      const entered = [as("r", reverse()), as("f", failing(code, calls)), as("d", drmad())];
      const { rows } = await compareMethods(experiment, () => entered, OPTIONS);
      expect(rows[1]).toEqual({
        name: "f",
        method: "failing",
        kind: "approximate",
        outcome: code,
        message: expect.stringContaining("it cannot") as string,
      });
      expect(rows[2]).toMatchObject({ outcome: "ok" });
      expect(calls.length).toBe(1);
    },
  );

  test("every other error ends it, and so does one of the reference", async () => {
    await expect(run(as("r", reverse()), as("f", failing("engine-disagrees")))).rejects.toMatchObject(
      failure("engine-disagrees", "it cannot"),
    );
    const broken = { ...failing("unsupported"), exact: true };
    await expect(run(as("f", broken))).rejects.toMatchObject(failure("unsupported", "it cannot"));
    await expect(run(as("d", drmad()))).rejects.toMatchObject(failure("invalid-argument", "d is not exact"));
    await expect(run()).rejects.toMatchObject(failure("invalid-argument", "no method"));
  });

  test("stops between runs", async () => {
    const stop = new AbortController();
    const onTurn = (_: number, name: string): void => (name === "r" ? stop.abort() : undefined);
    const quick: Method = { ...reverse(), run: (rollout) => directOnly().run({ ...rollout }) };
    const running = compareMethods(experiment, () => [as("r", quick)], { ...OPTIONS, signal: stop.signal, onTurn });
    await expect(running).rejects.toMatchObject({ code: "cancelled" });
  });
});
