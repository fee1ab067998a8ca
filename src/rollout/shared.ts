import type { Point } from "../data/point.ts";
import type { NdArray, Split } from "../data/dataset.ts";
import type { Engine, Executable, HeldArray, Program, Range, Reversible } from "../engine/engine.ts";
import { DrmadError } from "../errors.ts";
import type { Problem } from "../problem/problem.ts";
import type { GraphInput } from "../tensor/graph.ts";
import { sameShape, sizeOf, type Shape } from "../tensor/shape.ts";
import type { Pace } from "./chunks.ts";
import type { LabelUse } from "./labels.ts";
import { takeRows, verifyOnFewRows } from "./probe.ts";
import type { SplitName } from "./programs.ts";
import type { Buffers, Phase, RolloutOptions } from "./rollout.ts";
import type { SweepProgram } from "./sweep.ts";
import { hyperInputName } from "./hypers.ts";
import { ROWS } from "./step.ts";

/**
 * Compares a program with the reference interpreter, once: on its first call.
 * @param buffers the inputs it is about to run on
 */
export type Verify = (rows: number, at: (rows: number) => Program, buffers: Buffers, point: Point) => Promise<void>;

/** A compiled program, with the means to compare it once with the reference interpreter. */
export interface Compiled {
  readonly program: Program;
  readonly executable: Executable;
  readonly verify: Verify;
}

/** A sweep compiled: its loop, and what turns the gathered cotangents into a hypergradient. */
export interface SweepParts {
  readonly traced: SweepProgram;
  readonly step: Compiled;
  readonly finish: Compiled;
}

/** Training in fixed point, which only some methods use: made when it is first asked for. */
export interface FixedPointParts {
  readonly sweeps: Map<string, Promise<SweepParts>>;
  compiled?: Promise<Reversible>;
  verify?: Verify;
}

/** What all points of a rollout share: the engine, and everything compiled and loaded. */
export interface Shared {
  readonly problem: Problem;
  readonly engine: Engine;
  readonly options: RolloutOptions;
  /** Which integers of the data are labels, and of how many classes. */
  readonly labels: readonly LabelUse[];
  readonly pace: { readonly train: Pace; readonly backward: Pace };
  readonly sweeps: Map<string, Promise<SweepParts>>;
  readonly fixedPoint: FixedPointParts;
  readonly unverified: Set<string>;
  /** Everything compiled, by key, and the splits that are loaded. */
  readonly compiled: Map<string, Promise<Compiled>>;
  readonly loaded: Map<string, Promise<Buffers>>;
  /** At which point a run was when an error told that it is not finite. */
  readonly diverged: WeakMap<Error, Point>;
  compile(key: string, make: () => Program): Promise<Compiled>;
  verifier(program: Program): Verify;
  data(split: SplitName): Promise<Buffers>;
  /** Hyperparameters at a point. One point is held at a time; another one takes its place. */
  hyper(point: Point): Promise<Buffers>;
  /** The minibatch rows of a run of steps, where there are minibatches. */
  rowTable(range: Range): Promise<Buffers>;
  progress(phase: Exclude<Phase, "compile">, done: number, total: number): void;
}

export const once = <V>(map: Map<string, Promise<V>>, key: string, make: () => Promise<V>): Promise<V> => {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
};

const integers = (data: Int32Array, shape: readonly number[] = []): NdArray => ({ data, shape });

