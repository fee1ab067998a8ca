import { afterAll, describe, expect, test } from "vitest";
import { failure, formula, numbersOf, rolloutOf } from "../../test/oracle/measure.ts";
import { sgd } from "../dynamics/sgd.ts";
import type { Engine, Program } from "../engine/engine.ts";
import { nativeEngine } from "../engine/onnx/session.ts";
import { DrmadError, type ErrorCode } from "../errors.ts";
import { forward } from "../hypergradient/forward.ts";
import { implicit } from "../hypergradient/implicit.ts";
import { reverse } from "../hypergradient/reverse.ts";
import * as nn from "../nn/nn.ts";
import { hyper } from "../problem/hyper.ts";
import { defineExperiment } from "../study/define.ts";
import { toGraph } from "../tensor/graph.ts";
import { input } from "../tensor/layout.ts";
import * as ops from "../tensor/ops.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { shapeError } from "../tensor/shape.ts";
import { flopOf, takeRows, verifyOnFewRows } from "./probe.ts";

const native = nativeEngine({ precision: "float64", threads: 1 });
afterAll(() => native.close());

const raise = (code: ErrorCode): never => {
  throw new DrmadError(code, "no");
};
const product = (rows: number, size = 4): Program => ({
  name: "product",
  graph: toGraph({ y: ops.matmul(input("x", [rows, size]), input("w", [size, 5])) }),
});
/** The rows that programs were traced for, and those that were compared. */
async function probe(rows: number, at: (rows: number) => Program): Promise<{ compared: boolean; with: number[] }> {
  const seen: number[] = [];
  const engine: Engine = {
    ...native,
    verify: (_, inputs) => {
      seen.push(inputs["x"]!.shape[0]!);
      return Promise.resolve();
    },
  };
  const compared = await verifyOnFewRows(engine, rows, at, ({ shape }) =>
    Promise.resolve({ data: new Float64Array(shape.reduce((a, b) => a * b, 1)), shape }),
  );
  return { compared, with: seen };
}

/** A program whose loss can be traced on a hundred rows and no other number of them. */
const knows =
  (size: number) =>
  (rows: number): Program => {
    if (rows !== 100) throw shapeError("mul", [[rows], [100]], "they do not broadcast");
    return product(rows, size);
  };

/** A loss that refuses few rows by itself. */
const picky =
  (least: number, size: number) =>
  (rows: number): Program => {
    if (rows < least) throw new RangeError("too few examples to rank");
    return product(rows, size);
  };

describe("a comparison on few rows", () => {
  test("takes eight rows, or as many as there are", async () => {
    expect(await probe(100, product)).toEqual({ compared: true, with: [8] });
    expect(await probe(3, product)).toEqual({ compared: true, with: [3] });
  });

  test("takes fewer where eight are too much arithmetic, and says when even one is", async () => {
    expect(await probe(100, (rows) => product(rows, 6e6))).toEqual({ compared: true, with: [2] });
    expect(await probe(100, (rows) => product(rows, 3e7))).toEqual({ compared: false, with: [] });
  });

  test("takes all where the loss knows how many there are, unless that is too much", async () => {
    expect(await probe(100, knows(4))).toEqual({ compared: true, with: [100] });
    expect(await probe(100, knows(1e6))).toEqual({ compared: false, with: [] });
  });

  test("takes all where the loss refuses few in its own words", async () => {
    expect(await probe(100, picky(20, 4))).toEqual({ compared: true, with: [100] });
    expect(await probe(100, picky(5, 6e6))).toEqual({ compared: false, with: [] });
  });

  test.each([3, 100])("passes on a fault of the loss on all of %d rows", async (rows) => {
    await expect(probe(rows, () => raise("invalid-loss"))).rejects.toMatchObject(failure("invalid-loss"));
    await expect(probe(rows, () => JSON.parse("{") as Program)).rejects.toThrow(SyntaxError);
  });

  test("arithmetic: twice m·n·k for a product, one for each element of the rest, none for constants and views", () => {
    const [a, b] = [input("a", [6, 4]), input("b", [4, 5])];
    expect(flopOf(toGraph({ y: ops.matmul(a, b) }))).toBe(2 * 6 * 4 * 5);
    expect(flopOf(toGraph({ y: ops.exp(ops.add(a, 1)) }))).toBe(48);
    expect(flopOf(toGraph({ y: ops.reshape(a, [24]) }))).toBe(0);
  });

  test("rows of an array of any kind", () => {
    const taken = takeRows({ data: Uint8Array.of(1, 2, 3, 4, 5, 6), shape: [3, 2] }, [2, 0, 2]);
    expect(taken).toEqual({ data: Uint8Array.of(5, 6, 1, 2, 5, 6), shape: [3, 2] });
    expect(takeRows({ data: Int32Array.of(7, 8, 9), shape: [3] }, [1])).toEqual({ data: Int32Array.of(8), shape: [1] });
  });
});

