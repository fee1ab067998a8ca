import type { Program } from "../engine/engine.ts";
import type { DrmadError } from "../errors.ts";
import type { Problem } from "../problem/problem.ts";
import { toGraph } from "../tensor/graph.ts";
import { input, stack } from "../tensor/layout.ts";
import { sum } from "../tensor/reduce.ts";
import type { Buffers } from "./rollout.ts";
import { allFinite, type Shared } from "./shared.ts";

/** The sum of every weight tensor: it is no finite number where any of its elements is none. */
function sumsProgram({ weights }: Problem): Program {
  const sums = weights.map(({ path, shape }) => sum(input(`weights/${path}`, shape)));
  return { name: "sums of weights", graph: toGraph({ sums: stack(sums) }) };
}

/**
 * Looks at all weights, at the cost of one pass over them and of reading one number for each tensor.
 * @throws DrmadError non-finite, naming the tensor and the step
 */
export async function requireFiniteWeights(
  { problem, engine, compile }: Shared,
  state: Buffers,
  step: number,
  diverged: (message: string) => DrmadError,
): Promise<void> {
  const { executable } = await compile("sums of weights", () => sumsProgram(problem));
  const result = await executable.run(state);
  const { data } = await engine.read(result["sums"]!);
  engine.free(Object.values(result));
  for (const [i, { path }] of problem.weights.entries()) {
    // A sum of huge weights can overflow where none of them does.
    if (Number.isFinite(data[i]) || allFinite((await engine.read(state[`weights/${path}`]!)).data)) continue;
    throw diverged(`training diverged: weights ${path} are not finite after step ${step}`);
  }
}
