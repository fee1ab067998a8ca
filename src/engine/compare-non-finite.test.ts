import { describe, expect, test } from "vitest";
import { floats } from "../../test/run.ts";
import * as ops from "../tensor/ops.ts";
import { nativeEngine } from "./onnx/session.ts";
import { x, w, FEEDS, program, wrongIn, sound, verdict } from "../../test/faulty-engine.ts";

describe("NaN and infinities", () => {
  test.each([0, 1, 3])("NaN planted by the engine at element %i is caught, and shown", async (at) => {
    const error = await verdict(
      program({ y: ops.tanh(ops.matmul(x, w)) }),
      FEEDS,
      wrongIn("tanh", (data) => (data[at] = Number.NaN)),
    );
    expect(error?.message).toContain("tanh of shape [2, 2] gave NaN natively and ");
    expect(error?.message).not.toContain("and NaN in");
  });

  test("infinity planted by the engine is caught", async () => {
    const error = await verdict(
      program({ y: ops.tanh(x) }),
      FEEDS,
      wrongIn("tanh", (data) => (data[4] = -Infinity)),
    );
    expect(error?.message).toContain("gave -Infinity natively");
  });

  test("a number where the truth is NaN or infinite is caught", async () => {
    const feeds = { x: floats([2, 3], [-1, 0, 2, 3, 4, 5]), w: FEEDS.w };
    for (const at of [0, 1]) {
      expect(
        await verdict(
          program({ y: ops.log(x) }),
          feeds,
          wrongIn("log", (data) => (data[at] = 7)),
        ),
      ).toBeDefined();
    }
  });

  test("both NaN or both infinite is agreement, and does not hide another element", async () => {
    const feeds = { x: floats([2, 3], [-1, 0, 2, 3, 4, 5]), w: FEEDS.w };
    expect(await verdict(program({ y: ops.log(x) }), feeds, sound)).toBeUndefined();
    expect(await verdict(program({ y: ops.exp(ops.log(x)) }), feeds, sound)).toBeUndefined();
    const error = await verdict(
      program({ y: ops.log(x) }),
      feeds,
      wrongIn("log", (data) => (data[5] = 1)),
    );
    expect(error?.message).toContain(
      `gave 1 natively and ${Math.log(5 * (1 + 1e-3 * Math.sin(12.9898 * 6)) + 1e-6 * Math.sin(78.233 * 6))}`,
    );
  });

  test("an overflow of float32 is a property of the run", async () => {
    const feeds = { x: floats([2, 3], [100, 1, 2, 3, 4, 5]), w: FEEDS.w };
    const overflows = wrongIn("exp", (data) => data.forEach((v, i) => v > 3.5e38 && (data[i] = Infinity)));
    expect(await verdict(program({ y: ops.exp(x) }), feeds, overflows, "float32")).toBeUndefined();
    expect(await verdict(program({ y: ops.exp(x) }), feeds, overflows, "float64")).toBeDefined();
  });
});

describe("a number that only float64 can hold", () => {
  // e⁻¹²⁰ is 0 in float32, and its logarithm not a number of any loss.
  const vanishing = program({ lost: ops.log(ops.exp(ops.mul(-60, x))), kept: ops.exp(x) });

  test("is no fault of an engine that cannot", async () => {
    const engine = nativeEngine({ precision: "float32", threads: 1 });
    await expect(engine.verify(vanishing, FEEDS)).resolves.toBeUndefined();
    await engine.close();
    expect(await verdict(vanishing, FEEDS, sound)).toBeUndefined();
  });

  test.each([
    ["elsewhere in the same result", "log", 1],
    ["in another result", "exp", 0],
  ] as const)("excuses nothing %s", async (_, op, at) => {
    const error = await verdict(vanishing, FEEDS, wrongIn(op, (data) => (data[at] = NaN)), "float32"); // prettier-ignore
    expect(error?.message).toMatch(`${op} of shape [2, 3] gave NaN natively`);
  });
});
