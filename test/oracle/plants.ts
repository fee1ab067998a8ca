import type { Dynamics } from "../../src/dynamics/dynamics.ts";
import type { Derivative } from "../../src/autodiff/rules.ts";
import { drmad } from "../../src/hypergradient/drmad.ts";
import type { Method } from "../../src/hypergradient/method.ts";
import { reverse } from "../../src/hypergradient/reverse.ts";
import type { Problem } from "../../src/problem/problem.ts";
import type { Path } from "../../src/rollout/path.ts";
import type { Rollout, SweepRun } from "../../src/rollout/rollout.ts";
import * as ops from "../../src/tensor/ops.ts";
import { sizeOf } from "../../src/tensor/shape.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";

/** What checks a hypergradient from outside our own derivatives. */
export type Leg = "PyTorch" | "central differences";

type Around<T> = (inner: T) => T;

/** Where a bug goes. Each leaves the rest as it is. */
export interface Sown {
  /** The step of momentum. */
  readonly step?: Dynamics["step"];
  /** Second derivatives of a step: of the loss in the first n, the weights, and in the hyperparameters. */
  readonly second?: (values: readonly Derivative[], n: number) => readonly Derivative[];
  readonly where?: (condition: Tensor, a: unknown, b: Tensor) => Tensor | undefined;
  readonly maximum?: (a: Tensor) => Tensor | undefined;
  readonly problem?: Around<Problem>;
  readonly rollout?: Around<Rollout>;
}

export interface Plant {
  readonly name: string;
  /** The PyTorch case that shows it, by a part of its name. */
  readonly at: "L2 per input" | "rate per step" | "initial scale" | "reparametrised";
  readonly method: Method;
  readonly sown: Sown;
  readonly caughtBy: readonly Leg[];
}

const { add, detach, mul, sub } = ops;
/** The value of one expression with the derivative of another. */
const disguised = (value: Tensor, derivative: Tensor): Tensor => add(detach(sub(value, derivative)), derivative);

type Parts = Readonly<Record<"w" | "v" | "g" | "alpha" | "gamma", Tensor>>;
/** Momentum with a wrong velocity or weight, given all of its parts and the right velocity. */
const stepping =
  (wrong: {
    velocity?: (p: Parts, right: Tensor) => Tensor;
    weight?: (p: Parts, velocity: Tensor) => Tensor;
  }): Dynamics["step"] =>
  ({ weight, slots }, g, settings) => {
    const p: Parts = { w: weight, v: slots["velocity"]!, g, alpha: settings["rate"]!, gamma: settings["decay"]! };
    const right = sub(mul(p.gamma, p.v), mul(sub(1, p.gamma), g));
    const velocity = wrong.velocity?.(p, right) ?? right;
    return { weight: wrong.weight?.(p, velocity) ?? add(p.w, mul(p.alpha, velocity)), slots: { velocity } };
  };

/** Sweeps over a changed path. */
const overPath =
  (change: (path: Path) => Partial<Path>): Around<Rollout> =>
  (rollout) => ({
    ...rollout,
    sweep: (path) => rollout.sweep({ ...path, ...change(path) }),
  });
/** Sweeps that do something else on their way. */
const onTheWay =
  (change: (run: SweepRun, steps: number) => Partial<SweepRun>): Around<Rollout> =>
  (rollout) => ({
    ...rollout,
    async sweep(path) {
      const sweep = await rollout.sweep(path);
      return {
        ...sweep,
        async begin(outer) {
          const run = await sweep.begin(outer);
          return { ...run, ...change(run, rollout.steps) };
        },
      };
    },
  });
/** Another part of the direct gradient. */
const directTimes =
  (factor: number): Around<Rollout> =>
  (rollout) => ({
    ...rollout,
    async outer(final) {
      const outer = await rollout.outer(final);
      const direct = Object.fromEntries(
        Object.entries(outer.direct).map(([name, v]) => [name, v.map((x) => factor * x)]),
      );
      return { ...outer, direct };
    },
  });
/** Minibatches that are others on the way back. */
function onTheWayBack(row: (t: number) => number): Required<Pick<Sown, "problem" | "rollout">> {
  let back = false;
  return {
    problem: (problem) => ({ ...problem, sampler: (t) => problem.sampler(back ? row(t) : t) }),
    rollout: onTheWay((run) => {
      back = true;
      return {
        async finish(reachesStart) {
          back = false;
          return run.finish(reachesStart);
        },
      };
    }),
  };
}
/** Hyperparameters as losses and dynamics see them, changed. */
const seenAs =
  (change: (value: Tensor, shared: number) => Tensor): Around<Problem> =>
  (problem) => ({
    ...problem,
    hypers: {
      ...problem.hypers,
      arrange: (value) =>
        problem.hypers.arrange((name) => {
          const layer = problem.weights.filter(({ path }) => name.endsWith(`.${path.split(".")[0]}`));
          return change(
            value(name),
            Math.max(
              1,
              layer.reduce((n, { shape }) => n + sizeOf(shape), 0),
            ),
          );
        }),
    },
  });
const untransformed: Around<Problem> = (problem) => ({
  ...problem,
  hypers: {
    ...problem.hypers,
    tensors: problem.hypers.tensors.map((t) => ({
      ...t,
      transform: { ...t.transform, natural: (u: Tensor) => disguised(t.transform.natural(u), u) },
    })),
  },
});
const isStep = (x: Tensor | undefined): boolean => x?.op === "input" && x.attributes.name === "t";
const isPreviousStep = (a: Tensor): boolean => a.op === "sub" && isStep(a.inputs[0]);

