import { rowsOf } from "../problem/problem.ts";
import type { SplitName } from "../rollout/programs.ts";
import type { SeedRun } from "./average.ts";
import type { StartInfo } from "./events.ts";
import { hyperCounts, weightCount } from "./session.ts";
import type { Settings } from "./settings.ts";

/** What a study tells of itself before it runs. */
export function startInfo(runs: readonly SeedRun[], { method, optimizer, outerSteps }: Settings): StartInfo {
  const { problem, rollout } = runs[0]!;
  const groups = hyperCounts(problem);
  const { engine } = rollout;
  return {
    experiment: problem.name,
    seed: problem.seed,
    ...(runs.length === 1 ? {} : { seeds: runs.map((run) => run.problem.seed) }),
    method: method.name,
    optimizer: optimizer.name,
    engine: `${engine.name} ${engine.version} (${engine.device})`,
    precision: engine.precision,
    threads: engine.threads,
    weights: weightCount(problem),
    hyperparameters: Object.values(groups).reduce((a, b) => a + b, 0),
    groups,
    innerSteps: problem.steps,
    outerSteps,
    rows: Object.fromEntries(
      Object.entries(problem.data).flatMap(([name, split]) => (isSplit(name) ? [[name, rowsOf(split)]] : [])),
    ),
    tensors: problem.hypers.tensors.map(({ name, shape, perStep, transform }) => ({
      name,
      shape,
      perStep,
      transform: transform.name,
    })),
    ...(problem.data.image && { image: { height: problem.data.image.height, width: problem.data.image.width } }),
  };
}

const isSplit = (name: string): name is SplitName => name === "train" || name === "valid" || name === "test";
