import type { Range } from "../engine/engine.ts";
import { DrmadError } from "../errors.ts";
import { rowsOf } from "../problem/problem.ts";
import { sizeOf } from "../tensor/shape.ts";
import { inChunks } from "./chunks.ts";
import type { Path } from "./path.ts";
import { finishProgram } from "./programs.ts";
import type { Buffers, Point, Sweep } from "./rollout.ts";
import { allFinite, loadDrawn, once, readAll, zeros, type Shared, type SweepParts } from "./shared.ts";
import { adjointName, DIVISOR, GROWTH, sweepProgram, type Entry, type SweepProgram } from "./sweep.ts";
import { stateLeaves } from "./symbols.ts";

async function compileSweep(shared: Shared, path: Path): Promise<SweepParts> {
  const traced = sweepProgram(shared.problem, path);
  return {
    traced,
    step: await shared.compile(traced.program.name, () => traced.program),
    finish: await shared.compile(`${traced.program.name}, end`, () => finishProgram(shared.problem, traced)),
  };
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

function checkNumbers(
  traced: SweepProgram,
  numbers: Readonly<Record<string, Float64Array>>,
  range: Range,
  path: Path,
): void {
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
  const squared = numbers[GROWTH]!;
  if (squared.some((x) => !Number.isFinite(x))) {
    throw new DrmadError(
      "non-finite",
      `the adjoint is not finite between steps ${range.from} and ${range.to} of the sweep (${path.name})`,
      {
        hint: "The hypergradient does not exist as a number here: try an exact method, fewer steps or a smaller learning rate.",
      },
    );
  }
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
      const constant = { ...(await hyper()), ...(await shared.data("train")) };
      let carry: Buffers = {
        ...outer.adjoint,
        ...(await zerosFor(carried.filter((name) => !(name in outer.adjoint)))),
      };
      const perStep = tables(traced.entries, problem.steps);
      let squaredNorm = outer.squaredNorm;
      let largest = 1;
      let done = 0;
      const runChunk = async (chunk: Range, tensors: Buffers): Promise<void> => {
        const rows = await shared.rowTable(chunk);
        const result = await step.executable.run({ ...constant, ...carry, ...tensors, ...rows }, chunk);
        free(rows, carry);
        carry = Object.fromEntries(carried.map((name) => [name, result[name]!]));
        const scans = step.program.loop!.scan;
        const numbers = await readAll(engine, result, scans);
        free(Object.fromEntries(scans.map((name) => [name, result[name]!])));
        checkNumbers(traced, numbers, chunk, path);
        for (const [name, table] of perStep) storeReversed(table, numbers[`next/${name}`]!, chunk);
        if (squaredNorm !== 0)
          for (const squared of numbers[GROWTH]!) largest = Math.max(largest, squared / squaredNorm);
        done += chunk.to - chunk.from;
        shared.progress("backward", done, path.length);
      };
      const replace = (fresh: Buffers): void => {
        free(Object.fromEntries(Object.keys(fresh).map((name) => [name, carry[name]!])));
        carry = { ...carry, ...fresh };
      };
      return {
        async back(range, tensors) {
          await step.verify(
            problem.batch ?? rowsOf(problem.data.train),
            (n) => sweepProgram(problem, path, n).program,
            { ...carry, ...tensors },
            point,
          );
          // A table belongs to its whole run of steps.
          const most = traced.reads.length > 0 ? range.to - range.from : Infinity;
          const pace = most === Infinity ? shared.pace.backward : { stepsPerSecond: Infinity };
          await inChunks(range, "backward", pace, most, (chunk) => runChunk(chunk, tensors));
        },
        async restart(next) {
          replace({
            ...next.adjoint,
            ...(await zerosFor(leaves.map(adjointName).filter((name) => !(name in next.adjoint)))),
          });
          squaredNorm = next.squaredNorm;
        },
        async finish(reachesStart) {
          if (!reachesStart) replace(await zerosFor(leaves.map(adjointName)));
          const gradient = await finishSweep(carry, perStep, outer.direct);
          return { gradient, growth: Math.sqrt(largest) };
        },
        abandon: () => free(carry),
      };
    },
  };

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
        hint: "Try an exact method, fewer steps or a smaller learning rate.",
      });
    }
    return gradient;
  }
}
