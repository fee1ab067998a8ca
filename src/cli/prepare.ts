import { availableParallelism } from "node:os";
import { makeExperiment } from "../problem/experiment.ts";
import { resolveProblem, type Problem } from "../problem/problem.ts";
import type { DefinedExperiment } from "../study/define.ts";
import { threadsFor } from "../study/session.ts";
import { loadExperiment } from "./load-experiment.ts";

export interface PrepareOptions {
  readonly data?: string;
  readonly seed?: number;
  readonly innerSteps?: number;
  readonly threads?: number;
}

/** An experiment with its data read, once for all that follows. */
export interface Prepared {
  readonly experiment: DefinedExperiment;
  readonly problem: Problem;
  readonly threads: number;
}

/** @throws DrmadError for everything that is wrong with an experiment before it is traced, and most of what is after */
export async function prepare(name: string, { data, seed, innerSteps, threads }: PrepareOptions): Promise<Prepared> {
  const { spec, options } = await loadExperiment(name, data);
  const dataset = await (typeof spec.data === "function" ? spec.data(seed ?? 0) : spec.data);
  const experiment = makeExperiment({ ...spec, data: dataset }, options);
  const problem = await resolveProblem(experiment, {
    ...(seed === undefined ? {} : { seed }),
    ...(innerSteps === undefined ? {} : { steps: innerSteps }),
  });
  return { experiment, problem, threads: threads ?? threadsFor(problem, availableParallelism()) };
}
