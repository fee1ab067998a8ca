import type { Point } from "../data/point.ts";
import type { Executable, Program, Range } from "../engine/engine.ts";
import { DrmadError } from "../errors.ts";
import { rowsOf } from "../problem/problem.ts";
import { sizeOf } from "../tensor/shape.ts";
import { inChunks } from "./chunks.ts";
import { keptName, storedName, type Path } from "./path.ts";
import { finishProgram, trainProgram } from "./programs.ts";
import { GROWTH_LIMIT, type Buffers, type Outer, type Sweep, type SweepRun } from "./rollout.ts";
import { allFinite, loadDrawn, once, readAll, zeros, type Shared, type SweepParts } from "./shared.ts";
import { adjointName, DIVISOR, GROWTH, sweepProgram, type Entry, type SweepProgram } from "./sweep.ts";
import { stateLeaves } from "./state.ts";

async function compileSweep(shared: Shared, path: Path): Promise<SweepParts> {
  const traced = sweepProgram(shared.problem, path);
  return {
    traced,
    step: await shared.compile(traced.program.name, () => traced.program),
    finish: await shared.compile(`${traced.program.name}, end`, () => finishProgram(shared.problem, traced)),
  };
}

/** Training and then the sweep along it, in one call of the engine. */
function replayProgram({ problem }: Shared, { program, reads }: SweepProgram): Program {
  const by = trainProgram(problem, { keep: reads });
  const tables = Object.fromEntries(reads.map((name) => [storedName(name), keptName(name)]));
  return { ...program, name: `${program.name}, replayed`, loop: { ...program.loop!, fed: { by, tables } } };
}

/** Cotangents of per-step entries, gathered chunk by chunk into tables over all steps. */
function tables(entries: readonly Entry[], steps: number): Map<string, Float64Array> {
  const perStep = entries.filter((entry) => entry.perStep !== undefined);
  return new Map(perStep.map((entry) => [entry.name, new Float64Array(steps * sizeOf(entry.node.shape))]));
}

/** Writes rows that ran last step first into a table ordered by step. */
function storeReversed(table: Float64Array, rows: ArrayLike<number>, { from, to }: Range): void {
  const each = rows.length / (to - from);
  for (let t = from; t < to; t++) {
    const row = (to - 1 - t) * each;
    for (let j = 0; j < each; j++) table[t * each + j] = rows[row + j]!;
  }
}

function checkDivisor(traced: SweepProgram, numbers: Numbers, range: Range, path: Path): void {
  const divisor = numbers[DIVISOR];
  if (traced.recovers && divisor !== undefined && divisor.some((d) => d === 0)) {
    throw new DrmadError(
      "unsupported",
      `${path.name} recovers velocities by dividing by the rate, which is 0 at a step of ${range.from}…${range.to - 1}`,
      {
        hint: "Use method reverse, or keep the rate above 0 with a log transform.",
      },
    );
  }
}

const SOFTER =
  "Training is chaotic there, or its path is far from the true one: try a smaller learning rate or initial scale, truncated:N, " +
  "persistentEvolution:N, or an exact method where this one is not.";

const notFinite = ({ from, to }: Range, path: Path): DrmadError =>
  new DrmadError(
    "non-finite",
    `the adjoint is not finite between steps ${from} and ${to} of the sweep (${path.name})`,
    { hint: SOFTER },
  );

type Numbers = Readonly<Record<string, Float64Array>>;

/** How far a sweep has come; sweeps along other paths can go on from it. */
interface SweepState {
  readonly outer: Outer;
  /** The adjoint, and what entries have gathered over all steps. */
  carry: Buffers;
  /** What per-step entries have gathered. */
  readonly perStep: Map<string, Float64Array>;
  /** Of the adjoint that the sweep began with, or began again with. */
  squaredNorm: number;
  /** Largest squared norm of the adjoint since, as a multiple of that. */
  largest: number;
  passedAt: number | undefined;
  done: number;
}

