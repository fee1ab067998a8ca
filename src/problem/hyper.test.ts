import { describe, expect, test } from "vitest";
import { failure } from "../../test/oracle/measure.ts";
import * as nn from "../nn/nn.ts";
import { input } from "../tensor/layout.ts";
import { isTensor, type Tensor } from "../tensor/tensor.ts";
import { leavesOf } from "../tensor/tree.ts";
import { hyper, layoutHypers, type Hyper } from "./hyper.ts";

const STEPS = 3;
const params = nn.mlp([4, 3, 2]);
const layout = (spec: Hyper, name = "h") => layoutHypers({ [name]: spec }, params, STEPS);
const shapesOf = (spec: Hyper): Record<string, readonly number[]> =>
  Object.fromEntries(layout(spec).tensors.map(({ name, shape }) => [name, shape]));
const nameOf = (t: Tensor): string | number =>
  t.op === "input" ? t.attributes.name : t.op === "constant" ? t.attributes.value : t.op;
/** Which tensor stands at which weights. */
function seen(spec: Hyper): Record<string, string | number> {
  const { arrange } = layout(spec);
  const tree = (arrange((name) => input(name, [])) as { readonly h: unknown }).h;
  return Object.fromEntries(leavesOf(tree, isTensor).map(({ path, value }) => [path, nameOf(value)]));
}

describe("how many values, and who shares them", () => {
  test.each([
    ["scalar", hyper.scalar(1), { h: [] }, { "": "h" }],
    ["array", hyper.array({ data: Float32Array.of(1, 2), shape: [2, 1] }), { h: [2, 1] }, { "": "h" }],
    ["network", hyper.perNetwork(1), { h: [] }, { "0.W": "h", "0.b": "h", "1.W": "h", "1.b": "h" }],
    ["layer", hyper.perLayer(1), { "h.0": [], "h.1": [] }, { "0.W": "h.0", "0.b": "h.0", "1.W": "h.1", "1.b": "h.1" }],
    ["tensor", hyper.perTensor(1), { "h.0.W": [], "h.0.b": [], "h.1.W": [], "h.1.b": [] }, undefined],
    ["unit", hyper.perUnit(1), { "h.0.W": [1, 3], "h.0.b": [3], "h.1.W": [1, 2], "h.1.b": [2] }, undefined],
    ["input", hyper.perInput(1), { "h.0.W": [4, 1], "h.0.b": [1], "h.1.W": [3, 1], "h.1.b": [1] }, undefined],
    ["weight", hyper.perWeight(1), { "h.0.W": [4, 3], "h.0.b": [3], "h.1.W": [3, 2], "h.1.b": [2] }, undefined],
  ])("%s", (_, spec, shapes, at) => {
    expect(shapesOf(spec)).toEqual(shapes);
    const own = Object.fromEntries(["0.W", "0.b", "1.W", "1.b"].map((path) => [path, `h.${path}`]));
    expect(seen(spec)).toEqual(at ?? own);
  });

  test("convolution kernels: all axes but the last are inputs", () => {
    const kernel = { k: nn.normal([3, 3, 2, 5], 1) };
    const shapes = (spec: Hyper) => layoutHypers({ h: spec }, kernel, 1).tensors[0]!.shape;
    expect(shapes(hyper.perUnit(1))).toEqual([1, 1, 1, 5]);
    expect(shapes(hyper.perInput(1))).toEqual([3, 3, 2, 1]);
  });

  test("one weight tensor at the top: a layer of its own", () => {
    const alone = layoutHypers({ h: hyper.perLayer(1) }, nn.normal([2], 1), 1);
    expect(alone.tensors.map(({ name }) => name)).toEqual(["h"]);
    const unit = layoutHypers({ h: hyper.perUnit(1) }, nn.normal([2], 1), 1);
    expect(unit.tensors.map(({ name }) => name)).toEqual(["h"]);
  });

  test("biases left out keep their number and are not tuned", () => {
    for (const spec of [hyper.perInput(0.5, { biases: 7 }), hyper.perNetwork(0.5, { biases: 7 })]) {
      expect(layout(spec).tensors.every(({ name }) => !name.endsWith("b"))).toBe(true);
      expect(seen(spec)).toMatchObject({ "0.b": 7, "1.b": 7 });
    }
    // Outside the transform's interval is no matter: they are not transformed.
    expect(seen(hyper.perLayer(0.5, { transform: "log", biases: 0 }))["0.b"]).toBe(0);
  });
});

