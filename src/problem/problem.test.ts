import { describe, expect, test } from "vitest";
import { failure } from "../../test/oracle/measure.ts";
import type { Dataset, NdArray } from "../data/dataset.ts";
import { sgd } from "../dynamics/sgd.ts";
import * as nn from "../nn/nn.ts";
import { defineExperiment } from "../study/define.ts";
import * as ops from "../tensor/ops.ts";
import { input } from "../tensor/layout.ts";
import type { Experiment } from "./experiment.ts";
import { hyper } from "./hyper.ts";
import { givenParameter, normalParameter } from "./parameter.ts";
import { resolveProblem } from "./problem.ts";

const real = (shape: readonly number[], length = shape.reduce((a, b) => a * b, 1)): NdArray => ({
  data: new Float64Array(length),
  shape,
});
const split = (rows: number) => ({ x: real([rows, 2]), y: { data: new Int32Array(rows), shape: [rows] } });
const fine: Dataset = { train: split(10), valid: split(4) };
interface Changes {
  readonly data?: unknown;
  readonly params?: unknown;
  readonly hyper?: unknown;
  readonly train?: object;
  readonly metric?: object;
  readonly valid?: object;
  readonly outer?: object;
}
const made = (changes: Changes = {}): Experiment =>
  defineExperiment({
    data: fine,
    params: nn.mlp([2, 3]),
    hyper: { rate: hyper.scalar(0.1) },
    valid: { loss: () => ops.constant(0) },
    ...changes,
    train: { loss: () => ops.constant(0), dynamics: sgd({ rate: 0.1 }), steps: 5, ...changes.train },
  } as never);

const weights = async (seed: number, params: unknown = nn.mlp([2, 3])) =>
  (await resolveProblem(made({ params }), { seed })).weights;

/** The first minibatch, of seven rows. */
const firstRows = async (seed: number): Promise<string> =>
  (await resolveProblem(made({ train: { batch: 7 } }), { seed })).sampler(0).join();