const split = (n: number) => ({ x: { data: formula(n, 2 * n), shape: [n, 2] } });
const experiment = (weights: number | undefined) =>
  defineExperiment({
    data: { train: split(20), valid: split(10) },
    params: { w: nn.given([2, 1], [1, -1]) },
    hyper: {
      rate: hyper.scalar(0.1),
      examples: hyper.array({ data: new Float64Array(weights ?? 1).fill(1), shape: [weights ?? 1, 1] }),
    },
    train: {
      loss: ({ w }, h, { x }) => ops.mean(ops.mul(h.examples, ops.square(ops.sub(ops.matmul(x, w), 1)))),
      dynamics: (h) => sgd({ rate: h.rate }),
      steps: 5,
    },
    valid: { loss: ({ w }, _, { x }) => ops.mean(ops.square(ops.matmul(x, w))) },
  });
const verified = (): { engine: Engine; names: string[] } => {
  const names: string[] = [];
  const engine: Engine = {
    ...native,
    verify(program, inputs) {
      names.push(program.name);
      return native.verify(program, inputs);
    },
  };
  return { engine, names };
};

/** A loss of any number of rows, where `experiment` holds a number for each. */
const anyRows = (
  w: { readonly w: Tensor },
  h: { readonly examples: Tensor },
  { x }: { readonly x: Tensor },
): Tensor => {
  const off = ops.mean(ops.square(ops.sub(ops.matmul(x, w.w), 1)));
  return ops.add(off, ops.mul(ops.mean(h.examples), ops.sum(ops.square(w.w))));
};

describe("a rollout compares its programs with the reference interpreter", () => {
  test.each([undefined, 20])("each once, at first use: a weight for each of %s examples", async (weights) => {
    const { engine, names } = verified();
    const rollout = await rolloutOf(experiment(weights), engine, { trustEngine: false });
    await numbersOf(rollout, reverse());
    expect(names.toSorted()).toEqual(["stored sweep", "training step", "validation loss"]);
    await numbersOf(rollout.at({ ...rollout.point, rate: Float64Array.of(0.2) }), reverse());
    expect(names).toHaveLength(3);
    expect(rollout.unverified).toEqual([]);
  });

  test("tangents too, where they are no longer zero", async () => {
    const { engine, names } = verified();
    let largest = 0;
    const looking: Engine = {
      ...engine,
      verify(program, inputs) {
        if (program.name === "training step with tangents")
          largest = Math.max(...inputs["tangent/0/weights/w"]!.data.map(Math.abs));
        return engine.verify(program, inputs);
      },
    };
    const rollout = await rolloutOf(experiment(20), looking, { trustEngine: false });
    await numbersOf(rollout, forward());
    expect(names.toSorted()).toEqual(["initial tangents", "training step with tangents", "validation loss"]);
    expect(largest).toBeGreaterThan(0);
    await numbersOf(rollout.at({ ...rollout.point, rate: Float64Array.of(0.2) }), forward());
    expect(names).toHaveLength(3);
  });

  test.each([
    ["cg", "curvature", undefined],
    ["fixed-point", "adjoint fixed point", undefined],
    // The loss holds a weight for each of 20 examples: the whole split, or nothing, can be compared.
    ["cg", "curvature", 4],
    ["fixed-point", "adjoint fixed point", 4],
  ] as const)("derivatives on the whole split: %s, %s, minibatches of %s", async (solver, program, batch) => {
    const { engine, names } = verified();
    const { spec } = experiment(20);
    const { rate: _, ...rest } = spec.hyper;
    const train = {
      ...spec.train,
      dynamics: sgd({ rate: 0.1 }),
      ...(batch === undefined ? {} : { batch, loss: anyRows }),
    };
    const rollout = await rolloutOf(defineExperiment({ ...spec, hyper: rest, train } as never), engine, {
      trustEngine: false,
    });
    await numbersOf(rollout, implicit({ solver, force: true }));
    const products = solver === "cg" ? [program] : [program, "curvature"];
    expect(names.toSorted()).toEqual([...products, "cross derivative", "training step", "validation loss"].toSorted());
    expect(rollout.unverified).toEqual([]);
  });

  test("not at all where it is trusted", async () => {
    const { engine, names } = verified();
    await numbersOf(await rolloutOf(experiment(20), engine, { trustEngine: true }), reverse());
    expect(names).toEqual([]);
  });

  test("and fails where they differ", async () => {
    const disagrees: Engine = {
      ...native,
      verify: () => Promise.reject(new DrmadError("engine-disagrees", "matmul differs")),
    };
    const rollout = await rolloutOf(experiment(20), disagrees, { trustEngine: false });
    await expect(reverse().run(rollout)).rejects.toMatchObject(failure("engine-disagrees", "matmul"));
  });

  test("what is too large even on one row is listed instead", async () => {
    const large = defineExperiment({
      data: { train: split(20), valid: split(10) },
      params: { w: nn.constant([1000, 100], 0.1) },
      hyper: { shift: hyper.scalar(0.1) },
      train: {
        // A product of 2·10⁸ operations, and its derivatives.
        loss: ({ w }, h) => ops.mean(ops.square(ops.add(ops.matmul(w, ops.transpose(w)), h.shift))),
        dynamics: sgd({ rate: 1e-3 }),
        steps: 1,
      },
      valid: { loss: ({ w }) => ops.mean(w) },
    });
    const { engine, names } = verified();
    const rollout = await rolloutOf(large, engine, { trustEngine: false });
    await numbersOf(rollout, reverse());
    expect(names).toEqual(["validation loss"]);
    expect(rollout.unverified).toEqual(["training step", "stored sweep"]);
  });
});
