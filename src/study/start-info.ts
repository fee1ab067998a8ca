import type { OuterOptimizer } from "../outer/optimizer.ts";
import { rowsOf } from "../problem/problem.ts";
import type { SplitName } from "../rollout/programs.ts";
import type { SeedRun } from "./average.ts";
import type { Settings, StartInfo } from "./events.ts";
import { hyperCounts, weightCount } from "./session.ts";
import type { Settings as TuneSettings } from "./settings.ts";
import { tensorInfos } from "./tensor-info.ts";

/** What a study tells of itself before it runs. */
export function startInfo(runs: readonly SeedRun[], { method, optimizer, outerSteps }: TuneSettings): StartInfo {
  const { problem, rollout } = runs[0]!;
  const groups = hyperCounts(problem);
  const { engine } = rollout;
  return {
    experiment: problem.name,
    seed: problem.seed,
    ...(runs.length === 1 ? {} : { seeds: runs.map((run) => run.problem.seed) }),
    method: method.name,
    optimizer: optimizer.name,
    ...(method.settings && { methodSettings: told(method.settings) }),
    ...(optimizer.settings && { optimizerSettings: told(optimizer.settings) }),
    engine: `${engine.name} ${engine.version} (${engine.device})`,
    precision: engine.precision,
    threads: engine.threads,
    weights: weightCount(problem),
    hyperparameters: Object.values(groups).reduce((a, b) => a + b, 0),
    groups,
    innerSteps: problem.steps,
    batch: problem.batch ?? rowsOf(problem.data.train),
    outerSteps,
    rows: Object.fromEntries(
      Object.entries(problem.data).flatMap(([name, split]) => (isSplit(name) ? [[name, rowsOf(split)]] : [])),
    ),
    tensors: tensorInfos(problem),
    parameters: problem.weights.map(({ path, shape }) => ({ path, shape })),
    ...(problem.data.image === undefined ? {} : { image: problem.data.image }),
  };
}

/** Without what was left out and means nothing. */
const told = (settings: NonNullable<OuterOptimizer["settings"]>): Settings =>
  Object.fromEntries(Object.entries(settings).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));

const isSplit = (name: string): name is SplitName => name === "train" || name === "valid" || name === "test";
