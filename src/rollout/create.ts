import type { Point } from "../data/point.ts";
import type { Engine, Program, Range } from "../engine/engine.ts";
import { DrmadError } from "../errors.ts";
import { rowsOf, type Problem } from "../problem/problem.ts";
import { sizeOf } from "../tensor/shape.ts";
import { inChunks } from "./chunks.ts";
import { createCurvature } from "./curvature.ts";
import { divergence, requireFiniteWeights } from "./divergence.ts";
import { createForward } from "./forward.ts";
import { huntNonFinite } from "./hunt-non-finite.ts";
import { createMerger } from "./merge.ts";
import { checkLabels, labelUses } from "./labels.ts";
import { keptName, storedName } from "./path.ts";
import {
  checkEveryHyperIsUsed,
  evaluated,
  evaluateProgram,
  LOSS,
  outerProgram,
  priorProgram,
  startProgram,
  trainingLoss,
  trainingLossProgram,
  trainProgram,
  withoutPrior,
} from "./programs.ts";
import { createReversal, shareReversal, type SharedReversal } from "./reversal.ts";
import {
  CALL_BYTES,
  type Buffers,
  type Kept,
  type Outer,
  type Rollout,
  type RolloutOptions,
  type Snapshot,
} from "./rollout.ts";
import { createSweep } from "./run-sweep.ts";
import { allFinite, loadDrawn, readAll, share, zeros, type Shared } from "./shared.ts";
import { readAsRows, readSnapshots, snapshotOf, windowEnd } from "./snapshots.ts";
import { stateLeaves } from "./state.ts";

/** Diverged training is stopped so soon; looking at all weights takes as long as a few steps. */
const LOOK_MS = 500;

/**
 * Compiles what a problem needs on an engine.
 * @throws DrmadError shape-mismatch, invalid-loss, unused-hyperparameter and the like: the experiment is traced here
 */
export function createRollout(problem: Problem, engine: Engine, options: RolloutOptions = {}): Rollout {
  checkEveryHyperIsUsed(problem, [trainProgram(problem), startProgram(problem), outerProgram(withoutPrior(problem))]);
  const labels = [...labelUses([trainingLoss(problem)], "train"), ...labelUses(evaluated(problem))];
  checkLabels(problem, labels);
  const start = Object.fromEntries(problem.hypers.tensors.map((t) => [t.name, t.start]));
  return bindAll(share(problem, engine, options, labels), start);
}

function bindAll(shared: Shared, point: Point): Rollout {
  let reversal: SharedReversal | undefined;
  return bind(shared, () => (reversal ??= shareReversal(shared)), point);
}

