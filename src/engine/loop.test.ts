import { afterAll, describe, expect, test } from "vitest";
import { floats, integers, runProgram } from "../../test/run.ts";
import { toGraph } from "../tensor/graph.ts";
import { input } from "../tensor/layout.ts";
import * as ops from "../tensor/ops.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { HeldArray, Loop, Program } from "./engine.ts";
import { nativeEngine } from "./onnx/session.ts";
import { referenceEngine } from "./reference/engine.ts";

const ENGINES = [
  referenceEngine(),
  nativeEngine({ precision: "float64", threads: 1 }),
  nativeEngine({ precision: "float32", threads: 1 }),
] as const;
const EACH = ENGINES.map((engine) => [`${engine.description.name} ${engine.description.precision}`, engine] as const);
afterAll(() => Promise.all(ENGINES.map((engine) => engine.close())));

const t = input("t", [], "int");
const k = input("k", [], "int");
const w = input("w", [2]);
const real = (x: Tensor): Tensor => ops.cast(x, "float");
const looped = (outputs: Readonly<Record<string, Tensor>>, loop: Partial<Loop>): Program => ({
  name: "loop",
  graph: toGraph(outputs),
  loop: { carry: {}, scan: [], direction: "forward", ...loop },
});
const list = (array: HeldArray | undefined): readonly number[] => [...array!.data];

// w ← 2w + t, with everything kept.
const doubling = (direction: Loop["direction"]): Program =>
  looped(
    { next: ops.add(ops.mul(2, w), real(t)), step: t, place: k, before: w },
    { carry: { w: "next" }, scan: ["next", "step", "place", "before"], direction },
  );