const both = ["PyTorch", "central differences"] as const;
const exact = (name: string, at: Plant["at"], sown: Sown, caughtBy: readonly Leg[] = both): Plant => ({ name, at, method: reverse(), sown, caughtBy }); // prettier-ignore
const approximate = (name: string, at: Plant["at"], sown: Sown, method = drmad()): Plant => ({ name, at, method, sown, caughtBy: ["PyTorch"] }); // prettier-ignore

export const PLANTS: readonly Plant[] = [
  exact("wrong sign of dv", "L2 per input", {
    step: stepping({
      velocity: ({ v, g, gamma }, right) => disguised(right, sub(mul(-1, mul(gamma, v)), mul(sub(1, gamma), g))),
    }),
  }),
  exact("dv not decayed by γ", "L2 per input", {
    step: stepping({ velocity: ({ v, g, gamma }, right) => disguised(right, sub(v, mul(sub(1, gamma), g))) }),
  }),
  exact("(1−γ) dropped", "L2 per input", {
    step: stepping({ velocity: ({ v, g, gamma }, right) => disguised(right, sub(mul(gamma, v), g)) }),
  }),
  exact("old velocity in the weight update, on the way back", "L2 per input", {
    step: stepping({ weight: ({ w, v, alpha }, velocity) => add(w, disguised(mul(alpha, velocity), mul(alpha, v))) }),
  }),
  // Differences cannot see this: training and its adjoint are wrong alike.
  exact(
    "old velocity in the weight update, both ways",
    "L2 per input",
    { step: stepping({ weight: ({ w, v, alpha }) => add(w, mul(alpha, v)) }) },
    ["PyTorch"],
  ),
  exact("dα with v_t", "rate per step", {
    step: stepping({
      weight: ({ w, v, alpha }, velocity) =>
        add(w, disguised(mul(alpha, velocity), add(mul(detach(alpha), velocity), mul(alpha, detach(v))))),
    }),
  }),
  exact("dγ with the updated velocity", "rate per step", {
    step: stepping({
      velocity: ({ v, g, gamma }, right) => {
        const fixed = detach(gamma);
        const through = sub(mul(fixed, v), mul(sub(1, fixed), g));
        return disguised(right, add(through, mul(gamma, detach(add(right, g)))));
      },
    }),
  }),
  exact("mixed product silently zero", "L2 per input", {
    second: (values, n) => values.map((v, i) => (i < n ? v : null)),
  }),
  exact("mixed product with the wrong sign", "L2 per input", {
    second: (values, n) => values.map((v, i) => (i < n || v === null ? v : mul(-1, v))),
  }),
  exact("curvature dropped", "L2 per input", { second: (values, n) => values.map((v, i) => (i < n ? null : v)) }),
  exact("direct part dropped", "reparametrised", { rollout: directTimes(0) }),
  exact("direct part doubled", "reparametrised", { rollout: directTimes(2) }),
  exact("last steps dropped", "reparametrised", {
    rollout: onTheWay((run, steps) => ({
      back: async (range, tensors) => (range.to === steps ? true : run.back(range, tensors)),
    })),
  }),
  exact("first step dropped", "reparametrised", {
    rollout: onTheWay((run) => ({
      back: async (range, tensors) => (range.from === 0 ? true : run.back(range, tensors)),
    })),
  }),
  exact(
    "first tenth of the minibatches in an exact method",
    "L2 per input",
    onTheWayBack((t) => Math.floor(t / 10)),
  ),
  exact(
    "minibatch of the step after",
    "L2 per input",
    onTheWayBack((t) => t + 1),
  ),
  exact("nothing through the start", "initial scale", {
    rollout: onTheWay((run) => ({ finish: () => run.finish(false) })),
  }),
  exact("mean instead of sum over a shared group", "rate per step", {
    problem: seenAs((value, shared) => disguised(value, mul(1 / shared, value))),
  }),
  exact("derivative in natural values instead of coordinates", "initial scale", { problem: untransformed }),
  approximate("path index wrapping at step 0: v_0 recovered", "rate per step", {
    where: (condition, a, b) => (condition.op === "equal" && isStep(condition.inputs[0]) && a === 0 ? b : undefined),
  }),
  approximate("v_t recovered with the rate of step t", "rate per step", {
    maximum: (a) => (isPreviousStep(a) ? a.inputs[0] : undefined),
  }),
  approximate("line sampled one step late", "reparametrised", {
    rollout: overPath((path) => ({
      state: (leaf, context) => path.state(leaf, { ...context, t: add(context.t, ops.cast(ops.constant(1), "int")) }),
    })),
  }),
  approximate("line walked from its end", "reparametrised", {
    rollout: overPath((path) => ({
      state: (leaf, context) =>
        path.state(leaf, { ...context, t: sub(ops.constant(path.length - 1, [], "int"), context.t) }),
    })),
  }),
  approximate("last step dropped", "reparametrised", {
    rollout: onTheWay((run) => ({ back: ({ from, to }, tensors) => run.back({ from, to: to - 1 }, tensors) })),
  }),
  approximate(
    "T/10 samples scaled up by ten",
    "reparametrised",
    {
      rollout: onTheWay((run) => ({
        async finish(reachesStart) {
          const { gradient, ...rest } = await run.finish(reachesStart);
          return {
            ...rest,
            gradient: Object.fromEntries(Object.entries(gradient).map(([name, v]) => [name, v.map((x) => 10 * x)])),
          };
        },
      })),
    },
    drmad({ samples: "T/10" }),
  ),
  approximate(
    "T/10 samples spread over all minibatches",
    "reparametrised",
    onTheWayBack((t) => 10 * t),
    drmad({ samples: "T/10" }),
  ),
];
