import { mapPoint, type Point } from "../data/point.ts";
import { murmur128 } from "../data/murmur.ts";
import { DrmadError } from "../errors.ts";
import type { OuterOptimizer } from "../outer/optimizer.ts";
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

export const identityOf = (
  runs: readonly SeedRun[],
  { patience, optimizer }: Settings,
  options: TuneOptions,
): Identity => {
  const update = updateHash(optimizer, runs[0]!.rollout.point);
  return {
    fingerprint: fingerprintOf(runs),
    ...(update !== undefined && { update }),
    patience,
    onChaos: options.onChaos ?? "continue",
    testCurve: options.testCurve ?? false,
  };
};

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

const COMPARED = [...DECIDING, "patience", "onChaos", "testCurve", "update"];

interface Difference {
  readonly what: string;
  readonly was: string;
  readonly is: string;
}

/** In what a study is not what another was. Data, losses and the start are one word: they have only a hash. */
export function differences(
  { info, identity }: Pick<StudyState, "info" | "identity">,
  now: StartInfo,
  identityNow: Identity,
): readonly Difference[] {
  const before = { ...info, ...identity } as Readonly<Record<string, unknown>>;
  const after = { ...now, ...identityNow } as Readonly<Record<string, unknown>>;
  const found = COMPARED.flatMap((what): Difference[] => {
    // What an earlier drmad did not keep.
    if (what === "update" && before[what] === undefined) return [];
    const [was, is] = [plain(before[what]) ?? "none", plain(after[what]) ?? "none"];
    return was === is ? [] : [{ what, was, is }];
  });
  // Of other data and losses only where nothing else says why.
  const told = found.some(({ what }) => ["seed", "seeds", "innerSteps", "precision"].includes(what));
  const [was, is] = [String(before["fingerprint"]), String(after["fingerprint"])];
  return was === is || told ? found : [...found, { what: "fingerprint", was, is }];
}

/**
 * That a study goes on as what it began as.
 * @throws DrmadError study-changed
 */
export function requireSame(state: StudyState, now: StartInfo, identityNow: Identity): void {
  const [first] = differences(state, now, identityNow);
  if (first === undefined) return;
  const { what, was, is } = first;
  if (what === "fingerprint")
    throw changed("its data, losses, initial weights or starting hyperparameters are others than they were");
  if (what === "update") throw changed("its optimizer has the same name, and moves otherwise than it did");
  throw changed(`its ${what} was ${was} and is ${is}`);
}

const changed = (how: string): DrmadError =>
  new DrmadError("study-changed", `the study cannot go on as what it began: ${how}`, {
    hint: "Give it the experiment and the options that it began with, or begin a study of another name from it: drmad fork.",
  });

/** Lengths that reach beyond every threshold that is in use. */
const PROBES = [1e-3, 1, 1e3, 1e6];

/**
 * A hash of how an optimiser moves a point along gradients of many lengths: whatever settings it has, in its name or not,
 * decide that. Optimisers are pure, so this disturbs nothing; undefined for one that fails, which its first step tells of.
 */
function updateHash(optimizer: OuterOptimizer, point: Point): string | undefined {
  try {
    let state = optimizer.init(point);
    const changes = PROBES.map((length, n) => {
      const gradient = mapPoint(point, (_, __, i) => length * (((i + n) % 7) - 2.5));
      const update = optimizer.update(gradient, state, 1 / (n + 1));
      ({ state } = update);
      return update.change;
    });
    return textHash(changes);
  } catch {
    return undefined;
  }
}
