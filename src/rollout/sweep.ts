import { dense, secondProduct, vjp } from "../autodiff/transform.ts";
import { settingsAt, type Dynamics } from "../dynamics/dynamics.ts";
import type { Program } from "../engine/engine.ts";
import { DrmadError } from "../errors.ts";
import type { Problem } from "../problem/problem.ts";
import { abs, add, equal, maximum, minimum, square, sub, where } from "../tensor/elementwise.ts";
import { dependents, inputsOf, toGraph } from "../tensor/graph.ts";
import { input } from "../tensor/layout.ts";
import { min, sum } from "../tensor/reduce.ts";
import { substitute } from "../tensor/substitute.ts";
import { topological, type Tensor } from "../tensor/tensor.ts";
import { storedName, type Path, type PathContext } from "./path.ts";
import { hypersAt, hyperSymbols, type HyperSymbols } from "./hypers.ts";
import { BLOCK, PLACE, STEP, stepSymbols, type StepSymbols } from "./step.ts";
import { productsOf } from "./products.ts";
import { stateLeaves, type StateLeaf } from "./state.ts";

/** A node through which hyperparameters enter training, and where its cotangents gather. */
export interface Entry {
  readonly name: string;
  readonly node: Tensor;
  /** Cotangents of every step are kept apart, for the hyperparameter tensor with this index. */
  readonly perStep: number | undefined;
}

export interface SweepProgram {
  readonly program: Program;
  /** Names of state leaves and products that the sweep reads from tables. */
  readonly reads: readonly string[];
  /** Whether it recovers optimiser slots from the weights of the path. */
  readonly recovers: boolean;
  readonly entries: readonly Entry[];
  readonly symbols: HyperSymbols;
}

export const adjointName = (leaf: StateLeaf): string => `adjoint/${leaf.name}`;
export const GROWTH = "adjointSquared";
export const DIVISOR = "divisor";

/**
 * Expressions of hyperparameters alone that steps use, as large as they can be: eᵗ rather than t. The sweep gathers their
 * cotangents; what lies between them and the hyperparameters is differentiated once, after it.
 */
function entriesOf(problem: Problem, symbols: HyperSymbols, step: StepSymbols): readonly Entry[] {
  const picked = step.hypers.picked.filter((x) => x !== undefined);
  const isHyper = new Set(symbols.raw);
  // "fixed" depends on constants only, "hyper" on hyperparameters too, "varying" on the step.
  const kind = new Map<Tensor, "fixed" | "hyper" | "varying">();
  const entries = new Set<Tensor>();
  for (const n of topological([step.loss, ...step.next])) {
    const kinds = n.inputs.map((x) => kind.get(x)!);
    const own = isHyper.has(n)
      ? "hyper"
      : n.op === "input" || n.op === "alias" || kinds.includes("varying")
        ? "varying"
        : kinds.includes("hyper")
          ? "hyper"
          : "fixed";
    kind.set(n, own);
    if (own !== "varying" || picked.includes(n)) continue;
    n.inputs.forEach((x) => kind.get(x) === "hyper" && x.dtype === "float" && entries.add(x));
  }
  for (const y of step.next) if (kind.get(y) === "hyper") entries.add(y);
  return [
    ...[...entries].map((node, i) => ({ name: `entry/shared/${i}`, node, perStep: undefined })),
    ...step.hypers.picked.flatMap((node, i) =>
      node === undefined ? [] : [{ name: `entry/step/${problem.hypers.tensors[i]!.name}`, node, perStep: i }],
    ),
  ];
}

/** Slots before and after the step, recovered from how the path's weights move. */
function recovery(
  problem: Problem,
  symbols: HyperSymbols,
  path: Path,
  context: PathContext,
): (leaf: StateLeaf, when: "before" | "after") => Tensor {
  const dynamicsAt = (t: Tensor): Dynamics => problem.dynamics(hypersAt(problem, symbols, t).tree);
  const { name, recover } = dynamicsAt(STEP);
  if (recover === undefined || path.change === undefined) {
    throw new DrmadError("unsupported", `${path.name} cannot recover the ${problem.slots.join(", ")} of ${name}`, {
      hint: "Use method reverse, which stores them.",
    });
  }
  const change = path.change.bind(path);
  return (leaf, when) => {
    const t = when === "after" ? STEP : maximum(sub(STEP, 1), 0);
    const settings = settingsAt(dynamicsAt(t), leaf.path, leaf.shape);
    const recovered = recover.slots(change(leaf, context, t), settings)[leaf.slot]!;
    return when === "after" ? recovered : where(equal(STEP, 0), 0, recovered);
  };
}

