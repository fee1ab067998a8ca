import { afterAll, describe, expect, test } from "vitest";
import { nativeEngine } from "../../src/engine/onnx/session.ts";
import { topological } from "../../src/tensor/tensor.ts";
import { derivativeFindings, nativeFindings } from "./check.ts";
import { COMPOSED } from "./composed.ts";
import { OPERATIONS } from "./operations.ts";
import { trace } from "./sample.ts";

const engines = [
  nativeEngine({ precision: "float64", threads: 1 }),
  nativeEngine({ precision: "float32", threads: 1 }),
];
afterAll(() => Promise.all(engines.map((engine) => engine.close())));

const ALL = [...Object.entries(OPERATIONS), ...Object.entries(COMPOSED)];

describe.each(Object.entries(OPERATIONS))("%s", (op, samples) => {
  test("has samples that hold the operation", () => {
    const held = samples.filter((s) => topological([trace(s).value]).some((n) => n.op === op));
    expect(held.length).toBeGreaterThanOrEqual(2);
  });
});

describe.each(ALL)("%s", (_, samples) => {
  test.each(samples)("$name: derivatives agree with each other and with finite differences", (s) => {
    expect(derivativeFindings(s)).toEqual([]);
  });

  test.each(samples)("$name: the native engine agrees with the interpreter", async (s) => {
    for (const engine of engines) expect(await nativeFindings(s, engine)).toEqual([]);
  });
});
