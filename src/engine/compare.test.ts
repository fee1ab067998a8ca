import { describe, expect, test } from "vitest";
import { floats, integers, runProgram } from "../../test/run.ts";
import { input } from "../tensor/layout.ts";
import * as ops from "../tensor/ops.ts";
import { compareWithReference, type Runner } from "./compare.ts";
import type { HeldArray, Program } from "./engine.ts";
import { nativeEngine } from "./onnx/session.ts";
import { x, FEEDS, LOSS, program, wrongIn, sound, fused, lastWins, verdict } from "../../test/faulty-engine.ts";

describe("an engine that is wrong in one operation", () => {
  test("a sound one passes", async () => {
    expect(await verdict(program({ loss: LOSS }), FEEDS, sound)).toBeUndefined();
  });

  test.each([
    ["exp", "[2, 3]"],
    ["matmul", "[2, 2]"],
    ["tanh", "[2, 2]"],
  ] as const)("%s is named, with its shape and both numbers", async (op, shape) => {
    const seen: number[] = [];
    const error = await verdict(
      program({ loss: LOSS }),
      FEEDS,
      wrongIn(op, (data) => {
        seen.push(data[1]!);
        data[1]! += 0.01;
      }),
    );
    expect(error?.message).toContain(`in "step", ${op} of shape ${shape} gave`);
    const right = seen.at(-1)!;
    expect(error?.message).toContain(`gave ${right + 0.01} natively and ${right} in the reference interpreter`);
    expect(error?.hint).toContain("--trust-engine");
  });

  test("a sum is named by its own shape", async () => {
    const error = await verdict(
      program({ loss: LOSS }),
      FEEDS,
      wrongIn("sum", (data) => (data[0]! *= 1.001)),
    );
    expect(error?.message).toContain("sum of shape [1, 1] gave");
  });

  test("the first operation that went wrong is named, not those that use it", async () => {
    const error = await verdict(
      program({ loss: LOSS, more: ops.exp(LOSS) }),
      FEEDS,
      wrongIn("matmul", (data) => data.fill(0)),
    );
    expect(error?.message).toContain("matmul");
  });

  test("an error too small for float32 is still found in float64", async () => {
    const off = wrongIn("tanh", (data) => (data[1]! += 1e-8));
    expect(await verdict(program({ loss: LOSS }), FEEDS, off, "float64")).toBeDefined();
    expect(await verdict(program({ loss: LOSS }), FEEDS, off, "float32")).toBeUndefined();
  });

  test("an integer off by one", async () => {
    const chosen = program({ best: ops.argMax(x) });
    expect(await verdict(chosen, FEEDS, sound)).toBeUndefined();
    expect(
      (
        await verdict(
          chosen,
          FEEDS,
          wrongIn("argMax", (data) => (data[0]! -= 1)),
        )
      )?.message,
    ).toContain("argMax");
  });

  test("one wrong only where results are combined is named by its output", async () => {
    // Exposing every value hides the fault, as it does when an engine fuses two operations wrongly.
    expect((await verdict(program({ loss: LOSS }), FEEDS, fused))?.message).toContain("of shape [] gave");
  });
});

describe("ties and cancellation are no faults", () => {
  const hit = program({ hit: ops.cast(ops.equal(x, ops.max(x)), "float") });

  test("a tie at a kink is forgiven", async () => {
    const feeds = { x: floats([2, 3], [5, 5, 0, 1, 2, 3]) };
    const rigid = await lastWins(hit, feeds);
    expect([...rigid["hit"]!.data]).toEqual([0, 1, 0, 0, 0, 0]);
    expect(await verdict(hit, feeds, lastWins)).toBeUndefined();
  });

  test("the same fault away from a tie is not", async () => {
    expect(
      await verdict(hit, { x: floats([2, 3], [5, 4, 0, 1, 2, 3]) }, (p, f) =>
        "hit" in p.graph.outputs ? Promise.resolve({ hit: floats([2, 3], [0, 1, 0, 0, 0, 0]) }) : sound(p, f),
      ),
    ).toBeDefined();
  });

  test("rounding left over where two equal numbers are subtracted", async () => {
    const feeds = {
      x: floats([2, 3], [1e6, 2e6, 3e6, 4e6, 5e6, 6e6]),
      b: floats([2, 3], [1e6, 2e6, 3e6, 4e6, 5e6, 6e6]),
    };
    const difference = program({ y: ops.sub(ops.mul(x, 1.1), ops.mul(input("b", [2, 3]), 1.1)) });
    expect(
      await verdict(
        difference,
        feeds,
        wrongIn("sub", (data) => (data[0]! += 0.1)),
        "float32",
      ),
    ).toBeUndefined();
    expect(
      await verdict(
        difference,
        feeds,
        wrongIn("sub", (data) => (data[0]! += 1e4)),
        "float32",
      ),
    ).toBeDefined();
  });
});

