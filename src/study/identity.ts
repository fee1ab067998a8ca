import { mapPoint, type Point } from "../data/point.ts";
import { murmur128 } from "../data/murmur.ts";
import { DrmadError } from "../errors.ts";
import type { OuterOptimizer } from "../outer/optimizer.ts";
import { outerProgram, startProgram, trainProgram } from "../rollout/programs.ts";
import type { Graph } from "../tensor/graph.ts";
import type { SeedRun } from "./average.ts";
import { optionWord, toldOnce } from "./change-words.ts";
import type { StartInfo } from "./events.ts";
import type { Settings, TuneOptions } from "./settings.ts";
import type { Identity, StudyState } from "./state.ts";

const hex = (words: Uint32Array): string => [...words].map((word) => word.toString(16).padStart(8, "0")).join("");
const hashOf = (bytes: Uint8Array): string => hex(murmur128(bytes));
const arrayHash = (array: ArrayBufferView): string =>
  `${array.constructor.name} ${hashOf(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))}`;

/** JSON in which every number keeps its bits and every array is its hash. */
const plain = (value: unknown, hash = arrayHash): string =>
  JSON.stringify(value, (_, part: unknown) => {
    if (ArrayBuffer.isView(part)) return hash(part);
    if (typeof part === "number" && (!Number.isFinite(part) || Object.is(part, -0)))
      return Object.is(part, -0) ? "<-0>" : `<${part}>`;
    return part;
  });
const textHash = (value: unknown, hash = arrayHash): string => hashOf(new TextEncoder().encode(plain(value, hash)));

/** Most minibatches that are looked at; an experiment's own `rows` may differ later. */
const MOST_BATCHES = 1000;

/** What training and its outer loss compute, from what data and what start. Not metrics, which choose nothing. */
function computed({ problem }: SeedRun) {
  const [start, train, outer] = [startProgram, trainProgram, outerProgram].map((of): Graph => of(problem).graph);
  return {
    data: problem.data,
    weights: problem.weights,
    hypers: problem.hypers.tensors.map(({ name, shape, start: at }) => ({ name, shape, start: at })),
    rows: problem.batch && Array.from({ length: Math.min(problem.steps, MOST_BATCHES) }, (_, t) => problem.sampler(t)),
    graphs: [start, train, outer] as const,
  };
}

/**
 * A hash of all that is computed, where other losses, data, initial weights, minibatches or starting hyperparameters give
 * another, and of each part of it by what a user would call it. It reads all of the data once.
 */
function fingerprintOf(runs: readonly SeedRun[]): Pick<Identity, "fingerprint" | "parts"> {
  const known = new Map<ArrayBufferView, string>();
  const once = (array: ArrayBufferView): string => {
    const hash = known.get(array) ?? arrayHash(array);
    known.set(array, hash);
    return hash;
  };
  const all = runs.map(computed);
  const part = (of: (each: ReturnType<typeof computed>) => unknown): string => textHash(all.map(of), once);
  return {
    fingerprint: textHash(all, once),
    parts: {
      data: part(({ data }) => data),
      "initial weights": part(({ weights, graphs }) => [weights, graphs[0]]),
      "starting hyperparameters": part(({ hypers }) => hypers),
      minibatches: part(({ rows }) => rows),
      "training (its loss, dynamics or their settings)": part(({ graphs }) => graphs[1]),
      "validation loss": part(({ graphs }) => graphs[2]),
    },
  };
}

export const identityOf = (
  runs: readonly SeedRun[],
  { patience, optimizer }: Settings,
  options: TuneOptions,
): Identity => {
  const update = updateHash(optimizer, runs[0]!.rollout.point);
  return {
    ...fingerprintOf(runs),
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
  "batch",
  "outerSteps",
  "rows",
  "fidelityPlan",
] as const satisfies readonly (keyof StartInfo)[];

const COMPARED = [...DECIDING, "patience", "onChaos", "testCurve", "update"];
/** What an earlier drmad did not keep is not compared. */
const LATER = ["update", "batch"];

export interface Difference {
  readonly what: string;
  readonly was: string;
  readonly is: string;
}

type Fields = Readonly<Record<string, unknown>>;

const between = (what: string, before: unknown, after: unknown): readonly Difference[] => {
  const [was, is] = [plain(before) ?? "none", plain(after) ?? "none"];
  return was === is ? [] : [{ what, was, is }];
};

/** The settings of one method or optimiser that are not as they were: `method samples`. */
function settingsBetween(of: "method" | "optimizer", before: Fields, after: Fields): readonly Difference[] {
  const [was, is] = [before[`${of}Settings`], after[`${of}Settings`]] as [Fields | undefined, Fields | undefined];
  if (was === undefined || is === undefined || before[of] !== after[of]) return [];
  return [...new Set([...Object.keys(was), ...Object.keys(is)])].flatMap((key) =>
    between(`${of} ${key}`, was[key], is[key]),
  );
}

/** In what a study is not what another was. Data, losses and the start have only hashes: nothing is told of them but which. */
export function differences(
  { info, identity }: Pick<StudyState, "info" | "identity">,
  now: StartInfo,
  identityNow: Identity,
): readonly Difference[] {
  const before = { ...info, ...identity } as Fields;
  const after = { ...now, ...identityNow } as unknown as Fields;
  const found = COMPARED.flatMap((what): readonly Difference[] => {
    if (LATER.includes(what) && before[what] === undefined) return [];
    const more = what === "method" || what === "optimizer" ? settingsBetween(what, before, after) : [];
    return [...between(what, before[what], after[what]), ...more];
  });
  // Of other data and losses only where nothing else says why.
  const told = found.some(({ what }) => ["seed", "seeds", "innerSteps", "batch", "precision"].includes(what));
  return told ? found : [...found, ...between("fingerprint", before["fingerprint"], after["fingerprint"])];
}

/** The parts of the fingerprint that are others, in words. */
const otherParts = ({ parts: was }: Partial<Identity> = {}, { parts: is }: Identity): readonly string[] =>
  was === undefined || is === undefined ? [] : Object.keys(is).filter((name) => was[name] !== is[name]);

/**
 * That a study goes on as what it began as.
 * @throws DrmadError study-changed, which names all that differs
 */
export function requireSame(state: StudyState, now: StartInfo, identityNow: Identity, name = "NAME"): void {
  const all = differences(state, now, identityNow);
  if (all.length === 0) return;
  const words = toldOnce(all).map(({ what, was, is }) => {
    if (what === "update") return "its optimizer has the same name, and moves otherwise than it did";
    if (what !== "fingerprint") return `its ${optionWord(what)} was ${was} and is ${is}`;
    const parts = otherParts(state.identity, identityNow);
    return parts.length === 0
      ? "its data, losses, initial weights or starting hyperparameters are others than they were"
      : `it has other ${parts.join(", other ")} than it began with`;
  });
  const word = /^[\w./-]+$/.test(name) ? name : JSON.stringify(name);
  throw new DrmadError("study-changed", `the study cannot go on as what it began: ${words.join("; ")}`, {
    hint: `Give it the experiment and the options that it began with, or go on otherwise as a new study: drmad fork ${word} NEW.`,
  });
}

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
