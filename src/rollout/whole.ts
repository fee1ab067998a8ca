import { dense, secondProduct, vjp } from "../autodiff/transform.ts";
import type { Program } from "../engine/engine.ts";
import { DrmadError } from "../errors.ts";
import type { Problem } from "../problem/problem.ts";
import { add, neg, square } from "../tensor/elementwise.ts";
import { dependents, toGraph, type Graph } from "../tensor/graph.ts";
import { input } from "../tensor/layout.ts";
import { sum } from "../tensor/reduce.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { startProgram } from "./programs.ts";
import { hyperInputName, hyperSymbols, type HyperSymbols } from "./hypers.ts";
import { stateLeaves } from "./state.ts";
import { stepSymbols, type StepSymbols } from "./step.ts";

/** One training step whose minibatch is the whole training split, and the weights it starts from. */
interface WholeStep extends StepSymbols {
  readonly symbols: HyperSymbols;
  readonly weights: readonly Tensor[];
}

function wholeStep(problem: Problem, length?: number): WholeStep {
  const symbols = hyperSymbols(problem);
  const step = stepSymbols({ ...problem, batch: undefined }, symbols, (leaf) => input(leaf.name, leaf.shape), length);
  return { ...step, symbols, weights: step.state.slice(0, problem.weights.length) };
}

const perWeight = (problem: Problem, prefix: string, value: (i: number) => Tensor): Record<string, Tensor> =>
  Object.fromEntries(problem.weights.map(({ path }, i) => [`${prefix}/${path}`, value(i)]));

const vectorOf = (problem: Problem, prefix: string): readonly Tensor[] =>
  problem.weights.map(({ path, shape }) => input(`${prefix}/${path}`, shape));

/** H v = ∇²L v on the whole training split. Input `vector/PATH`, output `product/PATH`. */
export function curvatureProgram(problem: Problem, length?: number): Program {
  const { loss, weights } = wholeStep(problem, length);
  const product = secondProduct(loss, weights, vectorOf(problem, "vector"), weights);
  return {
    name: "curvature",
    graph: toGraph(perWeight(problem, "product", (i) => dense(product[i]!, weights[i]!))),
  };
}

/** ∇L and ∂λ⟨∇L, v⟩ on the whole training split. Input `vector/PATH`, outputs `gradient/PATH` and `mixed/NAME`. */
export function crossProgram(problem: Problem, length?: number): Program {
  const { loss, weights, gradients, symbols } = wholeStep(problem, length);
  const mixed = secondProduct(loss, weights, vectorOf(problem, "vector"), symbols.raw);
  return {
    name: "cross derivative",
    graph: toGraph({
      ...perWeight(problem, "gradient", (i) => gradients[i]!),
      ...Object.fromEntries(
        problem.hypers.tensors.map(({ name }, i) => [`mixed/${name}`, dense(mixed[i]!, symbols.raw[i]!)]),
      ),
    }),
  };
}

export const RESIDUAL = "residualSquared";

/**
 * The adjoint of the training step Φ on the whole split, iterated at one state towards its fixed point:
 *
 *     z ← (∂Φ/∂s)ᵀ z + (b, 0)        x = −(∂Φ/∂g)ᵀ z, g = ∇L held apart
 *
 * Inputs `adjoint/LEAF`, `solution/PATH` (only carried), `right/PATH` (b). It keeps ‖b − H x‖² of the x it gives.
 */
export function fixedPointProgram(problem: Problem, length?: number): Program {
  const leaves = stateLeaves(problem);
  const { loss, state, weights, gradients, next } = wholeStep(problem, length);
  const n = weights.length;
  const adjoint = leaves.map((leaf) => input(`adjoint/${leaf.name}`, leaf.shape));
  const right = vectorOf(problem, "right");
  const pulled = vjp(next, [...state, ...gradients], adjoint);
  const u = weights.map((w, i) => dense(pulled[leaves.length + i]!, w));
  const curved = secondProduct(loss, weights, u, weights).map((d, i) => dense(d, weights[i]!));
  const carry: Record<string, string> = {};
  const outputs: Record<string, Tensor> = {};
  const carried = (name: string, value: Tensor): void => {
    carry[name] = `next/${name}`;
    outputs[`next/${name}`] = value;
  };
  leaves.forEach((leaf, i) => {
    const around = dense(pulled[i]!, adjoint[i]!);
    carried(`adjoint/${leaf.name}`, i < n ? add(add(around, curved[i]!), right[i]!) : around);
  });
  problem.weights.forEach(({ path }, i) => carried(`solution/${path}`, neg(u[i]!)));
  outputs[RESIDUAL] = right.map((b, i) => sum(square(add(b, curved[i]!)))).reduce((a, b) => add(a, b));
  return {
    name: "adjoint fixed point",
    graph: toGraph(outputs),
    loop: { carry, scan: [RESIDUAL], direction: "forward" },
  };
}

const isGradient = (name: string): boolean => name.startsWith("gradient/");
const reaches = (graph: Graph, from: string, outputs: (name: string) => boolean): boolean => {
  const reached = dependents(graph, new Set([from]));
  return Object.entries(graph.outputs).some(([name, at]) => outputs(name) && reached[at]);
};

/**
 * That the loss can be stated on the whole split, and that the end of training depends on every hyperparameter by it alone.
 * @throws DrmadError unsupported
 */
export function requireInnerLoss(problem: Problem): void {
  let step: WholeStep;
  try {
    step = wholeStep(problem);
  } catch (error) {
    if (!(error instanceof DrmadError && error.code === "shape-mismatch" && problem.batch !== undefined)) throw error;
    throw new DrmadError(
      "unsupported",
      `the training loss cannot be stated on the whole training split, only on minibatches of ${problem.batch}: ${error.message}`,
      { hint: "Write the loss for any number of rows, or use reverse.", cause: error },
    );
  }
  const graph = toGraph({
    ...perWeight(problem, "gradient", (i) => step.gradients[i]!),
    ...Object.fromEntries(step.next.map((value, i) => [`next/${i}`, value])),
  });
  for (const { name, perStep } of problem.hypers.tensors) {
    const from = hyperInputName(name);
    if (reaches(graph, from, isGradient)) {
      if (!perStep) continue;
      throw new DrmadError("unsupported", `${name} gives the training loss another value at every step`, {
        hint: "A minimum belongs to one loss: use reverse, or one value for all steps.",
      });
    }
    const way = reaches(graph, from, () => true)
      ? "the dynamics"
      : reaches(startProgram(problem).graph, from, () => true)
        ? "the initial weights"
        : undefined;
    if (way === undefined) continue;
    throw new DrmadError(
      "unsupported",
      `${name} enters training through ${way} alone, on which a minimum of the training loss does not depend`,
      { hint: "Its gradient needs a method that follows training, such as reverse or forward." },
    );
  }
}
