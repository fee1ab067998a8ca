import { afterAll, describe, expect, test } from "vitest";
import { failure, flat, formula, numbersOf, relativeError, rolloutOf } from "../../test/oracle/measure.ts";
import * as plain from "../../test/oracle/ridge.ts";
import { watch } from "../../test/oracle/watch.ts";
import { momentum } from "../dynamics/momentum.ts";
import { sgd } from "../dynamics/sgd.ts";
import { nativeEngine } from "../engine/onnx/session.ts";
import { referenceEngine } from "../engine/reference/engine.ts";
import * as nn from "../nn/nn.ts";
import type { Experiment } from "../problem/experiment.ts";
import { hyper } from "../problem/hyper.ts";
import type { Buffers, Rollout } from "../rollout/rollout.ts";
import { defineExperiment } from "../study/define.ts";
import { hypergradient } from "../study/hypergradient.ts";
import { tune } from "../study/tune.ts";
import * as ops from "../tensor/ops.ts";
import { finiteDifference } from "./finite-difference.ts";
import { implicit } from "./implicit.ts";
import { reverse } from "./reverse.ts";
import { SOLVERS } from "./solve.ts";

const engine = nativeEngine({ precision: "float64", threads: 1 });
afterAll(() => engine.close());

const ridgeAt = async (...given: Parameters<typeof plain.ridge>): Promise<Rollout> =>
  (await rolloutOf(plain.ridge(...given), engine, { trustEngine: false })).at(plain.POINT);
const gradientOf = async (rollout: Rollout, method = implicit()): Promise<number[]> =>
  flat((await numbersOf(rollout, method)).gradient);
async function weightsOf(rollout: Rollout, final: Buffers): Promise<number[]> {
  const { data } = await rollout.read(final["weights/w"]!);
  rollout.free(final);
  return [...data];
}
async function endOf(rollout: Rollout): Promise<number[]> {
  const start = await rollout.start();
  const { final } = await rollout.train(start);
  rollout.free(start);
  return weightsOf(rollout, final);
}

describe("ridge regression at its minimum is the closed form", () => {
  const wanted = plain.hypergradientAt(plain.MINIMUM);

  test.each([["sgd", {}], ["momentum", { decay: 0.6 }], ["minibatches as large as the split", { batch: 24 }]])("%s: by every solver and by reverse", async (_, options) => {
    const rollout = await ridgeAt(500, options);
    expect(relativeError(await gradientOf(rollout, reverse()), wanted)).toBeLessThan(1e-8);
    for (const solver of SOLVERS) {
      const { value, gradient, direct, growth } = await numbersOf(rollout, implicit({ solver, tolerance: 1e-10 }));
      expect(relativeError(flat(gradient), wanted), solver).toBeLessThan(1e-8);
      expect(value).toBeCloseTo(plain.outerValue(plain.MINIMUM), 13);
      expect(flat(direct)).toEqual([0, 0, 0, 0, 0]);
      expect(growth).toBe(1);
    }
    expect(rollout.unverified).toEqual([]);
  }); // prettier-ignore

  test.each([
    ["float32", () => nativeEngine({ precision: "float32", threads: 1 }), 1e-4],
    ["in the reference interpreter", referenceEngine, 1e-5],
  ] as const)("%s", async (_, open, tolerance) => {
    const other = open();
    const rollout = (await rolloutOf(plain.ridge(60), other, { trustEngine: false })).at(plain.POINT);
    for (const solver of SOLVERS)
      expect(relativeError(await gradientOf(rollout, implicit({ solver })), wanted), solver).toBeLessThan(tolerance);
    await other.close();
  });

  test("conjugate gradients need as many iterations as there are curvatures, the true residual included", async () => {
    const rollout = await ridgeAt(500);
    for (const solver of ["cg", "normal-cg"] as const) {
      const method = implicit({ solver, tolerance: 1e-12, iterations: plain.FEATURES });
      expect(relativeError(await gradientOf(rollout, method), wanted), solver).toBeLessThan(1e-10);
    }
  });

  test("with a rate given to the Neumann series, in as many terms as it takes", async () => {
    const rollout = await ridgeAt(500);
    const series = { solver: "neumann", tolerance: 1e-10 } as const;
    expect(relativeError(await gradientOf(rollout, implicit({ ...series, rate: 0.5 })), wanted)).toBeLessThan(1e-8);
    await expect(implicit({ ...series, rate: 100 }).run(rollout)).rejects.toMatchObject(
      failure("not-converged", "grows at rate 100"),
    );
  });
});

