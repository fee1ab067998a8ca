import type { Program } from "../engine/engine.ts";
import type { Point } from "../data/point.ts";
import { DrmadError } from "../errors.ts";
import type { Problem } from "../problem/problem.ts";
import { toGraph } from "../tensor/graph.ts";
import { input, stack } from "../tensor/layout.ts";
import { sum } from "../tensor/reduce.ts";
import { SMALLER } from "./non-finite.ts";
import type { Buffers } from "./rollout.ts";
import { allFinite, type Shared } from "./shared.ts";

/** An error about a run that stopped being finite, which remembers at which point the run was. */
export function divergence({ diverged }: Shared, point: Point, message: string): DrmadError {
  const error = new DrmadError("non-finite", message, { hint: SMALLER });
  diverged.set(error, point);
  return error;
}

/** The sum of every weight tensor: it is no finite number where any of its elements is none. */
function sumsProgram({ weights }: Problem): Program {
  const sums = weights.map(({ path, shape }) => sum(input(`weights/${path}`, shape)));
  return { name: "sums of weights", graph: toGraph({ sums: stack(sums) }) };
}

/**
 * Looks at all weights, at the cost of one pass over them and of reading one number for each tensor.
 * @throws DrmadError non-finite, naming the tensor and the step
 */
export async function requireFiniteWeights(shared: Shared, state: Buffers, step: number, point: Point): Promise<void> {
  const { problem, engine, compile } = shared;
  const { executable } = await compile("sums of weights", () => sumsProgram(problem));
  const result = await executable.run(state);
  const { data } = await engine.read(result["sums"]!);
  engine.free(Object.values(result));
  for (const [i, { path }] of problem.weights.entries()) {
    // A sum of huge weights can overflow where none of them does.
    if (Number.isFinite(data[i]) || allFinite((await engine.read(state[`weights/${path}`]!)).data)) continue;
    throw divergence(shared, point, `training diverged: weights ${path} are not finite after step ${step}`);
  }
}
