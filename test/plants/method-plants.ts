import { RUN_SWEEP, rowsBack, SWEEP, type Plant } from "./plant.ts";

/** Bugs in where a method takes the training state from, and in methods that do not go back at all. */
export const METHOD_PLANTS: readonly Plant[] = [
  // Storage in less space.
  {
    name: "one int8 scale for all steps",
    file: "src/hypergradient/reverse.ts",
    edits: [
      [
        'import { gather } from "../tensor/layout.ts";',
        'import { gather } from "../tensor/layout.ts"; import { constant } from "../tensor/ops.ts";',
      ],
      [
        'row(scaleName(name), [], "float")',
        'gather(input(storedName(scaleName(name)), [1], { rows: true }), constant(0, [], "int"))',
      ],
    ],
    legs: ["PyTorch: reverse int8, reparametrised"],
  },
  {
    name: "int8 scale for half the range",
    file: "src/tensor/pack.ts",
    edits: [["div(max(abs(x)), 127)", "div(max(abs(x)), 254)"]],
    legs: ["PyTorch: reverse int8, reparametrised"],
  },
  {
    name: "packed with one scale, unpacked with another",
    file: "src/tensor/pack.ts",
    edits: [
      [
        'return { values: node("pack", [x, scale], {}, x.shape, as), scale };',
        'return { values: node("pack", [x, scale], {}, x.shape, as), scale: div(scale, 127 / 128) };',
      ],
    ],
    legs: ["PyTorch: reverse int8, reparametrised"],
  },
  // Training taken back.
  {
    name: "unquantised γ in the adjoint of reversible",
    file: "src/rollout/reversal.ts",
    edits: [["const problem = withQuantisedDecay(original.problem);", "const problem = original.problem;"]],
    legs: ["differences: reversible, decay between n/d"],
  },
  {
    name: "truncated instead of floored division in the kernel",
    file: "src/engine/reversal/assembler.ts",
    edits: [["floor: one(117)", "floor: one(122)"]],
    legs: ["whole numbers: fixed-point velocities"],
  },
  {
    name: "(1−γ) of the kernel is γ",
    file: "src/engine/reversal/kernel.ts",
    edits: [
      [
        "mul(sub(d, n), constant(VELOCITY_RADIX / DECAY_DENOMINATOR))",
        "mul(n, constant(VELOCITY_RADIX / DECAY_DENOMINATOR))",
      ],
    ],
    legs: ["PyTorch: reversible, reparametrised", "whole numbers: fixed-point velocities"],
  },
  {
    name: "rate of the kernel doubled",
    file: "src/engine/reversal/fixed-point.ts",
    edits: [["else rates.fill(rate[0]! * UNITS);", "else rates.fill(rate[0]! * UNITS * 2);"]],
    legs: ["PyTorch: reversible, reparametrised"],
  },
  // Straight and piecewise lines.
  {
    name: "path index wrapping at step 0",
    file: SWEEP,
    edits: [
      ["import { abs, add, equal, maximum,", "import { abs, add, equal, maximum, mul,"],
      ["where(equal(STEP, 0), 0, recovered)", "where(equal(STEP, 0), mul(1 - path.length, recovered), recovered)"],
    ],
    legs: ["PyTorch: drmad, rate per step", "by hand: drmad, 4 snapshots"],
  },
  {
    name: "v_t recovered with the rate of step t",
    file: SWEEP,
    edits: [['const t = when === "after" ? STEP : maximum(sub(STEP, 1), 0);', "const t = STEP;"]],
    legs: ["PyTorch: drmad, rate per step", "by hand: drmad, 4 snapshots"],
  },
  {
    name: "line sampled one step late",
    file: "src/hypergradient/line.ts",
    edits: [
      [
        'line("drmad", steps, steps, (t) => mul(t, 1 / steps))',
        'line("drmad", steps, steps, (t) => mul(add(t, 1), 1 / steps))',
      ],
    ],
    legs: ["PyTorch: drmad, reparametrised"],
  },
  {
    name: "line walked from its end",
    file: "src/hypergradient/line.ts",
    edits: [
      [
        'line("drmad", steps, steps, (t) => mul(t, 1 / steps))',
        'line("drmad", steps, steps, (t) => mul(sub(steps - 1, t), 1 / steps))',
      ],
    ],
    legs: ["PyTorch: drmad, reparametrised"],
  },
  {
    name: "last step of the line dropped",
    file: "src/hypergradient/drmad.ts",
    edits: [["range: { from: 0, to: path.length }", "range: { from: 0, to: path.length - 1 }"]],
    legs: ["PyTorch: drmad, reparametrised"],
  },
  {
    name: "T/10 samples scaled up by ten",
    file: "src/hypergradient/drmad.ts",
    edits: [
      [
        "...swept };",
        "...swept, gradient: Object.fromEntries(Object.entries(swept.gradient).map(([name, v]) => [name, v.map((x, i) => outer.direct[name][i] + 10 * (x - outer.direct[name][i]))])) };",
      ],
    ],
    legs: ["PyTorch: drmad T/10, reparametrised"],
  },
  {
    name: "T/10 samples spread over all minibatches",
    file: RUN_SWEEP,
    edits: rowsBack("10 * t"),
    legs: ["PyTorch: drmad T/10, reparametrised"],
  },
  {
    name: "weights of the two snapshots swapped",
    file: "src/hypergradient/knots.ts",
    edits: [["return add(left, mul(at, span));", "return add(left, mul(sub(1, at), span));"]],
    legs: ["by hand: drmad, 4 snapshots"],
  },
  {
    name: "velocity before a block's first step taken from that block",
    file: "src/hypergradient/knots.ts",
    edits: [['where(less(cast(t, "float"), timeAt(0, c)), slope(-1), slope(0))', "slope(0)"]],
    legs: ["by hand: drmad, 4 snapshots"],
  },
  {
    name: "truncated with a step too many",
    file: "src/hypergradient/truncated.ts",
    edits: [["const from = T - K;", "const from = T - K - 1;"]],
    legs: ["by hand: truncated"],
  },
  // Forwards, online, at a minimum, by sampling.
  {
    name: "tangents of the initial weights dropped",
    file: "src/rollout/forward.ts",
    edits: [
      [
        "const moved = jvp(initial, symbols.raw, directionsOf(problem, symbols, j));",
        "const moved = initial.map(() => null);",
      ],
    ],
    legs: ["PyTorch: forward, initial scale", "differences: forward, initial scale"],
  },
  {
    name: "tangents lost between chunks",
    file: "src/rollout/forward.ts",
    edits: [
      [
        "Object.fromEntries(carried.map((name) => [name, result[name]!]))",
        "Object.fromEntries(carried.map((name) => [name, name.startsWith('tangent') && steps.to < problem.steps ? carry[name] : result[name]]))",
      ],
      ["free(rows, carry);", ""],
    ],
    legs: ["PyTorch: forward, reparametrised"],
  },
  {
    name: "implicit part with the wrong sign",
    file: "src/hypergradient/implicit.ts",
    edits: [["d.map((v, i) => v - mixed[name]![i]!)", "d.map((v, i) => v + mixed[name]![i])"]],
    legs: ["solved: implicit, cg"],
  },
  {
    name: "Hessian doubled at the minimum",
    file: "src/rollout/whole.ts",
    edits: [
      ["import { add, neg, square }", "import { add, mul, neg, square }"],
      ["dense(product[i]!, weights[i]!)", "mul(2, product[i])"],
    ],
    legs: ["solved: implicit, cg", "solved: implicit, neumann"],
  },
  {
    name: "mixed product at the minimum in natural values",
    file: "src/rollout/whole.ts",
    edits: [['vectorOf(problem, "vector"), symbols.raw)', 'vectorOf(problem, "vector"), symbols.natural)']],
    legs: ["solved: implicit, cg", "solved: implicit, fixed-point"],
  },
  {
    name: "oneStep at the weights of the step before",
    file: "src/hypergradient/one-step.ts",
    edits: [["range: { from, to: to - 1 } }", "range: { from, to: to - 2 } }"]],
    legs: ["by hand: oneStep"],
  },
  {
    name: "oneStep with the sum instead of the mean",
    file: "src/hypergradient/one-step.ts",
    edits: [["sum[name]![i]! / count + d", "sum[name][i] + d"]],
    legs: ["by hand: oneStep"],
  },
  {
    name: "evograd's shares not normalised",
    file: "src/rollout/merge.ts",
    edits: [
      ["import { add, mul } from", "import { add, exp, mul } from"],
      ["softmax(mul(losses, -1 / temperature))", "exp(mul(losses, -1 / temperature))"],
    ],
    legs: ["formula: evograd at two temperatures"],
  },
  {
    name: "persistentEvolution weighs by the last perturbation alone",
    file: "src/hypergradient/particle.ts",
    edits: [["total: drawn.reduce(addPoints, table)", "total: addPoints(drawn.at(-1), table)"]],
    legs: ["formula: persistentEvolution"],
  },
];
