import { afterEach, describe, expect, test, vi } from "vitest";
import type { Derivative, Rule } from "../../src/autodiff/rules.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/onnx/session.ts";
import * as ops from "../../src/tensor/ops.ts";
import { scatterAdd } from "../../src/tensor/layout.ts";
import type { Op, Tensor, TensorOf } from "../../src/tensor/tensor.ts";
import { derivativeFindings, nativeFindings, type Clause } from "./check.ts";
import { OPERATIONS } from "./operations.ts";
import { sample, type Sample } from "./sample.ts";

/** The test of the tester: wrong derivative rules are swapped in one by one, and the contract must go red each time. */
const planted = vi.hoisted(() => ({ rules: new Map<string, unknown>() }));
vi.mock("../../src/autodiff/rules.ts", async (importActual) => {
  const actual = await importActual<typeof import("../../src/autodiff/rules.ts")>();
  const RULES = new Proxy(actual.RULES, {
    get: (rules, op: Op) => planted.rules.get(op) ?? rules[op],
  });
  return { ...actual, RULES };
});
const { RULES, sumTo } =
  await vi.importActual<typeof import("../../src/autodiff/rules.ts")>("../../src/autodiff/rules.ts");
afterEach(() => planted.rules.clear());

interface Plant<O extends Op> {
  readonly name: string;
  readonly op: O;
  /** The wrong parts of the rule. */
  readonly rule: Partial<Rule<O>>;
  readonly samples: readonly Sample[];
  /** Finite differences, not only our own second opinion, must catch it here. */
  readonly caughtBy: Clause;
}
interface AnyPlant {
  readonly name: string;
  readonly caughtBy: Clause;
  readonly samples: readonly Sample[];
  sow(): void;
}

const plant = <O extends Op>(p: Plant<O>): AnyPlant => ({
  name: `${p.op}: ${p.name}`,
  caughtBy: p.caughtBy,
  samples: p.samples,
  sow: () => planted.rules.set(p.op, { ...(RULES[p.op] as Rule<O>), ...p.rule }),
});

/** Both directions of a wrong elementwise derivative, so that they agree with each other. */
const wrongFactor = <O extends Op>(factor: (y: Tensor & TensorOf<O>, i: number) => Tensor): Rule<O> => ({
  jvp: (y, tangents) =>
    tangents.reduce<Derivative>((total, t, i) => {
      const term = t === null ? null : ops.mul(factor(y, i), t);
      return total === null ? term : term === null ? total : ops.add(total, term);
    }, null),
  vjp: (y, cotangent, i) => sumTo(ops.mul(factor(y, i), cotangent), y.inputs[i]!.shape),
});

const SQUARE = [sample("square matrices", [[3, 3], [3, 3]], (a, b) => ops.matmul(a, b))]; // prettier-ignore
const CUBE = [sample("a cube turned", [[2, 2, 2]], (x) => ops.transpose(ops.sin(x), [1, 2, 0]))];