/** The smallest magnitude of the setting that recovery divides by, if it does. */
function divisorOf(problem: Problem, h: unknown): Tensor | undefined {
  const dynamics = problem.dynamics(h);
  const name = dynamics.recover?.divisor;
  if (name === undefined) return undefined;
  return problem.weights
    .map(({ path, shape }) => min(abs(settingsAt(dynamics, path, shape)[name]!)))
    .reduce((a, b) => minimum(a, b));
}

/**
 * The adjoint of one training step at the path's state, as a backward loop:
 *
 *     (dw, ds, u, dλ) += (∂Φ/∂(w, s, g, λ))ᵀ (dw, ds)      g = ∇w L held apart
 *     dw += ∂w⟨g, u⟩,  dλ += ∂λ⟨g, u⟩                       one pass, forward over reverse
 */
export function sweepProgram(problem: Problem, path: Path, length?: number): SweepProgram {
  const leaves = stateLeaves(problem);
  const symbols = hyperSymbols(problem);
  const context: PathContext = {
    t: STEP,
    k: PLACE,
    b: BLOCK,
    input: (name, shape, { dtype = "float", rows = false } = {}) => input(name, shape, dtype, { rows }),
  };
  const recovered = new Set<string>();
  const step = stepSymbols(
    problem,
    symbols,
    (leaf) => {
      const known = path.state(leaf, context);
      if (known !== undefined) return known;
      recovered.add(leaf.name);
      return input(`unknown/${leaf.name}`, leaf.shape);
    },
    length,
  );
  const entries = entriesOf(problem, symbols, step);
  const adjoint = leaves.map((leaf) => input(adjointName(leaf), leaf.shape));
  const nodes = entries.map((entry) => entry.node);
  const n = problem.weights.length;
  const weights = step.state.slice(0, n);

  const pulled = vjp(step.next, [...step.state, ...step.gradients, ...nodes], adjoint);
  const u = pulled.slice(leaves.length, leaves.length + n);
  const second = secondProduct(step.loss, weights, u, [...weights, ...nodes]);

  const before = leaves.map((leaf, i) => {
    const around = dense(pulled[i]!, adjoint[i]!);
    const through = i < n ? second[i] : null;
    return { leaf, value: through ? add(around, through) : around };
  });
  const gathered = entries.map((entry, i) => {
    const direct = pulled[leaves.length + n + i];
    const mixed = second[n + i];
    const total = direct && mixed ? add(direct, mixed) : (direct ?? mixed ?? null);
    return { entry, value: dense(total, entry.node) };
  });
  const outputs: Record<string, Tensor> = {};
  const carry: Record<string, string> = {};
  const scan: string[] = [GROWTH];
  for (const { leaf, value } of before) {
    carry[adjointName(leaf)] = `next/${adjointName(leaf)}`;
    outputs[`next/${adjointName(leaf)}`] = value;
  }
  for (const { entry, value } of gathered) {
    outputs[`next/${entry.name}`] =
      entry.perStep === undefined ? add(input(entry.name, entry.node.shape), value) : value;
    if (entry.perStep === undefined) carry[entry.name] = `next/${entry.name}`;
    else scan.push(`next/${entry.name}`);
  }
  outputs[GROWTH] = before
    .slice(0, n)
    .map(({ value }) => sum(square(value)))
    .reduce((a, b) => add(a, b));

  // What the path knows of the step need not be computed: products it kept, and slots that its weights give away.
  const known = new Map<Tensor, Tensor>();
  const products = productsOf(problem, step.loss);
  for (const [name, product] of products) {
    // On fewer rows than the kept ones have, products are computed.
    const value = length === undefined ? path.product?.(name, product.shape, context) : undefined;
    if (value !== undefined) known.set(product, value);
  }
  const unknown = new Set([...recovered].map((name) => `unknown/${name}`));
  const recovers = dependents(toGraph(outputs), unknown).some(Boolean);
  if (recovers) {
    const recover = recovery(problem, symbols, path, context);
    leaves.forEach((leaf, i) => {
      if (!recovered.has(leaf.name)) return;
      known.set(step.state[i]!, recover(leaf, "before"));
      known.set(step.next[i]!, recover(leaf, "after"));
    });
    const divisor = divisorOf(problem, step.hypers.tree);
    if (divisor !== undefined) {
      outputs[DIVISOR] = divisor;
      scan.push(DIVISOR);
    }
  }
  const values = substitute(Object.values(outputs), known);
  const graph = toGraph(Object.fromEntries(Object.keys(outputs).map((name, i) => [name, values[i]!])));
  const blocks = path.blocks === undefined ? {} : { blocks: { length: path.blocks, restart: {} } };
  const used = new Set(inputsOf(graph).map((i) => i.name));
  const keepable = [...leaves.map((leaf) => leaf.name), ...products.keys()];
  return {
    program: { name: `${path.name} sweep`, graph, loop: { carry, scan, direction: "backward", ...blocks } },
    reads: keepable.filter((name) => used.has(storedName(name))),
    recovers,
    entries,
    symbols,
  };
}
