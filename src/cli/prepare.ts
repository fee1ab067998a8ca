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

/** An experiment with the data of its seed read, once for all that follows. */
export interface Prepared {
  readonly experiment: DefinedExperiment;
  readonly problem: Problem;
  readonly threads: number;
}

/** @throws DrmadError for everything that is wrong with an experiment before it is traced, and most of what is after */
export async function prepare(name: string, { data, seed, innerSteps, threads }: PrepareOptions): Promise<Prepared> {
  const { spec, options } = await loadExperiment(name, data);
  const { data: given } = spec;
  const first = seed ?? 0;
  const dataset = await (typeof given === "function" ? given(first) : given);
  const again = typeof given === "function" ? (other: number) => (other === first ? dataset : given(other)) : dataset;
  const experiment = makeExperiment({ ...spec, data: again }, options);
  const problem = await resolveProblem(experiment, {
    ...(seed === undefined ? {} : { seed }),
    ...(innerSteps === undefined ? {} : { steps: innerSteps }),
  });
  return { experiment, problem, threads: threads ?? threadsFor(problem, availableParallelism()) };
}
