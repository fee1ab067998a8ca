import { dense, jvp } from "../autodiff/transform.ts";
import type { Program, Range } from "../engine/engine.ts";
import { DrmadError } from "../errors.ts";
import { rowsOf, type Problem } from "../problem/problem.ts";
import { abs, add } from "../tensor/elementwise.ts";
import { toGraph } from "../tensor/graph.ts";
import { input } from "../tensor/layout.ts";
import { sum } from "../tensor/reduce.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { inChunks } from "./chunks.ts";
import type { Point } from "../data/point.ts";
import type { Buffers, Forward } from "./rollout.ts";
import { requireFiniteWeights } from "./divergence.ts";
import { allFinite, loadDrawn, readAll, zeros, type Shared } from "./shared.ts";
import { hyperSymbols, type HyperSymbols } from "./hypers.ts";
import { initialSymbols } from "./initial.ts";
import { stateLeaves, type StateLeaf } from "./state.ts";
import { stepSymbols } from "./step.ts";

const SIZE = "tangentSize";
const tangentName = (j: number, { name }: StateLeaf): string => `tangent/${j}/${name}`;
const directionName = (j: number, hyper: string): string => `direction/${j}/${hyper}`;
const range = (n: number): readonly number[] => Array.from({ length: n }, (_, i) => i);

const directionsOf = (problem: Problem, symbols: HyperSymbols, j: number): readonly Tensor[] =>
  problem.hypers.tensors.map(({ name }, i) => input(directionName(j, name), symbols.raw[i]!.shape));

/** The derivatives of the initial weights along `chunk` directions of the hyperparameters. */
export function startTangentsProgram(problem: Problem, chunk: number): Program {
  const symbols = hyperSymbols(problem);
  const initial = initialSymbols(problem, symbols);
  const weights = stateLeaves(problem).filter((leaf) => leaf.kind === "weights");
  const outputs: Record<string, Tensor> = {};
  for (const j of range(chunk)) {
    const moved = jvp(initial, symbols.raw, directionsOf(problem, symbols, j));
    weights.forEach((leaf, i) => (outputs[tangentName(j, leaf)] = dense(moved[i]!, initial[i]!)));
  }
  return { name: "initial tangents", graph: toGraph(outputs) };
}

/**
 * A training step with `chunk` tangents, as a forward loop; the step itself is computed once for all of them:
 *
 *     s_{t+1} = Φ_t(s_t, λ),   ṡ_{t+1} = ∂Φ_t/∂s ṡ_t + ∂Φ_t/∂λ λ̇
 */
export function forwardProgram(problem: Problem, chunk: number, length?: number): Program {
  const leaves = stateLeaves(problem);
  const symbols = hyperSymbols(problem);
  const step = stepSymbols(problem, symbols, (leaf) => input(leaf.name, leaf.shape), length);
  const carry: Record<string, string> = {};
  const outputs: Record<string, Tensor> = {};
  const carried = (name: string, value: Tensor): void => {
    carry[name] = `next/${name}`;
    outputs[`next/${name}`] = value;
  };
  leaves.forEach(({ name }, i) => carried(name, step.next[i]!));
  const sizes: Tensor[] = [];
  for (const j of range(chunk)) {
    const before = leaves.map((leaf) => input(tangentName(j, leaf), leaf.shape));
    const after = jvp(
      step.next,
      [...step.state, ...symbols.raw],
      [...before, ...directionsOf(problem, symbols, j)],
    ).map((d, i) => dense(d, before[i]!));
    leaves.forEach((leaf, i) => carried(tangentName(j, leaf), after[i]!));
    // Sums of magnitudes, not of squares, which overflow long before the tangents do.
    sizes.push(...after.map((d) => sum(abs(d))));
  }
  outputs[SIZE] = sizes.reduce((a, b) => add(a, b));
  return {
    name: "training step with tangents",
    graph: toGraph(outputs),
    loop: { carry, scan: [SIZE], direction: "forward" },
  };
}

