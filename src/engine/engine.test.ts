import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { failure } from "../../test/oracle/measure.ts";
import { floats, integers, runProgram } from "../../test/run.ts";
import { toGraph } from "../tensor/graph.ts";
import { input, scatterAdd } from "../tensor/layout.ts";
import * as ops from "../tensor/ops.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { openEngine, type EngineOptions } from "./choose.ts";
import type { Buffer, Engine, HeldArray, Program } from "./engine.ts";

/** What every engine promises, asked of each. */
const OPTIONS: readonly (readonly [string, EngineOptions])[] = [
  ["reference", { engine: "reference" }],
  ["native float64", { engine: "native", precision: "float64", worker: false }],
  ["native float32", { engine: "native", precision: "float32", worker: false }],
  ["native float64 on two threads", { engine: "native", precision: "float64", threads: 2, worker: false }],
  ["native float64 in a thread of its own", { engine: "native", precision: "float64", worker: true }],
];

const program = (outputs: Readonly<Record<string, Tensor>>): Program => ({ name: "test", graph: toGraph(outputs) });
const x = input("x", [3]);

describe.each(OPTIONS)("%s", (_, options) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = (await openEngine(options)).engine;
  });
  afterAll(() => engine.close());
  const once = (outputs: Readonly<Record<string, Tensor>>, feeds: Readonly<Record<string, HeldArray>>) =>
    runProgram(engine, program(outputs), feeds);

  test("describes itself", () => {
    const { precision, threads = 1, worker = false } = options;
    if (options.engine === "reference")
      expect(engine.description).toMatchObject({ name: "reference", precision: "float64" });
    else expect(engine.description).toMatchObject({ name: "onnxruntime", precision, threads, worker });
  });

  test("holds arrays: reals in its precision, integers as they are", async () => {
    const real = await engine.load(floats([2, 2], [1, 2, 3, 1 / 3]));
    expect(real).toMatchObject({ shape: [2, 2], dtype: "float" });
    const back = await engine.read(real);
    const single = engine.description.precision === "float32";
    expect(back.shape).toEqual([2, 2]);
    expect(back.data).toEqual(single ? Float32Array.of(1, 2, 3, 1 / 3) : Float64Array.of(1, 2, 3, 1 / 3));
    const whole = await engine.load(integers([2], [-7, 2 ** 31 - 1]));
    expect(whole.dtype).toBe("int");
    expect((await engine.read(whole)).data).toEqual(Int32Array.of(-7, 2 ** 31 - 1));
    const bytes = await engine.load({ data: Uint8Array.of(0, 255), shape: [2] });
    expect([...(await engine.read(bytes)).data]).toEqual([0, 255]);
    engine.free([real, whole, bytes]);
  });

  test("keeps what it was given, whatever becomes of the caller's array", async () => {
    const given = [
      { data: Float64Array.of(1, 2), shape: [2] },
      { data: Float32Array.of(1, 2), shape: [2] },
      { data: Int32Array.of(1, 2), shape: [2] },
    ];
    const loaded = await Promise.all(given.map((array) => engine.load(array)));
    for (const { data } of given) data.fill(9);
    for (const buffer of loaded) expect([...(await engine.read(buffer)).data]).toEqual([1, 2]);
    engine.free(loaded);
  });

  test("gives results by name: reals, integers, truth values as 0 and 1", async () => {
    const got = await once(
      { r: ops.mul(x, 2), i: ops.argMax(x), b: ops.less(x, 1.5), s: ops.sum(x) },
      { x: floats([3], [1, 3, 2]) },
    );
    expect([...got["r"]!.data]).toEqual([2, 6, 4]);
    expect(got["i"]).toMatchObject({ data: Int32Array.of(1), shape: [] });
    expect(got["b"]).toMatchObject({ data: Int32Array.of(1, 0, 0), shape: [3] });
    expect(got["s"]).toMatchObject({ shape: [] });
  });

  test("an input returned as it is, one value under two names, and a constant", async () => {
    const doubled = ops.mul(x, 2);
    const got = await once({ x, a: doubled, b: doubled, c: ops.constant(4, [2]) }, { x: floats([3], [1, 2, 3]) });
    expect(Object.values(got).map(({ data }) => [...data])).toEqual([[1, 2, 3], [2, 4, 6], [2, 4, 6], [4, 4]]); // prettier-ignore
  });

  test("0 and −0 are kept apart", async () => {
    const got = await once({ zero: ops.constant(0), minus: ops.constant(-0), over: ops.div(x, ops.constant(-0, [3])) }, { x: floats([3], [1, 1, 1]) }); // prettier-ignore
    expect([got["zero"]!.data[0], got["minus"]!.data[0], got["over"]!.data[0]]).toEqual([0, -0, -Infinity]);
  });

  test("a result can be the input of another program, and survives what it came from", async () => {
    const twice = await engine.compile(program({ y: ops.mul(x, 2) }));
    const sum = await engine.compile(program({ s: ops.sum(input("y", [3])) }));
    const given = await engine.load(floats([3], [1, 2, 3]));
    const { y } = (await twice.run({ x: given })) as { y: Buffer };
    engine.free([given]);
    expect((await engine.read((await sum.run({ y }))["s"]!)).data[0]).toBe(12);
    engine.free([y]);
  });

  test("buffers that a program does not read are ignored, those it lacks are an error", async () => {
    const executable = await engine.compile(program({ y: ops.sin(x) }));
    const given = await engine.load(floats([3], [0, 0, 0]));
    await expect(executable.run({ x: given, other: given })).resolves.toBeDefined();
    await expect((async () => executable.run({}))()).rejects.toThrow("x");
    engine.free([given]);
    await expect((async () => executable.run({ x: given }))()).rejects.toThrow("x");
    await expect((async () => engine.read(given))()).rejects.toThrow();
  });

  test("freeing twice, or what is unknown, does nothing", async () => {
    const given = await engine.load(floats([1], [1]));
    engine.free([given, given]);
    engine.free([given, { id: 999_999, shape: [], dtype: "float" }]);
    engine.free([]);
    expect((await once({ y: ops.neg(x) }, { x: floats([3], [1, 2, 3]) }))["y"]!.data[2]).toBe(-3);
  });

  test("what was read does not change the buffer, nor does a later run change what was read", async () => {
    const size = 20_000;
    const big = input("big", [size]);
    const executable = await engine.compile(program({ y: ops.add(big, 1), z: ops.mul(big, 2) }));
    const expected: number[] = [];
    const kept: { readonly buffer: Buffer; readonly array: HeldArray; readonly first: number }[] = [];
    for (let round = 0; round < 6; round++) {
      const given = await engine.load({ data: new Float64Array(size).fill(round), shape: [size] });
      const out = (await executable.run({ big: given })) as { y: Buffer; z: Buffer };
      const array = await engine.read(out.y);
      expect([array.data[0], array.data[size - 1], (await engine.read(out.z)).data[size - 1]]).toEqual([
        round + 1,
        round + 1,
        2 * round,
      ]);
      engine.free([given, out.z]);
      expected.push(round + 1);
      kept.push({ buffer: out.y, array, first: round + 1 });
    }
    for (const { buffer, array, first } of kept) {
      expect(array.data.every((v) => v === first)).toBe(true);
      array.data.fill(-1);
      expect((await engine.read(buffer)).data.every((v) => v === first)).toBe(true);
    }
    // Memory of freed results serves results of other shapes and of loops too.
    engine.free(kept.map(({ buffer }) => buffer));
    const square = await runProgram(engine, program({ m: ops.add(input("m", [200, 100]), 1) }), {
      m: { data: new Float64Array(size), shape: [200, 100] },
    });
    expect(square["m"]).toMatchObject({ shape: [200, 100] });
    const looped: Program = {
      ...program({ next: ops.add(big, 1) }),
      loop: { carry: { big: "next" }, scan: ["next"], direction: "forward" },
    };
    for (const steps of [1, 0, 3]) {
      const got = await runProgram(
        engine,
        looped,
        { big: { data: new Float64Array(size), shape: [size] } },
        { from: 0, to: steps },
      );
      expect(got["next"]!.shape).toEqual([steps, size]);
      expect(got["big"]!.data.every((v) => v === steps)).toBe(true);
      expect(got["next"]!.data.every((v, i) => v === 1 + Math.floor(i / size))).toBe(true);
    }
  });

  test("additions where indices repeat are all counted, however many there are", async () => {
    const rows = 60_000;
    const got = await once(
      { y: scatterAdd(input("at", [rows], "int"), ops.add(input("r", [rows, 2]), 1), [3, 2]) },
      {
        at: integers(
          [rows],
          Array.from({ length: rows }, (__, i) => i % 3),
        ),
        r: { data: new Float64Array(2 * rows), shape: [rows, 2] },
      },
    );
    expect([...got["y"]!.data]).toEqual([20_000, 20_000, 20_000, 20_000, 20_000, 20_000]);
  });

  test("an index outside the table is an error, never a number", async () => {
    const table = floats([3], [1, 2, 3]);
    for (const at of [3, -4]) {
      await expect(
        once({ y: ops.gather(x, input("at", [1], "int")) }, { x: table, at: integers([1], [at]) }),
      ).rejects.toMatchObject(failure("invalid-experiment", `reads row ${at} of a table of 3 rows`));
    }
  });

  test("names of inputs cannot clash with the engine's own", async () => {
    const names = ["m0", "b0", "c0", "main", "loop", "result", "weights/0.W", "x y", "é", "0"];
    const sum = names.map((name) => ops.cos(input(name, []))).reduce((a, b) => ops.add(a, b));
    const got = await once(
      { y: sum, m0: ops.neg(sum) },
      Object.fromEntries(names.map((name) => [name, floats([], [0])])),
    );
    expect([got["y"]!.data[0], got["m0"]!.data[0]]).toEqual([names.length, -names.length]);
  });

  test("empty tensors", async () => {
    const none = floats([2, 0], []);
    const e = input("e", [2, 0]);
    const got = await once(
      { r: ops.reshape(e, [0, 3]), s: ops.sum(e), p: ops.matmul(e, input("f", [0, 3])) },
      { e: none, f: floats([0, 3], []) },
    );
    expect([got["r"]!.shape, got["r"]!.data.length]).toEqual([[0, 3], 0]);
    expect([...got["s"]!.data, ...got["p"]!.data]).toEqual([0, 0, 0, 0, 0, 0, 0]);
  });

  test("NaN stays NaN", async () => {
    const row = floats([3], [1, Number.NaN, 2]);
    // prettier-ignore
    const outputs = {
      relu: ops.relu(x), abs: ops.abs(x), clip: ops.clip(x, 0, 1), maximum: ops.maximum(x, 0), minimum: ops.minimum(0, x),
      sum: ops.sum(x), softplus: ops.softplus(x), softmax: ops.softmax(x), norm: ops.sum(ops.square(x)), sign: ops.sign(x),
      logSumExp: ops.logSumExp(x), product: ops.matmul(ops.reshape(x, [1, 3]), ops.constant(1, [3, 1])),
      // The runtime's maximum of several elements may skip one NaN, but not a whole row of them.
      max: ops.max(ops.add(x, ops.sum(x))), min: ops.min(ops.add(x, ops.sum(x))),
    };
    for (const [name, { data }] of Object.entries(await once(outputs, { x: row }))) {
      expect(data.some(Number.isNaN), name).toBe(true);
    }
  });

  test("verify agrees with itself, and leaves nothing behind", async () => {
    await engine.verify(program({ y: ops.sum(ops.tanh(x)) }), { x: floats([3], [0.1, 0.2, 0.3]) });
  });

  test("a program of two thousand operations", async () => {
    let z: Tensor = x;
    for (let i = 0; i < 1_000; i++) z = ops.sin(ops.add(z, x));
    const got = await once({ z }, { x: floats([3], [0, 0, 0]) });
    expect([...got["z"]!.data]).toEqual([0, 0, 0]);
  });
});
