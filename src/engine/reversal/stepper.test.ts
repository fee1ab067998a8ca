import { describe, expect, test } from "vitest";
import type { NdArray } from "../../data/dataset.ts";
import { add, cast, mul, sub, type TensorLike } from "../../tensor/elementwise.ts";
import { toGraph } from "../../tensor/graph.ts";
import { gather, input } from "../../tensor/layout.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Buffer, Engine, ReversibleProgram } from "../engine.ts";
import { nativeEngine } from "../onnx/session.ts";
import { evaluate, referenceEngine } from "../reference/engine.ts";
import { createReversible, type StepHost } from "./stepper.ts";

const SIZE = 3;
const w = input("weights/a", [SIZE]);
const b = input("weights/b", [1]);
const t = cast(input("t", [], "int"), "float");
const h = input("h", [SIZE]);
const row = gather(input("rows", [1, SIZE], "float", { rows: true }), input("k", [], "int"));

/** An expression of t, as a setting of one number for every weight must be to be read at each step. */
const atStep = (x: TensorLike): Tensor => add(mul(t, 0), x);

/** g = h w + row + b for a, and b for b; a setting is an expression of t and h. */
const programWith = (settings: { readonly rate?: TensorLike; readonly decay?: TensorLike }): ReversibleProgram => {
  const [rate, decay] = [atStep(settings.rate ?? 0.1), atStep(settings.decay ?? 0.75)];
  return {
    weights: [
      { name: "a", shape: [SIZE] },
      { name: "b", shape: [1] },
    ],
    gradient: {
      name: "gradient",
      graph: toGraph({
        "gradient/a": add(add(mul(h, w), row), b),
        "gradient/b": b,
        "kept/product": mul(h, w),
      }),
    },
    settings: {
      name: "settings",
      graph: toGraph({
        "rate/a": rate,
        "decay/a": decay,
        "given/a": decay,
        "rate/b": atStep(0.1),
        "decay/b": atStep(0.5),
        "given/b": atStep(0.5),
      }),
    },
  };
};

const reals = (...data: number[]): NdArray => ({ data: Float64Array.from(data), shape: [data.length] });
const STEPS = 7;
const rowsOf = (from: number, to: number): NdArray => ({
  data: Float64Array.from({ length: (to - from) * SIZE }, (_, i) => Math.cos(from * SIZE + i)),
  shape: [to - from, SIZE],
});

async function runOn(engine: Engine, program: ReversibleProgram, start: NdArray = reals(1, -2, 0.5)) {
  const reversible = await engine.compileReversible(program);
  const run = await reversible.begin({ "weights/a": await engine.load(start), "weights/b": await engine.load(reals(0.3)) }); // prettier-ignore
  const fixed = { h: await engine.load(reals(0.2, 0.7, -0.1)) };
  const inputs = async (from: number, to: number) => ({ ...fixed, rows: await engine.load(rowsOf(from, to)) });
  const read = async (buffers: Record<string, Parameters<Engine["read"]>[0]>, name: string): Promise<number[]> =>
    Array.from((await engine.read(buffers[name]!)).data);
  return { run, inputs, read, reversible };
}