function bind(shared: Shared, reversal: () => SharedReversal, point: Point): Rollout {
  const { problem, engine } = shared;
  const leaves = stateLeaves(problem);
  const hyper = (): Promise<Buffers> => shared.hyper(point);
  const free = (...groups: readonly Buffers[]): void => engine.free(groups.flatMap((group) => Object.values(group)));
  /** The point of the run that an error tells of, or of the one that caused it. */
  const pointOf = (error: unknown): Point =>
    error instanceof Error ? (shared.diverged.get(error) ?? pointOf(error.cause)) : point;

  const numberBytes = engine.description.precision === "float64" ? 8 : 4;
  const bytesKept = ({ graph, loop }: Program): number =>
    loop!.scan.reduce((n, name) => {
      const { dtype, shape } = graph.nodes[graph.outputs[name]!]!;
      return n + sizeOf(shape) * (dtype === "int8" ? 1 : dtype === "float16" ? 2 : numberBytes);
    }, 0);

  const rollout: Rollout = {
    steps: problem.steps,
    leaves,
    hypers: problem.hypers.tensors,
    point,
    engine: engine.description,
    get unverified() {
      return [...shared.unverified];
    },
    at: (other) => bind(shared, reversal, other),
    reseeded(other) {
      checkLabels(other, shared.labels);
      return bindAll(share(other, engine, shared.options, shared.labels, shared), point);
    },

    async start() {
      const { executable } = await shared.compile("start", () => startProgram(problem));
      const drawn = await loadDrawn(shared);
      const weights = await executable.run({ ...drawn, ...(await hyper()) });
      free(drawn);
      const slots = leaves.filter((leaf) => leaf.kind === "slot");
      return { ...weights, ...(await zeros(engine, slots)) };
    },

    stateBytes: leaves.reduce((n, leaf) => n + numberBytes * sizeOf(leaf.shape), 0),
    keptBytes: (keep, packed) => bytesKept(trainProgram(problem, { keep, ...(packed && { packed }) })),

    async train(from, { range = { from: 0, to: problem.steps }, ...options } = {}) {
      const { onLosses } = shared.options;
      const losses = onLosses !== undefined;
      const program = (rows?: number): Program => trainProgram(problem, { ...options, losses }, rows);
      const compiled = await shared.compile(`train ${JSON.stringify(options)}`, program);
      const constant = { ...(await hyper()), ...(await shared.data("train")) };
      const bytes = bytesKept(compiled.program);
      const most = bytes === 0 ? Infinity : Math.max(1, Math.floor(CALL_BYTES / bytes));
      await compiled.verify(problem.batch ?? rowsOf(problem.data.train), program, from, point);
      let state = from;
      const kept: Kept[] = [];
      const snapshots: Snapshot[] = [];
      const end = compiled.program.loop!.blocks?.end;
      let looked = performance.now();
      const runChunk = async (chunk: Range): Promise<void> => {
        const rows = await shared.rowTable(chunk);
        const result = await compiled.executable.run({ ...constant, ...state, ...rows }, chunk);
        free(rows);
        if (state !== from) free(state);
        state = Object.fromEntries(leaves.map(({ name }) => [name, result[name]!]));
        // A sweep needs the runs of steps even where it reads nothing of them.
        const tensors = Object.fromEntries(
          compiled.program
            .loop!.scan.filter((name) => name !== LOSS)
            .map((name) => [name.replace(keptName(""), storedName("")), result[name]!]),
        );
        kept.push({ range: chunk, tensors });
        if (onLosses !== undefined) {
          onLosses(chunk.from, (await readAll(engine, result, [LOSS]))[LOSS]!);
          engine.free([result[LOSS]!]);
        }
        if (end !== undefined && options.snapshots !== undefined) {
          snapshots.push(...(await readSnapshots(engine, problem, result, end, chunk, options.snapshots)));
          free(Object.fromEntries(Object.keys(end.outputs).map((name) => [name, result[name]!])));
        }
        if (chunk.to === problem.steps || performance.now() - looked > LOOK_MS) {
          await requireFiniteWeights(shared, state, chunk.to, point);
          looked = performance.now();
        }
        shared.progress("train", chunk.to, problem.steps);
      };
      try {
        await inChunks(range, "forward", shared.pace.train, most, runChunk, options.snapshots?.every);
      } catch (error) {
        if (state !== from) free(state);
        free(...kept.map(({ tensors }) => tensors));
        throw error;
      }
      return { final: state, kept, snapshots };
    },

    async snapshot(state, time, packed) {
      const options = { every: 1, of: "points", packed } as const;
      const { executable, program } = await shared.compile(`snapshot ${packed}`, () => ({
        name: "snapshot",
        graph: windowEnd(problem, options),
      }));
      const result = await executable.run(state);
      const rows = await readAsRows(engine, result, Object.keys(program.graph.outputs));
      free(result);
      return snapshotOf(problem, rows, 0, time);
    },

    async outer(final) {
      const compiled = await shared.compile("outer", () => outerProgram(problem));
      await compiled.verify(rowsOf(problem.data.valid), (n) => outerProgram(problem, n), final, point);
      const result = await compiled.executable.run({ ...final, ...(await hyper()), ...(await shared.data("valid")) });
      const numbers = await readAll(engine, result, [
        "value",
        "squaredNorm",
        ...problem.hypers.tensors.map((t) => `direct/${t.name}`),
      ]);
      const value = numbers["value"]![0]!;
      const squaredNorm = numbers["squaredNorm"]![0]!;
      if (!Object.values(numbers).every(allFinite)) {
        free(result);
        const prior = await rollout.prior();
        if (prior !== undefined && !Number.isFinite(prior)) throw divergence(shared, point, `valid.prior is ${prior}`);
        throw divergence(
          shared,
          point,
          Number.isFinite(value)
            ? `the gradient of the validation loss is not finite, though the loss is ${value}`
            : `training diverged: the validation loss is ${value}`,
        );
      }
      const adjoint = Object.fromEntries(
        problem.weights.map(({ path }) => [`adjoint/weights/${path}`, result[`adjoint/weights/${path}`]!]),
      );
      free(Object.fromEntries(Object.entries(result).filter(([name]) => !(name in adjoint))));
      const direct = Object.fromEntries(problem.hypers.tensors.map(({ name }) => [name, numbers[`direct/${name}`]!]));
      return { value, direct, adjoint, squaredNorm } satisfies Outer;
    },

    async evaluate(final, split) {
      if (problem.data[split] === undefined) {
        throw new DrmadError("invalid-experiment", `the experiment's data has no ${split} split`);
      }
      const { executable, program } = await shared.compile(`evaluate ${split}`, () => evaluateProgram(problem, split));
      const result = await executable.run({ ...final, ...(await hyper()), ...(await shared.data(split)) });
      const numbers = await readAll(engine, result, Object.keys(program.graph.outputs));
      free(result);
      return Object.fromEntries(Object.entries(numbers).map(([name, data]) => [name, data[0]!]));
    },

    async trainingLoss(state, step) {
      const { executable } = await shared.compile("training loss", () => trainingLossProgram(problem));
      const range = { from: step, to: step + 1 };
      const rows = await shared.rowTable(range);
      const inputs = { ...(await hyper()), ...(await shared.data("train")), ...state, ...rows };
      const result = await executable.run(inputs, range);
      const { [LOSS]: losses } = await readAll(engine, result, [LOSS]);
      free(rows, result);
      return losses![0]!;
    },

    async prior() {
      const program = priorProgram(problem);
      if (program === undefined) return undefined;
      const { executable } = await shared.compile("prior", () => program);
      const result = await executable.run(await hyper());
      const { prior } = await readAll(engine, result, ["prior"]);
      free(result);
      return prior![0]!;
    },

    merger: (options) => createMerger(shared, point, hyper, options),
    sweep: (path) => createSweep(shared, path, point, hyper, free),
    reversal: () => createReversal(reversal(), point, free),
    async huntNonFinite({ after, ...limits } = {}) {
      const there = pointOf(after);
      return huntNonFinite(shared, there, await rollout.at(there).start(), limits);
    },
    forward: (directions) => createForward(shared, directions, point, hyper, rollout.start),
    curvature: () => createCurvature(shared, point, hyper),
    load: (array) => engine.load(array),
    read: (buffer) => engine.read(buffer),
    free,
  };
  return rollout;
}