describe.each(EACH)("%s: a loop", (_, engine) => {
  const feeds = { w: floats([2], [1, -1]) };

  test("forward runs from … to − 1, and keeps values in that order", async () => {
    const got = await runProgram(engine, doubling("forward"), feeds, { from: 3, to: 6 });
    expect(list(got["step"])).toEqual([3, 4, 5]);
    expect(list(got["place"])).toEqual([0, 1, 2]);
    expect(got["next"]!.shape).toEqual([3, 2]);
    expect(list(got["next"])).toEqual([5, 1, 14, 6, 33, 17]);
    expect(list(got["before"])).toEqual([1, -1, 5, 1, 14, 6]);
    expect(list(got["w"])).toEqual([33, 17]);
    expect(got["w"]!.shape).toEqual([2]);
  });

  test("backward runs to − 1 … from, and keeps values in that order", async () => {
    const got = await runProgram(engine, doubling("backward"), feeds, { from: 3, to: 6 });
    expect(list(got["step"])).toEqual([5, 4, 3]);
    expect(list(got["place"])).toEqual([2, 1, 0]);
    expect(list(got["next"])).toEqual([7, 3, 18, 10, 39, 23]);
    expect(list(got["w"])).toEqual([39, 23]);
  });

  test.each(["forward", "backward"] as const)("of one step, %s", async (direction) => {
    const got = await runProgram(engine, doubling(direction), feeds, { from: 7, to: 8 });
    expect([list(got["step"]), list(got["place"]), list(got["w"])]).toEqual([[7], [0], [9, 5]]);
    expect(got["next"]!.shape).toEqual([1, 2]);
  });

  test.each(["forward", "backward"] as const)(
    "of no steps leaves what is carried, and keeps nothing, %s",
    async (direction) => {
      const got = await runProgram(engine, doubling(direction), feeds, { from: 4, to: 4 });
      expect(list(got["w"])).toEqual([1, -1]);
      expect([got["next"]!.shape, got["step"]!.shape]).toEqual([[0, 2], [0]]); // prettier-ignore
      expect([list(got["next"]), list(got["step"])]).toEqual([[], []]); // prettier-ignore
    },
  );

  test("results keep their types", async () => {
    const got = await runProgram(engine, doubling("forward"), feeds, { from: 0, to: 2 });
    expect(got["step"]!.data).toBeInstanceOf(Int32Array);
    expect(got["next"]!.data).toBeInstanceOf(engine.description.precision === "float32" ? Float32Array : Float64Array);
  });

  test("one compiled loop serves any range, and tables of any length", async () => {
    const table = input("table", [1, 2], "float", { rows: true });
    const program = looped({ next: ops.add(w, ops.gather(table, k)) }, { carry: { w: "next" } });
    const executable = await engine.compile(program);
    for (const [from, rows] of [[0, [1, 2, 3, 4, 5, 6]], [10, [7, 8]], [3, [1, 1, 1, 1, 1, 1, 1, 1]]] as const) {
      const n = rows.length / 2;
      const buffers = { w: await engine.load(floats([2], [100, 200])), table: await engine.load(floats([n, 2], rows)) };
      const out = await executable.run(buffers, { from, to: from + n });
      const sums = [0, 1].map((j) => rows.filter((_, i) => i % 2 === j).reduce((a, b) => a + b, 0));
      expect(list(await engine.read(out["w"]!))).toEqual([100 + sums[0]!, 200 + sums[1]!]);
    }
  }); // prettier-ignore

  test("rows picked through a table of indices", async () => {
    const data = input("data", [1, 2], "float", { rows: true });
    const batches = input("batches", [1, 3], "int", { rows: true });
    const batch = ops.gather(data, ops.gather(batches, k));
    const program = looped({ next: ops.add(w, ops.sum(batch, { axes: 0 })) }, { carry: { w: "next" } });
    const got = await runProgram(
      engine,
      program,
      {
        w: floats([2], [0, 0]),
        data: floats([4, 2], [1, 10, 2, 20, 3, 30, 4, 40]),
        batches: integers([2, 3], [0, 0, 3, 1, 2, 1]),
      },
      { from: 5, to: 7 },
    );
    expect(list(got["w"])).toEqual([1 + 1 + 4 + 2 + 3 + 2, 10 + 10 + 40 + 20 + 30 + 20]);
  });

  test("several values are replaced at once", async () => {
    const [a, b] = [input("a", []), input("b", [])];
    const swap = looped({ a1: b, b1: a }, { carry: { a: "a1", b: "b1" }, scan: ["a1"] });
    const got = await runProgram(engine, swap, { a: floats([], [1]), b: floats([], [2]) }, { from: 0, to: 3 });
    expect([list(got["a"]), list(got["b"]), list(got["a1"])]).toEqual([[2], [1], [2, 1, 2]]);
  });

  test("Fibonacci, in integers", async () => {
    const [a, b] = [input("a", [], "int"), input("b", [], "int")];
    const program = looped({ a1: b, b1: ops.add(a, b) }, { carry: { a: "a1", b: "b1" } });
    const got = await runProgram(engine, program, { a: integers([], [0]), b: integers([], [1]) }, { from: 0, to: 20 });
    expect([list(got["a"]), list(got["b"])]).toEqual([[6765], [10946]]);
  });

  test("values that no step changes, or that the body does not read", async () => {
    const c = input("c", [2]);
    const invariant = ops.exp(c);
    const program = looped(
      {
        same: w,
        fixed: invariant,
        seven: ops.constant(7, [2]),
        twice: invariant,
        w1: ops.add(w, 1),
        w2: ops.add(w, 1),
      },
      { carry: { w: "w1", unread: "seven", kept: "fixed" }, scan: ["same", "fixed", "seven", "twice", "w1", "w2"] },
    );
    const given = {
      w: floats([2], [1, 2]),
      c: floats([2], [0, 0]),
      unread: floats([2], [5, 5]),
      kept: floats([2], [6, 6]),
    };
    const got = await runProgram(engine, program, given, { from: 0, to: 2 });
    expect([list(got["unread"]), list(got["kept"]), list(got["w"])]).toEqual([[7, 7], [1, 1], [3, 4]]); // prettier-ignore
    expect(list(got["same"])).toEqual([1, 2, 2, 3]);
    expect([list(got["fixed"]), list(got["twice"]), list(got["seven"])]).toEqual([[1, 1, 1, 1], [1, 1, 1, 1], [7, 7, 7, 7]]); // prettier-ignore
    expect([list(got["w1"]), list(got["w2"])]).toEqual([[2, 3, 3, 4], [2, 3, 3, 4]]); // prettier-ignore
    const none = await runProgram(engine, program, given, { from: 0, to: 0 });
    expect([list(none["unread"]), list(none["kept"])]).toEqual([[5, 5], [6, 6]]); // prettier-ignore
  });

  test("conditions on the step: integers meet numbers", async () => {
    const program = looped(
      { next: ops.where(ops.equal(t, 2), 0, ops.add(w, real(ops.maximum(ops.sub(t, 1), 0)))) },
      { carry: { w: "next" } },
    );
    const got = await runProgram(engine, program, feeds, { from: 0, to: 5 });
    expect(list(got["w"])).toEqual([5, 5]);
  });
});

// A step with all the trimmings: invariants, tables, stretching, a product, reductions, and a value from the step.
const A = input("A", [3, 3]);
const v = input("v", [2, 3]);
const u = input("u", [2, 3]);
const rates = input("rates", [1, 3], "float", { rows: true });
const mixed = ops.tanh(ops.matmul(A, A, { transposeB: true }));
const nextU = ops.sub(ops.mul(0.9, u), ops.mul(0.1, ops.matmul(ops.sin(v), mixed)));
const nextV = ops.add(v, ops.mul(ops.gather(rates, k), ops.mul(nextU, ops.add(1, ops.mul(0.01, real(t))))));
const training = (direction: Loop["direction"]): Program =>
  looped(
    { nextU, nextV, loss: ops.mean(ops.square(ops.softmax(nextV))), last: ops.max(nextU, { axes: 0 }) },
    { carry: { u: "nextU", v: "nextV" }, scan: ["loss", "last"], direction },
  );
const wave = (count: number, phase: number): readonly number[] =>
  Array.from({ length: count }, (_, i) => Math.sin(1.7 * i + phase));
const RATES = wave(27, 2).map((r) => 0.5 * Math.abs(r));
const START = { A: floats([3, 3], wave(9, 0)), u: floats([2, 3], wave(6, 1)), v: floats([2, 3], wave(6, 3)) };