describe.each([
  ["native float64", () => nativeEngine({ precision: "float64", threads: 1 })],
  ["native float32", () => nativeEngine({ precision: "float32", threads: 1 })],
  ["reference", referenceEngine],
] as const)("%s", (_, open) => {
  test("restores, step by step, what a run step by step had been", async () => {
    const engine = open();
    const { run, inputs, read } = await runOn(engine, programWith({ decay: mul(sub(60_000, t), 1 / 65_536) }));
    const [weights, velocities]: number[][][] = [[], []];
    for (let step = 0; step < STEPS; step++) {
      const now = await run.state();
      weights!.push(await read(now, "weights/a"));
      velocities!.push(await read(now, "velocity/b"));
      await run.forward(await inputs(step, step + 1), { from: step, to: step + 1 });
    }
    expect((await run.information()).bits).toBeGreaterThan(0);
    // Other runs of steps than on the way there.
    for (const [from, to] of [
      [4, STEPS],
      [1, 4],
      [0, 1],
    ] as const) {
      // prettier-ignore
      const back = await run.back(await inputs(from, to), { from, to }, ["weights/a", "velocity/b", "product"]);
      expect(await read(back, "weights/a")).toEqual(weights!.slice(from, to).flat());
      expect(await read(back, "velocity/b")).toEqual(velocities!.slice(from, to).flat());
      const products = weights!.slice(from, to).flatMap((w) => w.map((x, i) => x * [0.2, 0.7, -0.1][i]!));
      (await read(back, "product")).forEach((x, i) => expect(x).toBeCloseTo(products[i]!, 6));
    }
    expect((await run.information()).bits).toBe(0);
    run.end();
    await engine.close();
  });

  test("two runs at once keep apart, and memory of an ended one begins anew", async () => {
    const engine = open();
    const { run, inputs, read, reversible } = await runOn(engine, programWith({}));
    const begin = async (x: number) =>
      reversible.begin({ "weights/a": await engine.load(reals(x, x, x)), "weights/b": await engine.load(reals(0)) });
    const other = await begin(0.5);
    const all = { from: 0, to: STEPS };
    await run.forward(await inputs(0, STEPS), all);
    await other.forward(await inputs(0, STEPS), all);
    const last = await read(await other.state(), "weights/a");
    expect(last).not.toEqual(await read(await run.state(), "weights/a"));
    await run.back(await inputs(0, STEPS), all, []);
    run.end();
    run.end();
    const [again, third] = [await begin(0.5), await begin(0.25)];
    await again.forward(await inputs(0, STEPS), all);
    await third.forward(await inputs(0, STEPS), all);
    expect(await read(await again.state(), "weights/a")).toEqual(last);
    await engine.close();
  });

  test.each([
    ["a decay of 1 at step 5", { decay: mul(add(t, 1), 1 / 6) }, "unsupported", "1 at step 5"],
    ["a decay of 0", { decay: mul(t, 0.1) }, "unsupported", "a is 0 at step 0"],
    ["a negative decay", { decay: -0.5 }, "unsupported", "-0.5"],
    ["weights out of range", { rate: mul(1e4, t) }, "non-finite", "±4096"],
    ["a rate that is no number", { rate: mul(Infinity, t) }, "non-finite", "rate of weights a is NaN at step 0"],
    ["decays each of their own, one of them 1", { decay: add(h, 0.3) }, "unsupported", "is 1 at step 0"],
  ] as const)("%s is a typed error", async (__, settings, code, part) => {
    const engine = open();
    const { run, inputs } = await runOn(engine, programWith(settings));
    const failed = run.forward(await inputs(0, STEPS), { from: 0, to: STEPS });
    await expect(failed).rejects.toMatchObject({ code, message: expect.stringContaining(part) as string });
    await engine.close();
  });

  test("a start out of range, and a gradient that is no number, are typed errors", async () => {
    const engine = open();
    const far = runOn(engine, programWith({}), reals(1, 5000, 0));
    await expect(far).rejects.toMatchObject({
      code: "non-finite",
      message: expect.stringContaining("±4096") as string,
    });
    const program = programWith({});
    const broken = toGraph({ "gradient/a": mul(w, Infinity), "gradient/b": b });
    const { run, inputs } = await runOn(engine, { ...program, gradient: { name: "g", graph: broken } });
    const failed = run.forward(await inputs(0, 1), { from: 0, to: 1 });
    await expect(failed).rejects.toMatchObject({ code: "non-finite" });
    await engine.close();
  });
});

const buffer = (id: number): Buffer => ({ id, shape: [], dtype: "float" });

test("an engine that gives other gradients on the way back is told on", async () => {
  const start = reals(1, -2, 0.5);
  let calls = 0;
  const host: StepHost = {
    precision: "float64",
    hold: () => ({ id: 0, shape: [], dtype: "float" }),
    release: () => undefined,
    discard: () => undefined,
    read: (buffer) => (buffer.id === 0 ? start : reals(0.3)),
    prepare: ({ graph }) =>
      Promise.resolve({
        bind: (_, live) =>
          Promise.resolve((outputs) => {
            const values = Object.fromEntries(
              Object.entries(live).map(([name, { data, shape }]) => [name, { data: Float64Array.from(data), shape }]),
            );
            const feeds = { ...values, h: { data: Float64Array.of(1, 2, 3), shape: [3] }, rows: { data: new Float64Array(3), shape: [1, 3] } }; // prettier-ignore
            const results = evaluate(graph, { ...feeds, k: { data: new Float64Array(1), shape: [] } });
            // One unit in the last place, once, on the way back.
            if ("gradient/a" in results && calls++ === 6) results["gradient/a"]!.data[1]! *= 1 + 2 ** -30;
            return Promise.resolve(outputs.map((name) => results[name]!));
          }),
      }),
  };
  const reversible = await createReversible(programWith({}), host);
  const steps = { from: 0, to: 4 };
  for (const disturbed of [true, false]) {
    calls = disturbed ? 0 : -1e9;
    const run = await reversible.begin({ "weights/a": buffer(0), "weights/b": buffer(1) });
    await run.forward({}, steps);
    const back = run.back({}, steps, []);
    if (disturbed) await expect(back).rejects.toMatchObject({ code: "engine-disagrees" });
    else await expect(back).resolves.toEqual({});
    run.end();
  }
});