describe("an experiment resolved", () => {
  test("weights are drawn by seed and path alone", async () => {
    const [first] = await weights(1);
    expect((await weights(1))[0]).toEqual(first);
    expect((await weights(2))[0]!.drawn).not.toEqual(first!.drawn);
    // A layer more, or another order of keys, leaves the other layers as they were.
    expect((await weights(1, nn.mlp([2, 3, 4])))[0]).toEqual(first);
    const swapped = await weights(1, [{ b: nn.constant([3]), W: nn.mlp([2, 3])[0]!.W }]);
    expect(swapped.find(({ path }) => path === "0.W")).toEqual(first);
  });

  test("weights nest like the parameters", async () => {
    const problem = await resolveProblem(
      made({ params: { a: { W: nn.normal([2, 3], 1) }, list: [nn.constant([3])] } }),
    );
    const tree = problem.weightTree((path) => input(path, [])) as { a: { W: ops.Tensor }; list: ops.Tensor[] };
    expect(tree.a.W).toMatchObject({ attributes: { name: "a.W" } });
    expect(tree.list[0]).toMatchObject({ attributes: { name: "list.0" } });
    expect(Array.isArray(tree.list)).toBe(true);
  });

  test("data may be a function of the seed, later", async () => {
    const seeds: number[] = [];
    const data = (seed: number): Promise<Dataset> => {
      seeds.push(seed);
      return Promise.resolve(fine);
    };
    expect((await resolveProblem(made({ data }), { seed: 9 })).data).toBe(fine);
    expect(seeds).toEqual([9]);
  });

  test("steps may be replaced, and per-step hyperparameters follow", async () => {
    const experiment = { ...made(), spec: { ...made().spec, hyper: { rate: hyper.scalar(0.1, { perStep: true }) } } };
    const problem = await resolveProblem(experiment, { steps: 8 });
    expect(problem.steps).toBe(8);
    expect(problem.hypers.tensors[0]!.shape).toEqual([8]);
  });

  test("rows of the experiment's own choice are asked for by step and seed", async () => {
    const problem = await resolveProblem(
      made({ train: { batch: 2, rows: (t: number, seed: number) => Int32Array.of(t, seed) } }),
      { seed: 3 },
    );
    expect([...problem.sampler(5)]).toEqual([5, 3]);
  });

  test("minibatches are drawn by the seed", async () => {
    expect(await firstRows(1)).toBe(await firstRows(1));
    expect(await firstRows(2)).not.toBe(await firstRows(1));
  });

  test("without a batch, a step sees every row", async () => {
    const problem = await resolveProblem(made());
    expect(problem.batch).toBeUndefined();
    expect([...problem.sampler(0)].toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
});

describe("is refused", () => {
  test.each([
    ["no training split", { data: { valid: split(4) } }, "no train split"],
    ["no validation split", { data: { train: split(4) } }, "no valid split"],
    ["an empty split", { data: { train: split(10), valid: split(0) } }, "valid split is empty"],
    ["a split without arrays", { data: { train: {}, valid: split(4) } }, "train split is empty"],
    [
      "an array too short for its shape",
      { data: { train: { x: real([10, 2], 19) }, valid: { x: real([4, 2]) } } },
      "19 elements",
    ],
    ["arrays of different rows", { data: { train: { ...split(10), y: real([9]) }, valid: split(4) } }, "9 rows"],
    [
      "splits that differ in their arrays",
      { data: { train: split(10), valid: { x: real([4, 3]), y: real([4]) } } },
      "differ in shape",
    ],
    ["an array that training lacks", { data: { train: { x: real([10, 2]) }, valid: split(4) } }, "valid.y"],
    [
      "an array that validation lacks",
      { data: { train: split(10), valid: { x: real([4, 2]) } } },
      "valid split has no y",
    ],
    ["a test split of another kind", { data: { ...fine, test: { x: real([3, 3]), y: real([3]) } } }, "test.x"],
    ["a misspelt part", { metric: {} }, "defineExperiment has no option metric"],
    ["a misspelt part of train", { train: { bach: 10 } }, "train of the experiment has no option bach"],
    ["a misspelt part of valid", { valid: { los: () => 3 } }, "valid of the experiment has no option los"],
    ["a misspelt part of outer", { outer: { step: 3 } }, "outer of the experiment has no option step"],
    ["no weights", { params: {} }, "no weights"],
    ["a weight that is no parameter", { params: { w: 3 } }, "params.w is 3"],
    ["a dot in a parameter's key", { params: { "a.b": nn.constant([1]) } }, '"a.b"'],
    ["no hyperparameters", { hyper: {} }, "no hyperparameters"],
    ["no record of hyperparameters", { hyper: undefined }, "needs the option hyper"],
    ["no dynamics", { train: { dynamics: undefined } }, "train of the experiment needs the option dynamics"],
    ["dynamics that are none", { train: { dynamics: () => 3 } }, "not a training algorithm"],
    ["rows without a batch", { train: { rows: () => Int32Array.of(0) } }, "no train.batch"],
    ["no data", { data: null }, "given data: null"],
    ["plain numbers", { data: { ...fine, train: { ...split(10), x: [1, 2] } } }, "train.x has no typed array"],
    ["no shape", { data: { ...fine, train: { x: { data: new Float64Array(2) } } } }, "train.x has the shape undefined"],
    ["half a row", { data: { ...fine, train: { x: real([0.5, 2], 1) } } }, "train.x has the shape [0.5, 2]"],
    ["labels that are integers in one split only", { data: { ...fine, valid: { ...split(4), y: real([4]) } } }, "valid.y holds real numbers"], // prettier-ignore
    ["NaN", { data: { ...fine, valid: { ...split(4), x: { data: Float32Array.of(0, 1, 2, NaN, 4, 5, 6, 7), shape: [4, 2] } } } }, "valid.x holds NaN in row 1"], // prettier-ignore
    ["a negative label", { data: { ...fine, valid: { ...split(4), y: { data: Int32Array.of(0, 1, -1, 0), shape: [4] } } } }, "valid.y holds -1 in row 2"], // prettier-ignore
    [
      "a batch larger than the data",
      { train: { batch: 11 } },
      "a minibatch of 11 is larger than the training set of 10",
    ],
    ["a batch of none", { train: { batch: 0 } }, "minibatch size is 0"],
    ["a fraction of a batch", { train: { batch: 2.5 } }, "minibatch size is 2.5"],
    ["no steps", { train: { steps: 0 } }, "training steps is 0"],
    ["a fraction of a step", { train: { steps: 1.5 } }, "training steps is 1.5"],
  ])("%s", async (_, changes, part) => {
    const opened = (async () => resolveProblem(made(changes)))();
    await expect(opened).rejects.toMatchObject(failure("invalid-experiment", part));
  });

  test.each([-1, 1.5, NaN, Infinity, 2 ** 53])("the seed %s", async (seed) => {
    await expect(resolveProblem(made(), { seed })).rejects.toMatchObject(failure("invalid-argument", `seed ${seed}`));
  });

  test.each([
    ["too few", Int32Array.of(1), "1 rows for a minibatch of 2"],
    ["one past the end", Int32Array.of(1, 10), "the row 10, outside 0…9"],
    ["one before the start", Int32Array.of(-1, 0), "the row -1, outside"],
    ["a plain array", [0, 1] as never, "an array, not an Int32Array"],
    ["nothing", undefined as never, "undefined, not an Int32Array"],
  ])("chosen rows: %s", async (_, chosen, part) => {
    const problem = await resolveProblem(made({ train: { batch: 2, rows: () => chosen } }));
    expect(() => problem.sampler(4)).toThrow(
      expect.objectContaining(failure("invalid-experiment", `train.rows(4) gave ${part}`)),
    );
  });

  test("parameters of impossible shapes, and values that do not fill theirs", () => {
    for (const shape of [[0], [2, -1], [1.5]]) {
      expect(() => normalParameter(shape, 1)).toThrow(expect.objectContaining(failure("invalid-argument")));
    }
    expect(() => givenParameter([2, 2], [1, 2, 3])).toThrow(
      expect.objectContaining(failure("invalid-argument", "3 values")),
    );
  });
});