describe.each(EACH)("%s: chunked equals unchunked to the last bit", (_, engine) => {
  test.each(["forward", "backward"] as const)("%s", async (direction) => {
    const chunk = (state: typeof START, from: number, to: number): Promise<Record<string, HeldArray>> =>
      runProgram(
        engine,
        training(direction),
        { ...state, rates: floats([to - from, 3], RATES.slice(3 * from, 3 * to)) },
        { from, to },
      );
    const whole = await chunk(START, 0, 9);
    const cuts = direction === "forward" ? [[0, 2], [2, 3], [3, 3], [3, 9]] : [[7, 9], [7, 7], [2, 7], [0, 2]]; // prettier-ignore
    let state = START;
    const kept: Record<string, number[]> = { loss: [], last: [] };
    for (const [from, to] of cuts) {
      const got = await chunk(state, from!, to!);
      state = { ...START, u: double(got["u"]!), v: double(got["v"]!) };
      for (const name of ["loss", "last"]) kept[name]!.push(...list(got[name]));
    }
    expect(list(state.u)).toEqual(list(whole["u"]));
    expect(list(state.v)).toEqual(list(whole["v"]));
    expect(kept).toEqual({ loss: list(whole["loss"]), last: list(whole["last"]) });
  });
});

const double = (array: HeldArray): HeldArray & { readonly data: Float64Array<ArrayBuffer> } => ({
  data: Float64Array.from(array.data),
  shape: array.shape,
});

describe.each(EACH)("%s: a loop fed by another", (_, engine) => {
  const table = input("table", [1, 2], "float", { rows: true });
  const [c, a] = [input("c", []), input("a", [2])];
  // Both loops hoist the same expression, and read rows of the same table.
  const shift = ops.add(ops.gather(table, k), ops.exp(c));
  const by = looped(
    { next: ops.add(ops.mul(2, w), shift), kept: ops.mul(10, w) },
    { carry: { w: "next" }, scan: ["kept"], direction: "forward" },
  );
  const stored = ops.gather(input("stored", [1, 2], "float", { rows: true }), k);
  const fed = (tables: Readonly<Record<string, string>>): Program =>
    looped(
      { next: ops.add(ops.add(ops.mul(0.5, a), stored), ops.add(shift, real(t))), seen: stored },
      { carry: { a: "next" }, scan: ["seen"], direction: "backward", fed: { by, tables } },
    );
  const rows = [
    [1, 2],
    [3, -4],
    [5, 6],
  ] as const;
  const feeds = {
    w: floats([2], [1, -1]),
    a: floats([2], [7, 8]),
    c: floats([], [0]),
    table: floats([3, 2], rows.flat()),
  };

  test("reads at every step what the other kept there, and gives its own results only", async () => {
    const got = await runProgram(engine, fed({ stored: "kept" }), feeds, { from: 3, to: 6 });
    const states: number[][] = [[1, -1]];
    for (const row of rows) states.push(states.at(-1)!.map((x, i) => 2 * x + row[i]! + 1));
    let adjoint = [7, 8];
    for (const i of [2, 1, 0])
      adjoint = adjoint.map((x, j) => 0.5 * x + 10 * states[i]![j]! + rows[i]![j]! + 1 + 3 + i);
    expect(Object.keys(got).sort()).toEqual(["a", "seen"]);
    expect(list(got["a"])).toEqual(adjoint);
    expect(list(got["seen"])).toEqual([...states[2]!, ...states[1]!, ...states[0]!].map((x) => 10 * x));
  });

  test("is the two loops one after the other, bit for bit, over any steps", async () => {
    const odd = { ...feeds, c: floats([], [0.3]), w: floats([2], [0.1, -1.7]) };
    const first = await runProgram(engine, by, odd, { from: 0, to: 3 });
    const { fed: _, ...alone } = fed({}).loop!;
    const apart = await runProgram(engine, { ...fed({}), loop: alone }, { ...odd, stored: first["kept"]! }, { from: 0, to: 3 }); // prettier-ignore
    const together = await runProgram(engine, fed({ stored: "kept" }), odd, { from: 0, to: 3 });
    for (const name of ["a", "seen"]) expect(list(together[name])).toEqual(list(apart[name]));
  });
});

describe("the native loop follows the interpreter", () => {
  test.each(["forward", "backward"] as const)("%s", async (direction) => {
    const feeds = { ...START, rates: floats([9, 3], RATES) };
    const [want, got, coarse] = (await Promise.all(
      ENGINES.map((engine) => runProgram(engine, training(direction), feeds, { from: 0, to: 9 })),
    )) as [Record<string, HeldArray>, Record<string, HeldArray>, Record<string, HeldArray>];
    for (const name of Object.keys(want)) {
      expect(got[name]!.shape).toEqual(want[name]!.shape);
      list(want[name]).forEach((value, i) => {
        expect(Math.abs(got[name]!.data[i]! - value)).toBeLessThan(1e-13);
        expect(Math.abs(coarse[name]!.data[i]! - value)).toBeLessThan(1e-5);
      });
    }
  });
});