/** A first difference that is off. */
const off = (by: number): Runner => wrongIn("sub", (data) => (data[0]! += by));

describe("cancellation that a later operation magnifies", () => {
  // Differences of about 1 between numbers of 10⁶, then multiplied: the last operation's own operands tell nothing of it.
  const feeds = {
    x: floats([2, 3], [1e6, 2e6, 3e6, 4e6, 5e6, 6e6]),
    b: floats([2, 3], [1e6 + 1, 2e6 + 1, 3e6 - 1, 4e6 + 1, 5e6 - 1, 6e6 + 1]),
    c: floats([2, 3], [3, -2, 5, 7, -11, 13]),
  };
  const [b, c] = [input("b", [2, 3]), input("c", [2, 3])];
  const magnified = program({ y: ops.mul(ops.sub(ops.mul(x, 1.1), ops.mul(b, 1.1)), c) });

  test("is allowed the rounding that it is measured to magnify, and not much more", async () => {
    // One rounding of 10⁶ in float32 is 0.06.
    for (const by of [0.06, 0.3]) expect(await verdict(magnified, feeds, off(by), "float32")).toBeUndefined();
    expect(await verdict(magnified, feeds, off(100), "float32")).toBeDefined();
  });

  test("is allowed less where numbers are rounded less", async () => {
    expect(await verdict(magnified, feeds, off(1e-10), "float64")).toBeUndefined();
    expect(await verdict(magnified, feeds, off(1e-6), "float64")).toBeDefined();
  });

  test("lets nothing else through: the same error where nothing cancels", async () => {
    const far = { ...feeds, b: floats([2, 3], [1, 2, -3, 4, -5, 6]) };
    const plain = program({ y: ops.mul(ops.mul(0.1, ops.sub(ops.mul(x, 1e-6), ops.mul(b, 1e-6))), c) });
    expect(await verdict(plain, far, off(0.3), "float32")).toBeDefined();
  });
});

describe("what is compared", () => {
  test("both sides get inputs rounded to the engine's precision", async () => {
    const seen: HeldArray[] = [];
    const run: Runner = (p, feeds) => {
      seen.push(feeds["x"]!);
      return sound(p, feeds);
    };
    const third = { x: floats([2, 3], [1 / 3, 1, 1, 1, 1, 1]) };
    await compareWithReference(program({ y: ops.sin(x) }), third, "float32", run);
    await compareWithReference(program({ y: ops.sin(x) }), third, "float64", run);
    expect(seen[0]!.data).toBeInstanceOf(Float32Array);
    expect(seen[1]!.data[0]).toBe(1 / 3);
  });

  test("of a loop, one step, as the engine compiles it inside the loop", async () => {
    const t = input("t", [], "int");
    const looped: Program = {
      ...program({ next: ops.mul(ops.cast(t, "float"), ops.sin(x)), loss: ops.sum(ops.square(x)) }),
      loop: { carry: { x: "next" }, scan: ["loss"], direction: "backward" },
    };
    const seen: Program[] = [];
    const feeds = { ...FEEDS, t: integers([], [3]) };
    await compareWithReference(looped, feeds, "float64", (p, f) => {
      seen.push(p);
      return sound(p, f);
    });
    expect(seen.map((p) => p.loop)).toEqual([looped.loop]);
    const engine = nativeEngine({ precision: "float32", threads: 1 });
    await engine.verify(looped, feeds);
    await engine.close();
  });

  test("the native engine, integers and tables of free length included", async () => {
    const table = input("table", [1, 3], "float", { rows: true });
    const at = input("at", [2], "int");
    const probe = program({ y: ops.sum(ops.square(ops.mul(ops.gather(table, at), x))), i: ops.add(at, 1) });
    const feeds = {
      ...FEEDS,
      table: floats([4, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
      at: integers([2], [3, 1]),
    };
    for (const precision of ["float32", "float64"] as const) {
      const engine = nativeEngine({ precision, threads: 1 });
      expect(await verdict(probe, feeds, (p, f) => runProgram(engine, p, f), precision)).toBeUndefined();
      await engine.verify(probe, feeds);
      const lies: Runner = async (p, f) => {
        const results = await runProgram(engine, p, f);
        // Every value the engine shows of a product is too large.
        const wrong = Object.entries(results).map(([name, a]): [string, HeldArray] => {
          const op = p.graph.nodes[p.graph.outputs[name]!]!.op;
          return [
            name,
            op === "gather" || name === "y" ? { ...a, data: Float64Array.from(a.data, (v) => v * 1.01) } : a,
          ];
        });
        return Object.fromEntries(wrong);
      };
      expect((await verdict(probe, feeds, lies, precision))?.message).toContain("gather of shape [2, 3] gave");
      await engine.close();
    }
  });
});
