import { describe, expect, test } from "vitest";
import { linear } from "../../test/oracle/linear.ts";
import { failure } from "../../test/oracle/measure.ts";
import { nothing } from "../../test/oracle/rows.ts";
import { sgd } from "../dynamics/sgd.ts";
import { directOnly, randomSign } from "../hypergradient/controls.ts";
import { drmad } from "../hypergradient/drmad.ts";
import type { Method } from "../hypergradient/method.ts";
import { reverse } from "../hypergradient/reverse.ts";
import * as nn from "../nn/nn.ts";
import * as outer from "../outer/outer.ts";
import { hyper } from "../problem/hyper.ts";
import * as ops from "../tensor/ops.ts";
import { DrmadError } from "../errors.ts";
import { defineExperiment } from "./define.ts";
import type { StepFidelity, TuneEvent, TuneResult } from "./events.ts";
import { fidelity } from "./fidelity.ts";
import { tune, type TuneOptions } from "./tune.ts";

const HERE = { engine: "native", precision: "float64", worker: false, trustEngine: true } as const;
/** Training ends at u, so the validation loss is (u − 2)²: at u = 2 the hypergradient is 0. */
const following = defineExperiment({
  name: "following",
  data: { train: nothing, valid: nothing },
  params: { w: nn.constant([1]) },
  hyper: { u: hyper.scalar(1, { transform: "log" }) },
  train: { loss: ({ w }, { u }) => ops.mul(0.5, ops.sum(ops.square(ops.sub(w, u)))), dynamics: sgd({ rate: 1 }), steps: 2 }, // prettier-ignore
  valid: { loss: ({ w }) => ops.sum(ops.square(ops.sub(w, 2))) },
});

describe("fidelity of an experiment", () => {
  test("is measured at its start, or at natural values, where gradients are of unconstrained coordinates", async () => {
    // d(u − 2)²/d log u = 2 u (u − 2)
    const start = await fidelity(following, drmad(), HERE);
    expect(start).toMatchObject({ outcome: "ok", method: "drmad", exact: "reverse", total: { exactLength: 2 } });
    const there = { u: { data: Float64Array.of(3), shape: [] } };
    const later = await fidelity(following, drmad(), { ...HERE, values: there });
    expect(later).toMatchObject({ total: { exactLength: expect.closeTo(6, 12) as number } });
    const chosen = await fidelity(following, drmad(), { ...HERE, values: { u: { data: Float64Array.of(2), shape: [] } } }); // prettier-ignore
    expect(chosen).toMatchObject({ outcome: "ok", remarks: [expect.stringContaining("0 here"), expect.anything()] });
  });

  test.each([
    [{ v: { data: Float64Array.of(1), shape: [] } }, "no hyperparameter tensor v"],
    [{ u: { data: Float64Array.of(1, 2), shape: [2] } }, "2 values for u, which has 1"],
    [{ u: { data: Float64Array.of(-1), shape: [] } }, "-1, outside (0, Infinity)"],
  ])("refuses values that do not fit: %j", async (values, part) => {
    const result = fidelity(following, drmad(), { ...HERE, values });
    await expect(result).rejects.toMatchObject(failure("invalid-argument", part));
  });

  test("is an error where training itself diverges, told with its beginning", async () => {
    const values = { u: { data: Float64Array.of(1e300), shape: [] } };
    const result = fidelity(following, drmad(), { ...HERE, values });
    await expect(result).rejects.toMatchObject(failure("non-finite", "in train.loss gave Infinity"));
  });
});

async function study(options: TuneOptions): Promise<{ readonly result: TuneResult; readonly events: TuneEvent[] }> {
  const events: TuneEvent[] = [];
  const optimizer = outer.sgd({ rate: 0.05 });
  const result = await tune(linear(), {
    ...HERE,
    optimizer,
    outerSteps: 5,
    method: modest(),
    onEvent: (e) => events.push(e),
    ...options,
  });
  return { result, events };
}
/** The exact numbers of a method that does not say so: of exact ones nothing is measured. */
const modest = (): Method => ({ ...reverse(), exact: false });
const drawing = (asked: boolean | number): TuneOptions => ({ method: randomSign({ seed: 3 }), fidelity: asked });
const measuredAt = (events: readonly TuneEvent[]): number[] => events.flatMap((e) => (e.type === "fidelity" ? [e.step] : [])); // prettier-ignore
const timeless = ({ steps, fidelityPlan: _plan, fidelity: _fidelity, ...result }: TuneResult): object => ({
  ...result,
  seconds: 0,
  steps: steps.map((step) => ({ ...step, seconds: 0 })),
});