describe("where they start", () => {
  test("at the transformed value, everywhere", () => {
    const [tensor] = layout(hyper.perUnit(0.25, { transform: "logit" })).tensors;
    expect([...tensor!.start]).toEqual([1, 1, 1].map(() => Math.log(0.25) - Math.log1p(-0.25)));
  });

  test("per step: the same for every step, on a leading axis", () => {
    const scalar = layout(hyper.scalar(2, { perStep: true })).tensors[0]!;
    expect(scalar).toMatchObject({ shape: [STEPS], perStep: true });
    expect([...scalar.start]).toEqual([2, 2, 2]);
    const array = layout(hyper.array({ data: Float64Array.of(1, 2), shape: [2] }, { perStep: true })).tensors[0]!;
    expect(array.shape).toEqual([STEPS, 2]);
    expect([...array.start]).toEqual([1, 2, 1, 2, 1, 2]);
    expect(layout(hyper.perUnit(1, { perStep: true })).tensors[0]!.shape).toEqual([STEPS, 1, 3]);
  });

  test("an array from a parameter: drawn for the seed, under the hyperparameter's name", () => {
    const spec = hyper.array(nn.normal([2, 3], 0.5), { perStep: true });
    const start = (seed: number, name = "h") => layoutHypers({ [name]: spec }, params, STEPS, seed).tensors[0]!;
    expect(start(1).shape).toEqual([STEPS, 2, 3]);
    expect(new Set(start(1).start).size).toBe(6);
    expect(start(1)).toEqual(start(1));
    expect(start(1).start).not.toEqual(start(2).start);
    expect(start(1).start).not.toEqual(start(1, "g").start);
    expect([...layout(hyper.array(nn.constant([2], 0.25), { transform: "log" })).tensors[0]!.start]).toEqual([
      Math.log(0.25),
      Math.log(0.25),
    ]);
  });

  test("outside the transform: refused, by the tensor's name", () => {
    expect(() => layout(hyper.perLayer(0, { transform: "log" }), "l2")).toThrow(
      expect.objectContaining(failure("invalid-argument", "l2.0 starts at 0")),
    );
  });
});

describe("refused", () => {
  test("what is not a hyperparameter", () => {
    expect(() => layout(3 as never, "rate")).toThrow(
      expect.objectContaining(failure("invalid-experiment", "hyper.rate")),
    );
  });

  test.each([
    ["too few values", [1, 2, 3], [4]],
    ["too many", [1, 2, 3, 4, 5], [4]],
  ])("an array of %s for its shape", (_, values, shape) => {
    const spec = hyper.array({ data: Float64Array.from(values), shape });
    expect(() => layout(spec)).toThrow(expect.objectContaining(failure("invalid-argument", "hyper.h")));
  });

  test.each([
    [
      "a misspelt option",
      () => hyper.scalar(1, { tranform: "log" } as object),
      "option tranform",
      "Did you mean transform?",
    ],
    [
      "biases of no tree",
      () => hyper.scalar(1, { biases: 0 } as object),
      "option biases",
      "transform, bounds, perStep.",
    ],
    [
      "a misspelt option of a tree",
      () => hyper.perInput(1, { bias: 0 } as object),
      "hyper.perInput has no option bias",
      "biases?",
    ],
    ["no value", () => hyper.perUnit(undefined as never), "starts at nothing", "natural value"],
    ["an array of no shape", () => hyper.array([1, 2] as never), "starts at no array", "{ data, shape }"],
  ])("%s", (_, make, part, hint) => {
    const found = expect.stringContaining(hint) as string;
    expect(make).toThrow(expect.objectContaining({ ...failure("invalid-argument", part), hint: found }));
  });

  test("one that leaves out every weight", () => {
    expect(() => layoutHypers({ h: hyper.perUnit(1, { biases: 0 }) }, { w: nn.constant([3]) }, 1)).toThrow(
      expect.objectContaining(failure("invalid-experiment", "hyper.h tunes nothing")),
    );
  });

  test("a name with a dot, which could be another's tensor", () => {
    expect(() => layout(hyper.scalar(1), "l2.0")).toThrow(
      expect.objectContaining(failure("invalid-experiment", "l2.0")),
    );
  });
});
