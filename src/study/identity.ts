import { murmur128 } from "../data/murmur.ts";
import { DrmadError } from "../errors.ts";
import { outerProgram, startProgram, trainProgram } from "../rollout/programs.ts";
import type { Graph } from "../tensor/graph.ts";
import type { SeedRun } from "./average.ts";
import type { StartInfo } from "./events.ts";
import type { Settings, TuneOptions } from "./settings.ts";
import type { Identity, StudyState } from "./state.ts";

const hex = (words: Uint32Array): string => [...words].map((word) => word.toString(16).padStart(8, "0")).join("");
const hashOf = (bytes: Uint8Array): string => hex(murmur128(bytes));
const textHash = (value: unknown): string => hashOf(new TextEncoder().encode(plain(value)));

/** JSON in which every number keeps its bits and every array is its hash. */
const plain = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => {
    if (ArrayBuffer.isView(part)) {
      const { buffer, byteOffset, byteLength } = part;
      return `${part.constructor.name} ${hashOf(new Uint8Array(buffer, byteOffset, byteLength))}`;
    }
    if (typeof part === "number" && (!Number.isFinite(part) || Object.is(part, -0)))
      return Object.is(part, -0) ? "<-0>" : `<${part}>`;
    return part;
  });

/** Most minibatches that are looked at; an experiment's own `rows` may differ later. */
const MOST_BATCHES = 1000;

/**
 * A hash of what training and its outer loss compute, from what data and what start: other losses, data, initial weights,
 * minibatches or starting hyperparameters give another. Not of metrics, which choose nothing. It reads all of the data once.
 */
function fingerprintOf(runs: readonly SeedRun[]): string {
  return textHash(
    runs.map(({ problem }) => ({
      data: problem.data,
      weights: problem.weights,
      hypers: problem.hypers.tensors.map(({ name, shape, start }) => ({ name, shape, start })),
      rows:
        problem.batch && Array.from({ length: Math.min(problem.steps, MOST_BATCHES) }, (_, t) => problem.sampler(t)),
      graphs: [startProgram(problem), trainProgram(problem), outerProgram(problem)].map(({ graph }): Graph => graph),
    })),
  );
}

export const identityOf = (runs: readonly SeedRun[], { patience }: Settings, options: TuneOptions): Identity => ({
  fingerprint: fingerprintOf(runs),
  patience,
  onChaos: options.onChaos ?? "continue",
  testCurve: options.testCurve ?? false,
});

const DECIDING = [
  "experiment",
  "seed",
  "seeds",
  "method",
  "optimizer",
  "precision",
  "weights",
  "groups",
  "innerSteps",
  "outerSteps",
  "rows",
  "fidelityPlan",
] as const satisfies readonly (keyof StartInfo)[];

/**
 * That a study goes on as what it began as.
 * @throws DrmadError study-changed
 */
export function requireSame({ info, identity }: StudyState, now: StartInfo, identityNow: Identity): void {
  const before = { ...info, ...identity } as Readonly<Record<string, unknown>>;
  const after = { ...now, ...identityNow } as Readonly<Record<string, unknown>>;
  for (const key of [...DECIDING, "patience", "onChaos", "testCurve"]) {
    const [was, is] = [plain(before[key]) ?? "none", plain(after[key]) ?? "none"];
    if (was !== is) throw changed(`its ${key} was ${was} and is ${is}`);
  }
  if (before["fingerprint"] !== after["fingerprint"])
    throw changed("its data, losses, initial weights or starting hyperparameters are others than they were");
}

const changed = (how: string): DrmadError =>
  new DrmadError("study-changed", `the study cannot go on as what it began: ${how}`, {
    hint: "Give it the experiment and the options that it began with, or begin a study of another name.",
  });
