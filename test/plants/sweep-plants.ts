import { RUN_SWEEP, rowsBack, SWEEP, type Plant } from "./plant.ts";

/** The value of one expression with the derivative of another, for bugs on the way back alone. */
const DISGUISED = 'import { detach } from "../tensor/layout.ts"; const disguised = (value, d) => add(detach(sub(value, d)), d);'; // prettier-ignore
const ELEMENTWISE = 'import { add, div, mul, sub } from "../tensor/elementwise.ts";';
const VELOCITY = 'const velocity = sub(mul(decay!, slots["velocity"]!), mul(sub(1, decay!), gradient));';
const WEIGHT = "weight: add(weight, mul(rate!, velocity))";
const MOMENTUM = "src/dynamics/momentum.ts";
const withDisguise: Plant["edits"][0] = [ELEMENTWISE, ELEMENTWISE + DISGUISED];
/** Momentum whose velocity has another derivative, given as an expression of v, g, decay and the right velocity. */
const velocity = (derivative: string): Plant["edits"] => [
  withDisguise,
  [VELOCITY, `const [v, g] = [slots["velocity"], gradient]; ${VELOCITY.replace("velocity", "right")} const velocity = disguised(right, ${derivative});`], // prettier-ignore
];
const weight = (derivative: string): Plant["edits"] => [
  withDisguise,
  [WEIGHT, `weight: add(weight, disguised(mul(rate, velocity), ${derivative}))`],
];