/** Loads the arrays that a program needs of a split under the names it gives them. */
async function loadSplit(engine: Engine, name: SplitName, split: Split): Promise<Buffers> {
  const entries = Object.entries(split).map(
    async ([key, array]) => [`${name}/${key}`, await engine.load(array)] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

/** The shapes of the data, on which programs depend; nothing else in them depends on the seed. */
const shapesOf = ({ data }: Problem): string =>
  JSON.stringify(
    (["train", "valid", "test"] as const).map((name) =>
      Object.entries(data[name] ?? {}).map(([key, array]) => [key, array.shape, array.data instanceof Int32Array]),
    ),
  );

/** @param like of the same experiment under another seed: what fits is taken from there instead of being made again */
export function share(
  problem: Problem,
  engine: Engine,
  options: RolloutOptions,
  labels: readonly LabelUse[],
  like?: Shared,
): Shared {
  const programs = like !== undefined && shapesOf(problem) === shapesOf(like.problem) ? like : undefined;
  const compiled = programs?.compiled ?? new Map<string, Promise<Compiled>>();
  const loaded = like?.problem.data === problem.data ? like.loaded : new Map<string, Promise<Buffers>>();
  const unverified = like?.unverified ?? new Set<string>();
  let held: { readonly point: Point; readonly buffers: Promise<Buffers> } | undefined;

  async function loadPoint(point: Point): Promise<Buffers> {
    const entries = problem.hypers.tensors.map(
      async ({ name, shape }) => [hyperInputName(name), await engine.load({ data: point[name]!, shape })] as const,
    );
    return Object.fromEntries(await Promise.all(entries));
  }

  /** The value of an input in a comparison on a few rows, which the input's shape tells. */
  async function feed(input: GraphInput, buffers: Buffers, point: Point): Promise<HeldArray> {
    const { name, shape } = input;
    if (name === "t") return integers(Int32Array.of(Math.floor(problem.steps / 2)));
    if (name === "k" || name === "b") return integers(Int32Array.of(0));
    if (name === ROWS)
      return integers(
        Int32Array.from({ length: shape[1]! }, (_, i) => i),
        shape,
      );
    const hyper = problem.hypers.tensors.find((t) => hyperInputName(t.name) === name);
    if (hyper !== undefined) return { data: point[hyper.name]!, shape: hyper.shape };
    const [splitName, key] = name.split("/") as [SplitName, string];
    const split = splitName === "train" || splitName === "valid" ? problem.data[splitName] : undefined;
    if (split !== undefined && key in split) {
      // A table has as many rows as a minibatch; the step picks some of them.
      if (input.rows) return takeRows(split[key]!, problem.sampler(0));
      const drawn = splitName === "train" ? problem.sampler(0) : undefined;
      const chosen =
        drawn !== undefined && shape[0]! <= drawn.length
          ? drawn.slice(0, shape[0])
          : Int32Array.from({ length: shape[0]! }, (_, i) => i);
      return takeRows(split[key]!, chosen);
    }
    const buffer = buffers[name];
    if (buffer === undefined) return { data: new Float64Array(sizeOf(input.shape)), shape: input.shape };
    const value = await engine.read(buffer);
    if (!input.rows) {
      // The cotangent of a hyperparameter stretched to the rows of a minibatch has their number, which is smaller here.
      return sameShape(value.shape, shape) ? value : { data: new Float64Array(sizeOf(shape)), shape };
    }
    // From the middle: in the first rows of a run slots may still be zero. A path in blocks reads rows next to one another.
    const [length] = value.shape as [number];
    const first = Math.max(0, Math.floor(length / 2) - 1);
    return takeRows(value, [first, first + 1, first + 2].slice(0, length - first));
  }

  function verifier({ name }: Program): Verify {
    let pending = options.trustEngine !== true && engine.description.name !== "reference";
    return async (rows, at, buffers, point) => {
      if (!pending) return;
      pending = false;
      const compared = await verifyOnFewRows(engine, rows, at, (input) => feed(input, buffers, point));
      if (!compared) unverified.add(name);
    };
  }

  return {
    problem,
    engine,
    options,
    labels,
    pace: programs?.pace ?? { train: { stepsPerSecond: undefined }, backward: { stepsPerSecond: undefined } },
    sweeps: programs?.sweeps ?? new Map<string, Promise<SweepParts>>(),
    fixedPoint: programs?.fixedPoint ?? { sweeps: new Map<string, Promise<SweepParts>>() },
    unverified,
    compiled,
    loaded,
    diverged: new WeakMap(),
    compile: (key, make) =>
      once(compiled, key, async () => {
        options.onProgress?.("compile", 0, 1);
        const program = make();
        const executable = await engine.compile(program);
        return { program, executable, verify: verifier(program) };
      }),
    verifier,
    data: (name) => once(loaded, name, () => loadSplit(engine, name, problem.data[name]!)),
    async hyper(point) {
      if (held?.point !== point) {
        const before = held;
        held = { point, buffers: loadPoint(point) };
        if (before !== undefined) engine.free(Object.values(await before.buffers));
      }
      return held.buffers;
    },
    async rowTable({ from, to }) {
      if (problem.batch === undefined) return {};
      const table = new Int32Array((to - from) * problem.batch);
      for (let t = from; t < to; t++) table.set(problem.sampler(t), (t - from) * problem.batch);
      return { [ROWS]: await engine.load(integers(table, [to - from, problem.batch])) };
    },
    progress(phase, done, total) {
      options.onProgress?.(phase, done, total);
      if (options.signal?.aborted === true) {
        throw new DrmadError("cancelled", `stopped after ${done} of ${total} steps (${phase})`);
      }
    },
  };
}

export const allFinite = (data: ArrayLike<number>): boolean => {
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i]!)) return false;
  return true;
};

export async function readAll(
  engine: Engine,
  buffers: Buffers,
  names: readonly string[],
): Promise<Record<string, Float64Array>> {
  const entries = names.map(
    async (name) => [name, Float64Array.from((await engine.read(buffers[name]!)).data)] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

/** Tensors of zeros. */
export async function zeros(
  engine: Engine,
  tensors: readonly { readonly name: string; readonly shape: Shape }[],
): Promise<Buffers> {
  const made = tensors.map(async ({ name, shape }) => {
    return [name, await engine.load({ data: new Float32Array(sizeOf(shape)), shape })] as const;
  });
  return Object.fromEntries(await Promise.all(made));
}

/** The initial weights before hyperparameters act on them. */
export async function loadDrawn({ problem, engine }: Shared): Promise<Buffers> {
  const loaded = problem.weights.map(
    async ({ path, shape, drawn: data }) => [`drawn/${path}`, await engine.load({ data, shape })] as const,
  );
  return Object.fromEntries(await Promise.all(loaded));
}
