import { describe, expect, test } from "vitest";
import { failure } from "../../test/oracle/measure.ts";
import { nothing } from "../../test/oracle/rows.ts";
import { sgd } from "../dynamics/sgd.ts";
import { drmad } from "../hypergradient/drmad.ts";
import { reverse } from "../hypergradient/reverse.ts";
import { truncated } from "../hypergradient/truncated.ts";
import * as nn from "../nn/nn.ts";
import * as outer from "../outer/outer.ts";
import type { OuterOptimizer } from "../outer/optimizer.ts";
import { hyper } from "../problem/hyper.ts";
import * as ops from "../tensor/ops.ts";
import { defineExperiment } from "./define.ts";
import type { TuneEvent, TuneResult } from "./events.ts";
import { tune, type TuneOptions } from "./tune.ts";

/**
 * w ← (1 + r) w + r u / 10⁶ for 20 steps: the adjoint grows (1 + r)²⁰-fold on its way back. With r = 1 that is a million,
 * and 2¹⁰ > 1000 is passed at step 10.
 */
const growing = (rate: number, to = 0) =>
  defineExperiment({
    name: "growing",
    data: { train: nothing, valid: nothing },
    params: { w: nn.constant([1]) },
    hyper: { u: hyper.scalar(to) },
    train: {
      loss: ({ w }, { u }) => ops.sub(ops.mul(-0.5, ops.sum(ops.square(w))), ops.mul(ops.mul(1e-6, u), ops.sum(w))),
      dynamics: sgd({ rate }),
      steps: 20,
    },
    valid: { loss: ({ w }) => ops.sum(ops.square(ops.sub(w, 2))) },
  });

interface Run {
  readonly result: TuneResult;
  readonly order: readonly string[];
  readonly warnings: readonly Extract<TuneEvent, { type: "warning" }>[];
}

async function run(rate: number, options: TuneOptions = {}): Promise<Run> {
  const order: string[] = [];
  const warnings: Extract<TuneEvent, { type: "warning" }>[] = [];
  const sign = outer.sign({ rate: 0.1 });
  const optimizer: OuterOptimizer<unknown> = {
    ...sign,
    update: (...given) => (order.push("update"), sign.update(...(given as Parameters<typeof sign.update>))),
  };
  const result = await tune(growing(rate), {
    engine: "native",
    precision: "float64",
    worker: false,
    trustEngine: true,
    optimizer: optimizer as OuterOptimizer,
    outerSteps: 2,
    onEvent(event) {
      if (event.type === "warning") warnings.push(event);
      if (event.type === "step" || event.type === "warning") order.push(event.type);
    },
    ...options,
  });
  return { result, order, warnings };
}

describe("chaos", () => {
  test("is flagged before the first update by it, once, with the step, its growth and what to do", async () => {
    const { result, order, warnings } = await run(1);
    expect(order).toEqual(["step", "warning", "update", "step", "update", "step"]);
    expect(warnings[0]!.chaos).toEqual({ outerStep: 0, growth: 2 ** 20, growthPassedAt: 10 });
    expect(warnings[0]!.message).toMatch(/outer step 0 is chaotic.*1\.0e\+6-fold.*past 1000 times at training step 10/);
    expect(warnings[0]!.message).toMatch(/training itself is chaotic.*smaller learning rate.*truncated:9, or persistentEvolution:N$/); // prettier-ignore
    expect(result.stop).toBe("budget");
    expect(result.steps.map(({ growth, growthPassedAt, chaotic }) => [growth, growthPassedAt, chaotic])).toEqual([
      [2 ** 20, 10, true],
      [2 ** 20, 10, true],
      [undefined, undefined, undefined],
    ]);
  });

  test("stops the run where that is asked for, before anything moved", async () => {
    const { result, order, warnings } = await run(1, { onChaos: "stop" });
    expect(order).toEqual(["step", "warning"]);
    expect(result).toMatchObject({ stop: "chaotic", best: 0, stopDetail: warnings[0]!.message });
    expect([...result.values["u"]!.data]).toEqual([0]);
  });

  test("the advice is sound: so many last steps stay below the limit", async () => {
    const { result, warnings } = await run(1, { method: truncated({ steps: 9 }), onChaos: "stop" });
    expect([warnings.length, result.stop, result.steps[0]!.growth]).toEqual([0, "budget", 2 ** 9]);
    expect((await run(1, { method: truncated({ steps: 10 }), onChaos: "stop" })).result.stop).toBe("chaotic");
  });

  test("of an approximation may be its path's", async () => {
    const { warnings } = await run(1, { method: drmad() });
    expect(warnings[0]!.message).toContain("drmad has growthLimit");
  });

  test("is not seen where there is none", async () => {
    // 1.4¹⁹ and 1.4²⁰ lie on either side of nothing: 1.4²⁰ = 837.
    const { result, warnings } = await run(0.4, { onChaos: "stop" });
    expect([warnings.length, result.stop]).toEqual([0, "budget"]);
    expect(result.steps.map(({ chaotic }) => chaotic)).toEqual([false, false, undefined]);
    expect(result.steps[0]).not.toHaveProperty("growthPassedAt");
  });

  test("is continued from or stopped at, and nothing else", async () => {
    const other = run(1, { onChaos: "wait" as "stop" });
    await expect(other).rejects.toMatchObject(failure("invalid-argument", 'onChaos: "wait"'));
  });

  test("its fidelity is measured all the same", async () => {
    const { result } = await run(1, { method: { ...reverse(), exact: false }, onChaos: "stop", fidelity: true });
    const [report] = result.fidelity!;
    expect(report).toMatchObject({ step: 0, trust: "value", exactGrowth: { growthPassedAt: 10 } });
    expect(report!.verdict).toContain("Trust no hypergradient here");
    expect(report!.remarks.join(" ")).toContain("The adjoint of reverse grew 1.0e+6-fold");
  });
});
