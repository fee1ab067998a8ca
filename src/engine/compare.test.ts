import { describe, expect, test } from "vitest";
import { floats, integers, runProgram } from "../../test/run.ts";
import type { NdArray } from "../data/dataset.ts";
import { DrmadError } from "../errors.ts";
import { toGraph } from "../tensor/graph.ts";
import { input } from "../tensor/layout.ts";
import * as ops from "../tensor/ops.ts";
import type { Op, Tensor } from "../tensor/tensor.ts";
import { compareWithReference, type Runner } from "./compare.ts";
import type { Precision, Program } from "./engine.ts";
import { nativeEngine } from "./onnx/session.ts";
import { evaluateAll, type Values } from "./reference/evaluate.ts";

const x = input("x", [2, 3]);
const w = input("w", [3, 2]);
const FEEDS = {
  x: floats([2, 3], [0.5, -1.25, 2, 0.75, 1.5, -0.3]),
  w: floats([3, 2], [1.1, -0.4, 0.2, 0.9, -1.7, 0.6]),
};
const LOSS = ops.sum(ops.tanh(ops.matmul(ops.exp(x), w)));

const program = (outputs: Readonly<Record<string, Tensor>>): Program => ({ name: "step", graph: toGraph(outputs) });

/** An engine whose one operation is wrong: the interpreter, with what `spoil` says put in the place of its result. */
function wrongIn(op: Op | undefined, spoil: (data: Float64Array) => void): Runner {
  return (probe, feeds) => {
    const nodes = probe.graph.nodes;
    const values: Values[] = [];
    nodes.forEach((n, i) => {
      const known = n.inputs.map((k) => ({ op: "input" as const, inputs: [], attributes: { name: `n${k}`, rows: false }, shape: nodes[k]!.shape, dtype: nodes[k]!.dtype })); // prettier-ignore
      const graph = { nodes: [...known, { ...n, inputs: n.inputs.map((_, k) => k) }], outputs: {} };
      const inner = Object.fromEntries(n.inputs.map((k) => [`n${k}`, values[k]!]));
      const outer = Object.fromEntries(Object.entries(feeds).map(([name, a]) => [name, asValues(a)]));
      const result = evaluateAll(graph, { ...outer, ...inner }).at(-1)!;
      const data = result.data.slice();
      if (n.op === op) spoil(data);
      values[i] = { data, shape: result.shape };
    });
    return Promise.resolve(
      Object.fromEntries(Object.entries(probe.graph.outputs).map(([name, at]) => [name, values[at]!])),
    );
  };
}
const asValues = (a: NdArray): Values => ({ data: Float64Array.from(a.data), shape: a.shape });

const sound = wrongIn(undefined, () => undefined);

const fused: Runner = async (probe, feeds) => {
  const results = await sound(probe, feeds);
  if (!("loss" in results)) return results;
  return { loss: floats([], [Number(results["loss"]!.data[0]) * 1.01]) };
};

/** Breaks ties the other way: a maximum's derivative goes to the last of equal elements. */
const lastWins: Runner = async (probe, feeds) => {
  const results = await sound(probe, feeds);
  const { data } = feeds["x"]!;
  const tie = data[0] === data[1];
  return tie
    ? Object.fromEntries(
        Object.entries(results).map(([n, a]) => [n, n === "hit" ? floats([2, 3], [0, 1, 0, 0, 0, 0]) : a]),
      )
    : results;
};

async function verdict(
  p: Program,
  feeds: Readonly<Record<string, NdArray>>,
  run: Runner,
  precision: Precision = "float64",
): Promise<DrmadError | undefined> {
  try {
    await compareWithReference(p, feeds, precision, run);
    return undefined;
  } catch (error) {
    if (error instanceof DrmadError && error.code === "engine-disagrees") return error;
    throw error;
  }
}

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

describe("what is compared", () => {
  test("both sides get inputs rounded to the engine's precision", async () => {
    const seen: NdArray[] = [];
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
        const wrong = Object.entries(results).map(([name, a]): [string, NdArray] => {
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
