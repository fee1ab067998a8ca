import { dense, grad, vjp } from "../autodiff/transform.ts";
import type { Program } from "../engine/engine.ts";
import { DrmadError } from "../errors.ts";
import { rowsOf, type Problem } from "../problem/problem.ts";
import { softmax } from "../tensor/compose.ts";
import { add, mul } from "../tensor/elementwise.ts";
import { toGraph } from "../tensor/graph.ts";
import { input, reshape, slice, stack } from "../tensor/layout.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { reaches, startProgram, trainProgram } from "./programs.ts";
import type { Point } from "../data/point.ts";
import type { Buffers, Merger } from "./rollout.ts";
import { allFinite, readAll, type Shared } from "./shared.ts";
import { outerLoss, splitInputs } from "./loss.ts";
import { hypersAt, hyperSymbols } from "./hypers.ts";
import { ROWS, STEP, stepSymbols, trainLoss } from "./step.ts";
import { type StateLeaf } from "./state.ts";

const offsetName = (copy: number, path: string): string => `offset/${copy}/${path}`;

/**
 * Outputs `value`, `losses`, and `gradient/NAME` in unconstrained coordinates: the outer loss of merged copies, the
 * training losses that weigh them, and the derivative through the weighing alone.
 */
function mergeProgram(problem: Problem, copies: number, temperature: number, length?: number): Program {
  const symbols = hyperSymbols(problem);
  const hypers = hypersAt(problem, symbols, STEP);
  const weights = new Map(problem.weights.map(({ path, shape }) => [path, input(`weights/${path}`, shape)]));
  const offsets = Array.from(
    { length: copies },
    (_, k) => new Map(problem.weights.map(({ path, shape }) => [path, input(offsetName(k, path), shape)])),
  );
  const losses = stack(
    offsets.map((offset) => trainLoss(problem, hypers, (path) => add(weights.get(path)!, offset.get(path)!), length)),
  );
  const shares = softmax(mul(losses, -1 / temperature));
  // The shares add up to 1, so Σ p (w + ε) = w + Σ p ε, which does not cancel.
  const merged = (path: string): Tensor =>
    offsets.reduce(
      (total, offset, k) => add(total, mul(reshape(slice(shares, [k], [k + 1]), []), offset.get(path)!)),
      weights.get(path)!,
    );
  const batch = splitInputs("valid", problem.data.valid, false, length);
  const value = outerLoss(problem, problem.weightTree(merged), symbols.whole, batch);
  const through = vjp([shares], symbols.raw, grad(value, [shares]));
  return {
    name: "merged copies",
    graph: toGraph({
      value,
      losses,
      ...Object.fromEntries(
        problem.hypers.tensors.map(({ name }, i) => [`gradient/${name}`, dense(through[i]!, symbols.raw[i]!)]),
      ),
    }),
  };
}

/** @throws DrmadError unsupported for a hyperparameter that training depends on, though not through its loss */
function requireInLoss(problem: Problem): void {
  const step = stepSymbols(problem, hyperSymbols(problem), ({ name, shape }: StateLeaf) => input(name, shape));
  const loss = toGraph({ loss: step.loss });
  const training = [startProgram(problem).graph, trainProgram(problem).graph];
  const outside = problem.hypers.tensors.find(
    ({ name }) => !reaches(loss, name) && training.some((graph) => reaches(graph, name)),
  );
  if (outside === undefined) return;
  throw new DrmadError(
    "unsupported",
    `merged copies see only the training loss, and ${outside.name} enters training through the dynamics or the initial weights alone`,
    { hint: "Use reverse or persistentEvolution for it, or take it out of hyper." },
  );
}

/** Compiles the merging of some copies, at one point of hyperparameters. */
export async function createMerger(
  shared: Shared,
  point: Point,
  hyper: () => Promise<Buffers>,
  { copies, temperature }: { readonly copies: number; readonly temperature: number },
): Promise<Merger> {
  const { problem, engine } = shared;
  requireInLoss(problem);
  const { executable, verify } = await shared.compile(`merge ${copies} ${temperature}`, () =>
    mergeProgram(problem, copies, temperature),
  );
  const rows = Math.min(problem.batch ?? Infinity, rowsOf(problem.data.train), rowsOf(problem.data.valid));
  return async (state, step, offsets) => {
    const table = await shared.rowTable({ from: step, to: step + 1 });
    const own: Record<string, Buffers[string]> = {
      t: await engine.load({ data: Int32Array.of(step), shape: [] }),
      k: await engine.load({ data: Int32Array.of(0), shape: [] }),
      ...(ROWS in table ? { [ROWS]: table[ROWS]! } : {}),
    };
    try {
      for (const { path, shape } of problem.weights) {
        for (let k = 0; k < copies; k++) {
          own[offsetName(k, path)] = await engine.load({ data: offsets[k]![path]!, shape });
        }
      }
      const data = { ...(await shared.data("train")), ...(await shared.data("valid")) };
      const inputs = { ...data, ...(await hyper()), ...state, ...own };
      await verify(rows, (n) => mergeProgram(problem, copies, temperature, n === rows ? undefined : n), inputs, point);
      const result = await executable.run(inputs);
      const numbers = await readAll(engine, result, Object.keys(result));
      engine.free(Object.values(result));
      const losses = [...numbers["losses"]!];
      if (!Object.values(numbers).every(allFinite)) {
        throw new DrmadError(
          "non-finite",
          `copies of the weights after step ${step + 1} have training losses ${losses.join(", ")}, and their merged ` +
            `validation loss is ${numbers["value"]![0]!}: that or its gradient is not finite`,
          { hint: "Take copies nearer to the weights: a smaller sigma." },
        );
      }
      const gradient = Object.fromEntries(
        problem.hypers.tensors.map(({ name }) => [name, numbers[`gradient/${name}`]!]),
      );
      return { value: numbers["value"]![0]!, losses, gradient };
    } finally {
      engine.free(Object.values(own));
    }
  };
}