/** Compiles training with tangents, at one point of hyperparameters. */
export async function createForward(
  shared: Shared,
  chunk: number,
  point: Point,
  hyper: () => Promise<Buffers>,
  start: () => Promise<Buffers>,
): Promise<Forward> {
  const { problem, engine } = shared;
  const leaves = stateLeaves(problem);
  const free = (...groups: readonly Buffers[]): void => engine.free(groups.flatMap((group) => Object.values(group)));
  const begin = await shared.compile(`start tangents ${chunk}`, () => startTangentsProgram(problem, chunk));
  const step = await shared.compile(`forward ${chunk}`, () => forwardProgram(problem, chunk));
  const carried = Object.keys(step.program.loop!.carry);

  async function loadDirections(directions: readonly Point[]): Promise<Buffers> {
    const entries = directions.flatMap((direction, j) =>
      problem.hypers.tensors.map(
        async ({ name, shape }) =>
          [directionName(j, name), await engine.load({ data: direction[name]!, shape })] as const,
      ),
    );
    return Object.fromEntries(await Promise.all(entries));
  }

  /** Of weights: as the initial ones depend on the hyperparameters. Of slots: zero. */
  async function startTangents(directions: Buffers): Promise<Buffers> {
    const drawn = await loadDrawn(shared);
    await begin.verify(1, () => begin.program, { ...drawn, ...directions }, point);
    const tangents = await begin.executable.run({ ...drawn, ...directions, ...(await hyper()) });
    free(drawn);
    const slots = leaves.filter((leaf) => leaf.kind === "slot");
    const still = range(chunk).flatMap((j) => slots.map((leaf) => ({ name: tangentName(j, leaf), shape: leaf.shape })));
    return { ...tangents, ...(await zeros(engine, still)) };
  }

  return {
    async run(directions) {
      const along = await loadDirections(directions);
      let carry: Buffers = {};
      const runChunk = async (steps: Range): Promise<void> => {
        const rows = await shared.rowTable(steps);
        const constant = { ...(await hyper()), ...(await shared.data("train")), ...along };
        const result = await step.executable.run({ ...constant, ...carry, ...rows }, steps);
        free(rows, carry);
        carry = Object.fromEntries(carried.map((name) => [name, result[name]!]));
        const { [SIZE]: sizes } = await readAll(engine, result, [SIZE]);
        free({ [SIZE]: result[SIZE]! });
        await requireFiniteWeights(shared, carry, steps.to, point);
        if (!allFinite(sizes!)) {
          throw new DrmadError(
            "non-finite",
            `a tangent is not finite between steps ${steps.from} and ${steps.to} of training`,
            {
              hint: "The hypergradient does not exist as a number here: try fewer steps or a smaller learning rate.",
            },
          );
        }
        // Not before the first step: tangents that are still zero compare nothing.
        await step.verify(
          problem.batch ?? rowsOf(problem.data.train),
          (n) => forwardProgram(problem, chunk, n),
          { ...carry, ...along },
          point,
        );
        shared.progress("train", steps.to, problem.steps);
      };
      try {
        carry = { ...(await startTangents(along)), ...(await start()) };
        const pace = { stepsPerSecond: undefined };
        await inChunks({ from: 0, to: problem.steps }, "forward", pace, Infinity, runChunk);
      } catch (error) {
        free(carry);
        throw error;
      } finally {
        free(along);
      }
      const select = (leaf: StateLeaf, name: string): readonly [string, Buffers[string]] => [leaf.name, carry[name]!];
      return {
        final: Object.fromEntries(leaves.map((leaf) => select(leaf, leaf.name))),
        tangents: range(chunk).map((j) => Object.fromEntries(leaves.map((leaf) => select(leaf, tangentName(j, leaf))))),
      };
    },
  };
}