const PLANTS: readonly AnyPlant[] = [
  plant({
    name: "wrong sign",
    op: "tanh",
    rule: wrongFactor((y) => ops.sub(ops.square(y), 1)),
    samples: OPERATIONS.tanh,
    caughtBy: "forward difference",
  }),
  plant({
    name: "second derivative silently zero",
    op: "tanh",
    rule: wrongFactor((y) => ops.detach(ops.sub(1, ops.square(y)))),
    samples: OPERATIONS.tanh,
    caughtBy: "second difference",
  }),
  plant({
    name: "half of the second derivative lost",
    op: "sigmoid",
    rule: wrongFactor((y) => ops.mul(y, ops.sub(1, ops.detach(y)))),
    samples: OPERATIONS.sigmoid,
    caughtBy: "second difference",
  }),
  plant({
    name: "wrong by 0.05 %",
    op: "softplus",
    rule: wrongFactor((y) => ops.mul(1.0005, ops.sigmoid(y.inputs[0]!))),
    samples: OPERATIONS.softplus,
    caughtBy: "forward difference",
  }),
  plant({
    name: "wrong by 0.05 %, in reverse only",
    op: "softplus",
    rule: { vjp: (y, cotangent) => ops.mul(1.0005, ops.mul(ops.sigmoid(y.inputs[0]!), cotangent)) },
    samples: OPERATIONS.softplus,
    caughtBy: "reverse difference",
  }),
  plant({
    name: "the other factor held constant, so that mixed products are zero",
    op: "mul",
    rule: wrongFactor((y, i) => ops.detach(y.inputs[1 - i]!)),
    samples: OPERATIONS.mul,
    caughtBy: "second difference",
  }),
  plant({
    name: "minus forgotten in the denominator",
    op: "div",
    rule: wrongFactor((y, i) => ops.div(i === 0 ? 1 : y, y.inputs[1]!)),
    samples: OPERATIONS.div,
    caughtBy: "forward difference",
  }),
  plant({
    name: "factor one half forgotten",
    op: "sqrt",
    rule: wrongFactor((y) => ops.div(1, y)),
    samples: OPERATIONS.sqrt,
    caughtBy: "forward difference",
  }),
  plant({
    name: "exponent not lowered",
    op: "pow",
    rule: wrongFactor((y, i) => ops.mul(y, i === 0 ? y.inputs[1]! : ops.log(y.inputs[0]!))),
    samples: OPERATIONS.pow,
    caughtBy: "forward difference",
  }),
  plant({
    name: "forward mode forgets it",
    op: "exp",
    rule: { jvp: () => null },
    samples: OPERATIONS.exp,
    caughtBy: "forward difference",
  }),
  plant({
    name: "reverse mode forgets it",
    op: "log",
    rule: { vjp: () => null },
    samples: OPERATIONS.log,
    caughtBy: "reverse difference",
  }),
  plant({
    name: "reverse without transpose",
    op: "matmul",
    rule: {
      vjp: (y, cotangent, i) => (i === 0 ? ops.matmul(cotangent, y.inputs[1]!) : ops.matmul(y.inputs[0]!, cotangent)),
    },
    samples: SQUARE,
    caughtBy: "reverse difference",
  }),
  plant({
    name: "forward forgets the second operand",
    op: "matmul",
    rule: { jvp: (y, [a]) => (a ? ops.matmul(a, y.inputs[1]!, y.attributes) : null) },
    samples: SQUARE,
    caughtBy: "forward difference",
  }),
  plant({
    name: "the sum over a stretched axis dropped",
    op: "add",
    rule: { vjp: (_, cotangent) => cotangent },
    samples: OPERATIONS.add,
    caughtBy: "shapes",
  }),
  plant({
    name: "the sum over a stretched axis taken as its first element",
    op: "add",
    rule: {
      vjp: (y, cotangent, i) => {
        const { shape } = y.inputs[i]!;
        const padded = [...y.shape.slice(shape.length).map(() => 1), ...shape];
        return ops.reshape(ops.slice(cotangent, y.shape.map(() => 0), padded), shape); // prettier-ignore
      },
    },
    samples: OPERATIONS.add,
    caughtBy: "reverse difference",
  }),
  plant({
    name: "branches swapped in reverse",
    op: "where",
    rule: {
      vjp: (y, cotangent, i) =>
        i === 0
          ? null
          : sumTo(ops.where(y.inputs[0]!, i === 1 ? 0 : cotangent, i === 1 ? cotangent : 0), y.inputs[i]!.shape),
    },
    samples: OPERATIONS.where,
    caughtBy: "reverse difference",
  }),
  plant({
    name: "every element gets the derivative",
    op: "reduceMax",
    rule: { vjp: (y, cotangent) => ops.broadcastTo(cotangent, y.inputs[0]!.shape) },
    samples: OPERATIONS.reduceMax,
    caughtBy: "reverse difference",
  }),
  plant({
    name: "repeated indices averaged instead of added",
    op: "gather",
    rule: {
      vjp(y, cotangent, i) {
        if (i !== 0) return null;
        const table = y.inputs[0]!;
        const total = (rows: Tensor): Tensor => scatterAdd(y.inputs[1]!, rows, table.shape);
        return ops.div(total(cotangent), ops.maximum(total(ops.constant(1, y.shape)), 1));
      },
    },
    samples: OPERATIONS.gather,
    caughtBy: "reverse difference",
  }),
  plant({
    name: "every part gets the first rows",
    op: "concat",
    rule: {
      vjp: (y, cotangent, i) =>
        ops.slice(cotangent, y.shape.map(() => 0), y.inputs[i]!.shape), // prettier-ignore
    },
    samples: OPERATIONS.concat,
    caughtBy: "reverse difference",
  }),
  plant({
    name: "turned the same way back",
    op: "transpose",
    rule: { vjp: (y, cotangent) => ops.transpose(cotangent, y.attributes.permutation) },
    samples: CUBE,
    caughtBy: "reverse difference",
  }),
];

describe("a planted bug is caught", () => {
  test.each(PLANTS)("$name", ({ samples, sow, caughtBy }) => {
    expect(samples.flatMap(derivativeFindings)).toEqual([]);
    sow();
    expect(samples.flatMap(derivativeFindings).map(({ clause }) => clause)).toContain(caughtBy);
  });

  test.each([
    ["float64", 1e-10],
    ["float32", 1e-3],
  ] as const)("the native engine: off by little in %s", async (precision, error) => {
    const sound = nativeEngine({ precision, threads: 1 });
    const s = OPERATIONS.tanh[0]!;
    expect(await nativeFindings(s, sound)).toEqual([]);
    const unsound: Engine = {
      ...sound,
      read: async (buffer) => {
        const { data, shape } = await sound.read(buffer);
        return { data: Float64Array.from(data, (v, i) => (i === 1 ? v * (1 + error) : v)), shape };
      },
    };
    const clauses = (await nativeFindings(s, unsound)).map(({ clause }) => clause);
    expect(clauses).toContain("native value");
    expect(clauses).toContain("native derivatives");
    await sound.close();
  });
});