/** Ridge regression with both losses multiplied, trained as before. */
const scaled = (inner: number, outer: number, steps: number): Experiment => {
  const { spec } = plain.ridge(steps);
  return defineExperiment({
    ...spec,
    data: spec.data as never,
    params: spec.params as never,
    train: {
      ...spec.train,
      loss: (...given: [never, never, never]) => ops.mul(inner, spec.train.loss(...given)),
      dynamics: sgd({ rate: 1 / inner }),
    },
    valid: { loss: (...given: [never, never, never]) => ops.mul(outer, spec.valid.loss(...given)) },
  } as never);
};

describe("away from a minimum", () => {
  test("it refuses, and forced it is the formula at the weights reached", async () => {
    // Minibatches of 5 of 24 rows: the curvature of any one of them is another.
    const rollout = await ridgeAt(3, { batch: 5, rate: 0.3 });
    const wanted = plain.hypergradientAt(await endOf(rollout));
    for (const solver of SOLVERS) {
      await expect(implicit({ solver }).run(rollout)).rejects.toMatchObject(failure("not-stationary", "‖∇L‖ is"));
      const forced = await gradientOf(rollout, implicit({ solver, tolerance: 1e-10, force: true }));
      expect(relativeError(forced, wanted), solver).toBeLessThan(1e-8);
    }
  });

  test("what it accepts is near the closed form, and it accepts in the end", async () => {
    const wanted = plain.hypergradientAt(plain.MINIMUM);
    const accepted: number[] = [];
    for (const steps of [1, 2, 4, 8, 16, 32, 64]) {
      const rollout = await ridgeAt(steps);
      try {
        expect(relativeError(await gradientOf(rollout), wanted)).toBeLessThan(0.1);
        accepted.push(steps);
      } catch (error) {
        expect(error).toMatchObject(failure("not-stationary"));
      }
    }
    expect(accepted).toEqual([16, 32, 64]);
  });

  test("its verdict does not depend on the scale of either loss", async () => {
    for (const [inner, outer] of [[1, 1], [1e4, 1], [1, 1e4], [1e-3, 1e-4]] as const) {
      const at = async (steps: number): Promise<Rollout> => (await rolloutOf(scaled(inner, outer, steps), engine)).at(plain.POINT);
      await expect(implicit().run(await at(6))).rejects.toMatchObject(failure("not-stationary"));
      expect(await gradientOf(await at(16))).toHaveLength(plain.FEATURES);
    }
  }); // prettier-ignore

  test("a solver that stops short is refused with its residual, and forced gives what it has", async () => {
    const rollout = await ridgeAt(500);
    const wanted = plain.hypergradientAt(plain.MINIMUM);
    for (const solver of SOLVERS) {
      const short = { solver, iterations: 2, tolerance: 1e-9 } as const;
      await expect(implicit(short).run(rollout)).rejects.toMatchObject(
        failure("not-converged", `${solver} left a residual of`),
      );
      const error = relativeError(await gradientOf(rollout, implicit({ ...short, force: true })), wanted);
      expect(error, solver).toBeGreaterThan(1e-6);
      expect(error, solver).toBeLessThan(2);
    }
  });
});

test("the whole split, whatever the minibatch: curvature, gradient and cross derivative", async () => {
  const rollout = await ridgeAt(3, { batch: 5, rate: 0.3 });
  const start = await rollout.start();
  const curvature = rollout.curvature();
  const v = formula(17, plain.FEATURES);
  const product = await curvature.product(start, v);
  expect(relativeError(product, plain.HESSIAN.map((row) => row.reduce((s, h, i) => s + h * v[i]!, 0)))).toBeLessThan(1e-13); // prettier-ignore
  const { gradient, mixed } = await curvature.cross(start, v);
  expect(relativeError(gradient, plain.innerGradient(plain.START))).toBeLessThan(1e-13);
  const penalties = [...plain.POINT.penalty].map(Math.exp);
  expect(relativeError(flat(mixed), plain.START.map((w, i) => penalties[i]! * w * v[i]!))).toBeLessThan(1e-13); // prettier-ignore
  rollout.free(start);
});

const labelled = (seed: number, n: number) => ({
  x: { data: formula(seed, 4 * n), shape: [n, 4] },
  y: { data: Int32Array.from({ length: n }, (_, i) => (i * i + (i % 7) + seed) % 3), shape: [n] },
});
const data = { train: labelled(1, 40), valid: labelled(2, 30) };

/** Softmax regression: penalties in both losses, a weight for each example, and one number in the outer loss alone. */
const logistic = (steps: number) =>
  defineExperiment({
    data,
    params: nn.mlp([4, 3]),
    hyper: {
      penalty: hyper.perInput(0.05, { transform: "log" }),
      examples: hyper.array({ data: new Float64Array(40).fill(1), shape: [40] }, { transform: "softplus" }),
      outer: hyper.scalar(0.1, { transform: "log" }),
    },
    train: {
      loss: (w, h, { x, y }) =>
        ops.add(ops.crossEntropy(nn.forward(w, x), y, { weights: h.examples }), nn.l2(w, h.penalty)),
      dynamics: momentum({ rate: 1, decay: 0.7 }),
      steps,
    },
    valid: {
      loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), ops.mul(h.outer, nn.l2(w, h.penalty))),
    },
  });