describe("fidelity while tuning", () => {
  test.each([
    [true, [0, 5]],
    [2, [0, 2, 4, 5]],
    [1, [0, 1, 2, 3, 4, 5]],
    [false, []],
  ])("asked for with %s it is measured at the steps %j", async (asked, steps) => {
    const { result, events } = await study({ fidelity: asked });
    expect(result.best).toBe(5);
    expect(measuredAt(events)).toEqual(steps);
    expect((result.fidelity ?? []).map(({ step }) => step)).toEqual(steps);
    expect(result).toHaveProperty("fidelity".repeat(Number(asked !== false)) || "steps");
  });

  test("is announced with its cost before anything runs, and told before the step's update", async () => {
    const order: string[] = [];
    const sgdOuter = outer.sgd({ rate: 0.05 });
    const optimizer = { ...sgdOuter, update: (...given: Parameters<typeof sgdOuter.update>) => (order.push("update"), sgdOuter.update(...given)) }; // prettier-ignore
    const { events } = await study({
      fidelity: true,
      outerSteps: 1,
      optimizer,
      onEvent: (e) => void (e.type !== "progress" && order.push(e.type)),
    });
    expect(events).toEqual([]);
    expect(order).toEqual(["start", "step", "fidelity", "update", "step", "fidelity", "result"]);
    const { events: again } = await study({ fidelity: 3 });
    expect(again[0]).toMatchObject({ type: "start", fidelityPlan: { every: 3, exact: "reverse", trainings: 4 } });
  });

  test("changes nothing, even for a method that draws anew at each call", async () => {
    const [plain, watched] = [await study(drawing(false)), await study(drawing(1))];
    expect(timeless(watched.result)).toEqual(timeless(plain.result));
    // The figures are of the very gradient that was used.
    const norms = watched.result.fidelity!.map((f) => (f as Extract<StepFidelity, { outcome: "ok" }>).total.length);
    expect(norms.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => expect.closeTo(Math.sqrt(5), 12) as number));
  });

  test("each measurement is of its own point", async () => {
    const { result } = await study({ method: directOnly(), fidelity: 1, outerSteps: 2 });
    expect(result.fidelity!.every((f) => f.outcome === "ok" && f.trust === "none")).toBe(true);
    const events: TuneEvent[] = [];
    const options = { ...HERE, optimizer: outer.sgd({ rate: 0.1 }), outerSteps: 3, onEvent: (e: TuneEvent) => events.push(e) }; // prettier-ignore
    const { fidelity: found, steps } = await tune(following, { ...options, method: modest(), fidelity: 1 });
    const lengths = found!.map((f) => (f as Extract<StepFidelity, { outcome: "ok" }>).total.exactLength);
    expect(lengths.slice(0, 3)).toEqual(steps.slice(0, 3).map(({ gradientNorm }) => expect.closeTo(gradientNorm!, 12) as number)); // prettier-ignore
    expect(new Set(lengths).size).toBe(lengths.length);
  });

  test("that cannot be measured is warned of, and the run goes on", async () => {
    let calls = 0;
    const method: Method = {
      ...modest(),
      run: (rollout) =>
        calls++ < 2 ? reverse().run(rollout) : Promise.reject(new DrmadError("unsupported", "only twice")),
    };
    const { result, events } = await study({ method, fidelity: true, outerSteps: 2 });
    expect(result).toMatchObject({ stop: "budget", best: 2, fidelity: [{ step: 0 }] });
    const warnings = events.flatMap((e) => (e.type === "warning" ? [e.message] : []));
    expect(warnings).toEqual(["the fidelity of step 2 could not be measured: only twice"]);
  });

  test("is not begun after a cancellation, and one that is interrupted keeps the result", async () => {
    const abort = new AbortController();
    const stopAt =
      (type: TuneEvent["type"], step: number) =>
      (e: TuneEvent): void => {
        if (e.type === type && "step" in e && e.step === step) abort.abort();
      };
    const cancelled = await study({ fidelity: true, signal: abort.signal, onEvent: stopAt("step", 1) });
    expect(cancelled.result).toMatchObject({ stop: "cancelled", fidelity: [{ step: 0 }] });
    const late = new AbortController();
    const events: TuneEvent[] = [];
    const onEvent = (e: TuneEvent): void => {
      events.push(e);
      if (e.type === "step" && e.step === 5) late.abort();
    };
    const interrupted = await study({ fidelity: true, signal: late.signal, onEvent });
    expect(interrupted.result).toMatchObject({ stop: "budget", best: 5, fidelity: [{ step: 0 }] });
    expect(events.some((e) => e.type === "warning" && e.message.includes("step 5 was not measured"))).toBe(true);
  });

  test.each([0, -1, 1.5, NaN])("is refused at every %s steps", async (asked) => {
    await expect(study({ fidelity: asked })).rejects.toMatchObject(failure("invalid-argument", `fidelity: ${asked}`));
  });
});
