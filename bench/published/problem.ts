import { loadReference, type ReferenceProblem } from "../../test/reference/drmad-mnist.ts";
import type { Method } from "../../src/hypergradient/method.ts";
import { drmad } from "../../src/hypergradient/drmad.ts";
import { reverse } from "../../src/hypergradient/reverse.ts";
import { reversible } from "../../src/hypergradient/reversible.ts";
import { makeExperiment, type Experiment } from "../../src/problem/experiment.ts";

/** The steps of a run whose minibatches are fixed by the table of the reference problem. */
export const TABLE_STEPS = 2000;

/** The methods that are measured, by the names they have here. */
export const METHODS: Readonly<Record<string, Method>> = {
  published: drmad({ samples: "T/10" }),
  drmad: drmad(),
  reverse: reverse(),
  reversible: reversible(),
};

/** The folder that `DRMAD_DATA` names. */
export function dataRoot(): string {
  const root = process.env["DRMAD_DATA"];
  if (root === undefined || root === "") {
    process.stderr.write(
      "bench: DRMAD_DATA is not set. Set it to a folder that holds reference/drmad-mnist, the published problem.\n",
    );
    process.exit(2);
  }
  return root;
}

export const published = (): ReferenceProblem => loadReference(dataRoot(), "float32");

/**
 * The published problem for a number of steps. Longer runs than the table of minibatches covers take them from the
 * library's own sampler.
 */
export function publishedExperiment(problem: ReferenceProblem, steps: number, table: boolean): Experiment {
  const experiment = problem.experiment(steps);
  if (table) return experiment;
  const { rows: _, ...train } = experiment.spec.train;
  return makeExperiment({ ...experiment.spec, train }, {});
}