test("logistic regression at its minimum is what central differences say", async () => {
  const rollout = await rolloutOf(logistic(800), engine, { trustEngine: false });
  const truth = await numbersOf(rollout, finiteDifference());
  expect(flat(truth.direct).every((d) => d === 0)).toBe(false);
  for (const solver of SOLVERS) {
    const { gradient, direct } = await numbersOf(rollout, implicit({ solver, tolerance: 1e-9, iterations: 5000 }));
    expect(direct).toEqual(truth.direct);
    for (const name of Object.keys(direct))
      expect(relativeError(gradient[name]!, truth.gradient[name]!), `${solver}, ${name}`).toBeLessThan(1e-6);
  }
  expect(rollout.unverified).toEqual([]);
});

describe("what a minimum does not depend on is refused", () => {
  const spec = (change: object): Experiment =>
    defineExperiment({
      data,
      params: nn.mlp([4, 3]),
      hyper: { penalty: hyper.scalar(0.05, { transform: "log" }), other: hyper.scalar(0.5) },
      train: trains({}),
      valid: { loss: (w: never, _: never, { x, y }: Labelled) => ops.crossEntropy(nn.forward(w, x), y) },
      ...change,
    } as never);
  type Labelled = { readonly x: ops.Tensor; readonly y: ops.Tensor };
  type Seen = { readonly penalty: ops.Tensor; readonly other: ops.Tensor };
  const trains = (change: object): object => ({
    loss: (w: never, h: Seen, { x, y }: Labelled) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.penalty)), // prettier-ignore
    dynamics: sgd({ rate: 0.5 }),
    steps: 6,
    ...change,
  });

  test.each([
    ["a rate", { train: trains({ dynamics: ({ other }: Seen) => sgd({ rate: other }) }) }, "other enters training through the dynamics alone"],
    ["an initial scale", { initial: (w: readonly nn.Layer<ops.Tensor>[], { other }: Seen) => w.map(({ W, b }) => ({ W: ops.mul(other, W), b })) }, "other enters training through the initial weights alone"],
    ["a rate for every step", { hyper: { penalty: hyper.scalar(0.05), other: hyper.scalar(0.5, { perStep: true }) }, train: trains({ dynamics: ({ other }: Seen) => sgd({ rate: other }) }) }, "through the dynamics alone"],
    ["a penalty for every step", { hyper: { penalty: hyper.scalar(0.05, { perStep: true }) } }, "penalty gives the training loss another value at every step"],
    ["a number for each example of a minibatch", { hyper: { penalty: hyper.array({ data: formula(3, 8), shape: [8] }) }, train: trains({ batch: 8, loss: (w: never, h: Seen, { x, y }: Labelled) => ops.crossEntropy(nn.forward(w, x), y, { weights: h.penalty }) }) }, "only on minibatches of 8"],
  ])("%s", async (_, change, message) => {
    const rollout = await rolloutOf(spec(change), engine);
    for (const force of [false, true])
      await expect(implicit({ force }).run(rollout)).rejects.toMatchObject(failure("unsupported", message));
  }); // prettier-ignore

  test("but not what the loss holds as well, nor what the outer loss alone holds", async () => {
    const both = { dynamics: ({ penalty }: Seen) => sgd({ rate: ops.mul(8, penalty) }), steps: 1500 };
    const outer = { loss: (w: never, { other }: Seen, { x, y }: Labelled) => ops.mul(other, ops.crossEntropy(nn.forward(w, x), y)) }; // prettier-ignore
    const rollout = await rolloutOf(spec({ train: trains(both), valid: outer }), engine);
    const exact = await numbersOf(rollout, reverse());
    const { gradient } = await numbersOf(rollout, implicit({ tolerance: 1e-10 }));
    expect(relativeError(flat(gradient), flat(exact.gradient))).toBeLessThan(1e-8);
  });
});

/** L = ½ λ (a² − b²) + a − b, a saddle at (−1/λ, −1/λ), where training starts; f = ½ (a² + 3 b²), and df/dλ = −4/λ³. */
const saddle = defineExperiment({
  data: { train: { x: { data: Float64Array.of(1), shape: [1] } }, valid: { x: { data: Float64Array.of(1), shape: [1] } } },
  params: { w: nn.given([2], [-0.5, -0.5]) },
  hyper: { lambda: hyper.scalar(2) },
  train: {
    loss: ({ w }, { lambda }) => ops.add(ops.mul(ops.mul(0.5, lambda), ops.sum(ops.mul(ops.literal([1, -1], [2]), ops.square(w)))), ops.sum(ops.mul(ops.literal([1, -1], [2]), w))),
    dynamics: sgd({ rate: 0.1 }),
    steps: 3,
  },
  valid: { loss: ({ w }) => ops.mul(0.5, ops.sum(ops.mul(ops.literal([1, 3], [2]), ops.square(w)))) },
}); // prettier-ignore