const PROGRAMS = "src/rollout/programs.ts";
const FINISH = "return [`gradient/${name}`, value ? add(value, direct) : direct];";
const L2 = ["PyTorch: reverse, L2 per input", "differences: reverse, L2 per input"] as const;
const SCHEDULE = ["PyTorch: reverse, rate per step", "differences: reverse, rate per step"] as const;
const SCALE = ["PyTorch: reverse, initial scale", "differences: reverse, initial scale"] as const;
const REPARAMETRISED = ["PyTorch: reverse, reparametrised", "differences: reverse, reparametrised"] as const;
/** Bugs in what all reverse methods share. */
export const SWEEP_PLANTS: readonly Plant[] = [
  // The adjoint of momentum.
  {
    name: "wrong sign of dv",
    file: MOMENTUM,
    edits: velocity("sub(mul(-1, mul(decay, v)), mul(sub(1, decay), g))"),
    legs: L2,
  },
  { name: "dv not decayed by γ", file: MOMENTUM, edits: velocity("sub(v, mul(sub(1, decay), g))"), legs: L2 },
  { name: "(1−γ) dropped", file: MOMENTUM, edits: velocity("sub(mul(decay, v), g)"), legs: L2 },
  {
    name: "(1−γ) outside the product for a γ per group",
    file: SWEEP,
    edits: [
      ["import { abs, add, equal,", "import { abs, add, div, equal, mul,"],
      [
        "const second = secondProduct(step.loss, weights, u, [...weights, ...nodes]);",
        `const keeps = problem.weights.map(({ path, shape }) => sub(1, settingsAt(problem.dynamics(step.hypers.tree), path, shape)["decay"]));
         const second = secondProduct(step.loss, weights, u.map((x, i) => x && div(x, keeps[i])), [...weights, ...nodes]).map((x, i) => (x && i < n ? mul(keeps[i], x) : x));`,
      ],
    ],
    legs: SCHEDULE,
  },
  {
    name: "old velocity in the weight update, on the way back",
    file: MOMENTUM,
    edits: weight('mul(rate, slots["velocity"])'),
    legs: L2,
  },
  // Differences cannot see this one: training and its adjoint are wrong alike.
  {
    name: "old velocity in the weight update, both ways",
    file: MOMENTUM,
    edits: [[WEIGHT, 'weight: add(weight, mul(rate, slots["velocity"]))']],
    legs: ["PyTorch: reverse, L2 per input", "by hand: reverse"],
  },
  {
    name: "dα with v_t",
    file: MOMENTUM,
    edits: weight('add(mul(detach(rate), velocity), mul(rate, detach(slots["velocity"])))'),
    legs: SCHEDULE,
  },
  {
    name: "dγ with the updated velocity",
    file: MOMENTUM,
    edits: velocity(
      "add(sub(mul(detach(decay), v), mul(sub(1, detach(decay)), g)), mul(decay, detach(add(right, g))))",
    ),
    legs: SCHEDULE,
  },
  // Second derivatives.
  {
    name: "mixed product silently zero",
    file: SWEEP,
    edits: [["const mixed = second[n + i];", "const mixed = null;"]],
    legs: L2,
  },
  {
    name: "mixed product with the wrong sign",
    file: SWEEP,
    edits: [["const mixed = second[n + i];", "const mixed = second[n + i] && sub(0, second[n + i]);"]],
    legs: L2,
  },
  {
    name: "curvature dropped",
    file: SWEEP,
    edits: [["const through = i < n ? second[i] : null;", "const through = null;"]],
    legs: L2,
  },
  {
    name: "derivative of tanh held constant where it is differentiated again",
    file: "src/autodiff/rules.ts",
    edits: [
      ["import { alias, concat,", "import { alias, concat, detach,"],
      ["tanh: elementwise((y) => sub(1, square(y)))", "tanh: elementwise((y) => sub(1, square(detach(y))))"],
    ],
    legs: L2,
  },
  {
    name: "softplus differentiated as if it were relu",
    file: "src/autodiff/rules.ts",
    edits: [["softplus: elementwise((y) => sigmoid(x0(y)))", "softplus: elementwise((y) => mask(less(0, x0(y))))"]],
    legs: SCALE,
  },
  // The direct part, sharing, transforms.
  {
    name: "direct part dropped",
    file: PROGRAMS,
    edits: [[FINISH, "return [`gradient/${name}`, value ?? direct];"]],
    legs: REPARAMETRISED,
  },
  {
    name: "direct part doubled",
    file: PROGRAMS,
    edits: [[FINISH, "return [`gradient/${name}`, value ? add(add(value, direct), direct) : direct];"]],
    legs: REPARAMETRISED,
  },
  {
    name: "mean instead of sum over a shared group",
    file: PROGRAMS,
    edits: [
      [
        'import { add, square } from "../tensor/elementwise.ts";',
        'import { add, mul, square } from "../tensor/elementwise.ts"; import { sizeOf } from "../tensor/shape.ts";',
      ],
      [
        "const value = through[i];",
        "const group = problem.weights.filter(({ path }) => name.endsWith(`.${path.split('.')[0]}`)).reduce((n, w) => n + sizeOf(w.shape), 0); const value = through[i] && (group > 0 ? mul(through[i], sizeOf(shape) / group) : through[i]);",
      ],
    ],
    legs: SCALE,
  },
  {
    name: "derivative of the transform missing",
    file: "src/rollout/hypers.ts",
    edits: [
      [
        'import { gather, input } from "../tensor/layout.ts";',
        'import { detach, gather, input } from "../tensor/layout.ts"; import { add, sub } from "../tensor/elementwise.ts";',
      ],
      [
        "tensors.map((t, i) => t.transform.natural(raw[i]!))",
        "tensors.map((t, i) => add(detach(sub(t.transform.natural(raw[i]), raw[i])), raw[i]))",
      ],
    ],
    legs: SCALE,
  },
  // The walk back.
  {
    name: "last step dropped",
    file: "src/hypergradient/sweep-back.ts",
    edits: [
      [
        "const run = await sweep.begin(outer);",
        "const run = await sweep.begin(outer); let first = true; const { back } = run; run.back = (...all) => (first ? ((first = false), true) : back(...all));",
      ],
    ],
    legs: REPARAMETRISED,
  },
  {
    name: "first step dropped",
    file: "src/hypergradient/sweep-back.ts",
    edits: [["await run.back(range, tensors)", "await (range.from === 0 ? true : run.back(range, tensors))"]],
    legs: REPARAMETRISED,
  },
  {
    name: "nothing through the start",
    file: "src/hypergradient/sweep-back.ts",
    edits: [["return await run.finish(reachesStart);", "return await run.finish(false);"]],
    legs: SCALE,
  },
  {
    name: "first tenth of the minibatches in an exact method",
    file: RUN_SWEEP,
    edits: rowsBack("Math.floor(t / 10)"),
    legs: L2,
  },
  { name: "minibatches one step late on the way back", file: RUN_SWEEP, edits: rowsBack("t + 1"), legs: L2 },
  {
    name: "adjoint begun anew in every chunk",
    file: RUN_SWEEP,
    edits: [
      ["...constant, ...state.carry, ...given", "...constant, ...state.carry, ...outer.adjoint, ...given"],
      ["if (state.carry !== held) free(state.carry);", ""],
    ],
    legs: REPARAMETRISED,
  },
  {
    name: "training state lost between chunks",
    file: "src/rollout/create.ts",
    edits: [["...constant, ...state, ...rows", "...constant, ...from, ...rows"]],
    legs: ["PyTorch: reverse, reparametrised", "by hand: reverse"],
  },
  {
    name: "table of per-step cotangents in the order of the sweep",
    file: RUN_SWEEP,
    edits: [["t * each + j] = rows[row + j]!", "(table.length / each - 1 - t) * each + j] = rows[row + j]"]],
    legs: SCHEDULE,
  },
  {
    name: "checkpoint off by one step",
    file: "src/hypergradient/checkpointed.ts",
    edits: [
      [
        "rollout.train(state, { range: steps(a, middle) })",
        "rollout.train(state, { range: { ...steps(a, middle), to: steps(a, middle).to - 1 } })",
      ],
    ],
    legs: ["PyTorch: checkpointed, reparametrised", "differences: checkpointed, reparametrised"],
  },
  {
    name: "hyperparameters of the first point for ever",
    file: "src/rollout/shared.ts",
    edits: [["if (held?.point !== point)", "if (held === undefined)"]],
    legs: ["solved: implicit, one point after another"],
  },
  {
    name: "stale kernel after a changed constant",
    file: "src/rollout/merge.ts",
    edits: [["`merge ${copies} ${temperature}`", "`merge ${copies}`"]],
    legs: ["formula: evograd at two temperatures"],
  },
];
