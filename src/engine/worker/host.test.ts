import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { floats } from "../../../test/run.ts";
import { DrmadError } from "../../errors.ts";
import { toGraph } from "../../tensor/graph.ts";
import { input } from "../../tensor/layout.ts";
import * as ops from "../../tensor/ops.ts";
import type { Engine, Program } from "../engine.ts";
import { hostedEngine } from "./host.ts";

const x = input("x", [2]);
const step: Program = {
  name: "step",
  graph: toGraph({ next: ops.sin(ops.matmul(input("w", [200, 200]), input("w", [200, 200]))) }),
  loop: { carry: { w: "next" }, scan: [], direction: "forward" },
};

describe("an engine in a thread of its own", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await hostedEngine({ precision: "float64", threads: 1 });
  });
  afterAll(() => engine.close());

  test("leaves this thread free while it runs", async () => {
    const executable = await engine.compile(step);
    const w = await engine.load({ data: new Float64Array(40_000).fill(0.01), shape: [200, 200] });
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    await executable.run({ w }, { from: 0, to: 150 });
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(3);
  });

  test("answers in the order it was asked: what is freed at once still serves the runs before", async () => {
    const executable = await engine.compile({ name: "sine", graph: toGraph({ y: ops.sin(x) }) });
    const given = await engine.load(floats([2], [0, 0]));
    const runs = [executable.run({ x: given }), executable.run({ x: given })];
    engine.free([given]);
    const late = executable.run({ x: given }).catch((error: unknown) => error);
    for (const run of runs) expect([...(await engine.read((await run)["y"]!)).data]).toEqual([0, 0]);
    expect(await late).toMatchObject({ message: "sine: input x was not given or is freed" });
  });

  test("an error keeps its message, and a typed one its code and hint", async () => {
    await expect(engine.compile({ name: "bad", graph: { nodes: [], outputs: { y: 3 } } })).rejects.toThrow();
    const failure = await engine
      .verify({ name: "nothing", graph: toGraph({ y: ops.sin(x) }) }, {})
      .catch((e: unknown) => e);
    expect((failure as Error).message).toContain("no value fed for input x");
    expect((failure as Error).stack).toContain("evaluate");
  });

  test("arrays come over as they are, and stay usable here", async () => {
    const array = floats([2], [1, 2]);
    const buffer = await engine.load(array);
    expect([...array.data]).toEqual([1, 2]);
    expect((await engine.read(buffer)).data).toEqual(Float64Array.of(1, 2));
  });
});

describe("a closed engine", () => {
  test("refuses requests instead of waiting for ever, and closes twice", async () => {
    const engine = await hostedEngine({ precision: "float32", threads: 1 });
    const buffer = await engine.load(floats([2], [1, 2]));
    await engine.close();
    await engine.close();
    engine.free([buffer]);
    const failure = await engine.read(buffer).catch((e: unknown) => e);
    expect(failure).toBeInstanceOf(DrmadError);
    expect(failure).toMatchObject({ code: "engine-unavailable", message: "the engine is closed" });
  });

  test("a request under way when it closes is answered or refused", async () => {
    const engine = await hostedEngine({ precision: "float32", threads: 1 });
    const executable = await engine.compile(step);
    const w = await engine.load({ data: new Float64Array(40_000), shape: [200, 200] });
    const run = executable.run({ w }, { from: 0, to: 5 });
    const [, outcome] = await Promise.all([engine.close(), run.then(() => "answered", () => "refused")]); // prettier-ignore
    expect(outcome).toBe("answered");
  });
});