test("where the Hessian is indefinite: cg and the series say so, the normal equations hold", async () => {
  const rollout = await rolloutOf(saddle, engine);
  await expect(implicit().run(rollout)).rejects.toMatchObject(failure("not-converged", "direction of curvature -"));
  await expect(implicit({ solver: "neumann" }).run(rollout)).rejects.toMatchObject(failure("not-converged", "grows"));
  await expect(implicit({ solver: "fixed-point" }).run(rollout)).rejects.toMatchObject(failure("not-converged"));
  const { gradient } = await numbersOf(rollout, implicit({ solver: "normal-cg" }));
  expect(gradient["lambda"]![0]).toBeCloseTo(-4 / 8, 10);
});

test("where the outer loss does not depend on the weights, only the direct part is left", async () => {
  const { spec } = saddle;
  const rollout = await rolloutOf(
    defineExperiment({
      ...spec,
      valid: { loss: (_: never, { lambda }: { lambda: ops.Tensor }) => ops.square(lambda) },
    } as never),
    engine,
  );
  for (const solver of SOLVERS)
    expect((await numbersOf(rollout, implicit({ solver }))).gradient["lambda"]![0]).toBeCloseTo(4, 14);
});

describe("what a caller sees of a refusal", () => {
  const HERE = { engine: "native", precision: "float64", worker: false } as const;

  test("an outcome, not a number", async () => {
    const result = await hypergradient(plain.ridge(2), implicit(), HERE);
    expect(result).toMatchObject({ outcome: "not-stationary" });
    expect(result).not.toHaveProperty("gradient");
    const short = await hypergradient(plain.ridge(300), implicit({ iterations: 1 }), HERE);
    expect(short).toMatchObject({ outcome: "not-converged" });
    expect(await hypergradient(plain.ridge(300), implicit(), HERE)).toMatchObject({ outcome: "ok" });
  });

  test("a study whose first step is refused fails; one refused later keeps what it reached", async () => {
    const optimizer = { name: "test", init: () => null, update: (g: Readonly<Record<string, Float64Array>>) => ({ change: { penalty: g["penalty"]!.map(() => -12) }, state: null }) }; // prettier-ignore
    const options = { ...HERE, optimizer, method: implicit(), outerSteps: 3 } as const;
    await expect(tune(plain.ridge(2), options)).rejects.toMatchObject(failure("not-stationary"));
    // Without penalties the flattest direction has not been walked to its end.
    const result = await tune(plain.ridge(22), options);
    expect(result).toMatchObject({ stop: "not-stationary", best: 0 });
    expect(result.steps).toHaveLength(1);
  });
});

describe("what it holds", () => {
  test.each(SOLVERS)("%s: the state after training, and nothing when it refuses or is cancelled", async (solver) => {
    const watched = watch(engine);
    let left = Infinity;
    const signal = {
      get aborted() {
        return left < 0;
      },
    } as AbortSignal;
    const onProgress = (phase: string): void => void (phase === "compile" || left--);
    const rollout = (await rolloutOf(plain.ridge(40), watched, { signal, onProgress })).at(plain.POINT);
    await numbersOf(rollout, implicit({ solver }));
    const before = watched.held();
    const { final } = await implicit({ solver }).run(rollout);
    expect(watched.held() - before).toBe(Object.keys(final).length);
    rollout.free(final);
    await expect(implicit({ solver, iterations: 1, tolerance: 1e-12 }).run(rollout)).rejects.toMatchObject(failure("not-converged")); // prettier-ignore
    expect(watched.held()).toBe(before);
    for (const at of [0, 1, 3, 4]) {
      left = at;
      const run = implicit({ solver, tolerance: 1e-12 }).run(rollout);
      await expect(run).rejects.toMatchObject(failure("cancelled"));
      expect(watched.held(), `cancelled at event ${at}`).toBe(before);
    }
  });
});

test.each([
  [{ solver: "gmres" as never }, 'solver "gmres"'],
  [{ tolerance: 0 }, "tolerance 0"],
  [{ iterations: 0 }, "0 iterations"],
  [{ solver: "cg", rate: 1 }, "a rate for cg"],
  [{ solver: "neumann", rate: -1 }, "rate -1"],
] as const)("refuses %o", (options, message) => {
  expect(() => implicit(options)).toThrow(expect.objectContaining(failure("invalid-argument", message)));
});
