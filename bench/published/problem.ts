import { loadReference, type ReferenceProblem } from "../../test/reference/drmad-mnist.ts";
import type { Method } from "../../src/hypergradient/method.ts";
import { checkpointed } from "../../src/hypergradient/checkpointed.ts";
import { drmad } from "../../src/hypergradient/drmad.ts";
import { reverse } from "../../src/hypergradient/reverse.ts";
import { reversible } from "../../src/hypergradient/reversible.ts";
import { makeExperiment, type Experiment } from "../../src/problem/experiment.ts";

/** The steps of a run whose minibatches are fixed by the table of the reference problem. */
export const TABLE_STEPS = 2000;

/** A method that is measured, and what it may cost: a multiple of plain training on one thread, extra megabytes. */
export interface Measured {
  readonly shown: string;
  readonly method: Method;
  readonly time?: number;
  readonly memory?: number;
}

/** The methods that are measured, by the names they have here. */
export const METHODS: Readonly<Record<string, Measured>> = {
  published: { shown: "published DrMAD", method: drmad({ samples: "T/10" }), time: 1.3, memory: 20 },
  drmad: { shown: "drmad, every step", method: drmad() },
  snapshots: {
    shown: "250 snapshots in int8",
    method: drmad({ snapshots: TABLE_STEPS / 8, storage: "int8" }),
    time: 3.2,
    memory: 35.9,
  },
  activations: {
    shown: "250 snapshots in int8, activations too",
    method: drmad({ snapshots: TABLE_STEPS / 8, storage: "int8", activations: "int8" }),
  },
  int8: { shown: "reverse, int8", method: reverse({ storage: "int8" }) },
  float16: { shown: "reverse, float16", method: reverse({ storage: "float16" }) },
  reverse: { shown: "reverse", method: reverse(), time: 3.2 },
  checkpointed: { shown: "checkpointed, 28 MB", method: checkpointed({ megabytes: 28 }), time: 4.2, memory: 60 },
  reversible: { shown: "reversible", method: reversible(), time: 6, memory: 30 },
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