/** Compiles the sweep along a path, at one point of hyperparameters. */
export async function createSweep(
  shared: Shared,
  path: Path,
  point: Point,
  hyper: () => Promise<Buffers>,
  free: (...groups: readonly Buffers[]) => void,
): Promise<Sweep> {
  const { problem, engine } = shared;
  const { traced, step, finish } = await once(shared.sweeps, path.name, () => compileSweep(shared, path));
  const leaves = stateLeaves(problem);
  const shapes = new Map(traced.entries.map((entry) => [entry.name, entry.node.shape]));
  const summed = traced.entries.filter((entry) => entry.perStep === undefined).map((entry) => entry.name);
  const carried = [...leaves.map(adjointName), ...summed];
  const shapeOf = (name: string): readonly number[] =>
    shapes.get(name) ?? leaves.find((leaf) => adjointName(leaf) === name)!.shape;
  const zerosFor = (names: readonly string[]): Promise<Buffers> =>
    zeros(
      engine,
      names.map((name) => ({ name, shape: shapeOf(name) })),
    );

  return {
    reads: traced.reads,
    async begin(outer) {
      const missing = carried.filter((name) => !(name in outer.adjoint));
      return runOf({
        outer,
        carry: { ...outer.adjoint, ...(await zerosFor(missing)) },
        perStep: tables(traced.entries, problem.steps),
        squaredNorm: outer.squaredNorm,
        largest: 1,
        passedAt: undefined,
        done: 0,
      });
    },
    resume(run) {
      const state = run.state as SweepState;
      const missing = carried.find((name) => !(name in state.carry));
      if (missing !== undefined) throw new Error(`${path.name} cannot go on without ${missing}`);
      return runOf(state);
    },
  };

  function runOf(state: SweepState): SweepRun {
    const { outer } = state;
    const replace = (fresh: Buffers): void => {
      free(Object.fromEntries(Object.keys(fresh).map((name) => [name, state.carry[name]!])));
      state.carry = { ...state.carry, ...fresh };
    };
    const growthOf = (squared: number): number => (state.squaredNorm === 0 ? 1 : squared / state.squaredNorm);

    /**
     * One call of the engine.
     * @param held an adjoint that is not to be freed
     * @returns whether growth stayed within the limit
     */
    const advance = async (
      executable: Executable,
      given: Buffers,
      chunk: Range,
      limit = Infinity,
      held?: Buffers,
    ): Promise<boolean> => {
      const rows = await shared.rowTable(chunk);
      const constant = { ...(await hyper()), ...(await shared.data("train")) };
      const result = await executable.run({ ...constant, ...state.carry, ...given, ...rows }, chunk);
      free(rows);
      if (state.carry !== held) free(state.carry);
      state.carry = Object.fromEntries(carried.map((name) => [name, result[name]!]));
      const scans = step.program.loop!.scan;
      const numbers = await readAll(engine, result, scans);
      free(Object.fromEntries(scans.map((name) => [name, result[name]!])));
      checkDivisor(traced, numbers, chunk, path);
      const squared = numbers[GROWTH]!;
      if (limit < Infinity && !squared.every((x) => growthOf(x) <= limit ** 2)) return false;
      if (!allFinite(squared)) throw notFinite(chunk, path);
      for (const [name, table] of state.perStep) storeReversed(table, numbers[`next/${name}`]!, chunk);
      squared.forEach((x, i) => {
        state.largest = Math.max(state.largest, growthOf(x));
        if (growthOf(x) > GROWTH_LIMIT ** 2) state.passedAt ??= chunk.to - 1 - i;
      });
      state.done += chunk.to - chunk.from;
      shared.progress("backward", state.done, path.length);
      return true;
    };

    const run: SweepRun = {
      state,
      async back(range, tensors, limit = Infinity) {
        await step.verify(
          problem.batch ?? rowsOf(problem.data.train),
          (n) => sweepProgram(problem, path, n).program,
          { ...state.carry, ...tensors },
          point,
        );
        const before = { ...state };
        // With a limit, the adjoint that the range began with is what there is to go back to.
        const held = limit < Infinity ? before.carry : undefined;
        let within = true;
        // A table belongs to its whole run of steps.
        const whole = traced.reads.length > 0 || path.blocks !== undefined;
        const most = whole ? range.to - range.from : Infinity;
        const pace = whole ? { stepsPerSecond: Infinity } : shared.pace.backward;
        try {
          await inChunks(range, "backward", pace, most, async (chunk) => {
            within &&= await advance(step.executable, tensors, chunk, limit, held);
          });
        } catch (error) {
          // The adjoint to go back to is held beside the one that `abandon` frees.
          if (held !== undefined && state.carry !== held) free(held);
          throw error;
        }
        if (within) {
          if (held !== undefined && state.carry !== held) free(held);
          return true;
        }
        free(state.carry);
        Object.assign(state, before);
        return false;
      },
      async replay(range, from) {
        if (traced.reads.length === 0) return void (await run.back(range, {}));
        const program = (): Program => replayProgram(shared, traced);
        const { executable } = await shared.compile(`${traced.program.name}, replayed`, program);
        await advance(executable, from, range);
      },
      async restart(next) {
        const missing = leaves.map(adjointName).filter((name) => !(name in next.adjoint));
        replace({ ...next.adjoint, ...(await zerosFor(missing)) });
        state.squaredNorm = next.squaredNorm;
      },
      async finish(reachesStart) {
        if (!reachesStart) replace(await zerosFor(leaves.map(adjointName)));
        const gradient = await finishSweep(state.carry, state.perStep, outer.direct);
        return { gradient, growth: Math.sqrt(state.largest), growthPassedAt: state.passedAt };
      },
      abandon: () => free(state.carry),
    };
    return run;
  }

  /** Through the entries and the initial weights to the hyperparameters, direct part added. */
  async function finishSweep(carry: Buffers, perStep: Map<string, Float64Array>, direct: Point): Promise<Point> {
    const loaded: Record<string, Awaited<ReturnType<typeof engine.load>>> = {};
    for (const { name, perStep: index } of traced.entries) {
      if (index === undefined) continue;
      loaded[name] = await engine.load({ data: perStep.get(name)!, shape: problem.hypers.tensors[index]!.shape });
    }
    for (const { name, shape } of problem.hypers.tensors)
      loaded[`direct/${name}`] = await engine.load({ data: direct[name]!, shape });
    Object.assign(loaded, await loadDrawn(shared));
    const result = await finish.executable.run({ ...(await hyper()), ...carry, ...loaded });
    free(carry, loaded);
    const numbers = await readAll(engine, result, Object.keys(finish.program.graph.outputs));
    free(result);
    const gradient = Object.fromEntries(problem.hypers.tensors.map(({ name }) => [name, numbers[`gradient/${name}`]!]));
    const broken = Object.entries(gradient).find(([, values]) => !allFinite(values));
    if (broken !== undefined) {
      throw new DrmadError("non-finite", `the hypergradient of ${broken[0]} is not finite (${path.name})`, {
        hint: SOFTER,
      });
    }
    return gradient;
  }
}
