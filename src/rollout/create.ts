import type { Engine, Program, Range } from "../engine/engine.ts";
import { DrmadError } from "../errors.ts";
import { rowsOf, type Problem } from "../problem/problem.ts";
import { sizeOf } from "../tensor/shape.ts";
import { inChunks } from "./chunks.ts";
import { checkEveryHyperIsUsed, evaluateProgram, outerProgram, startProgram, trainProgram } from "./programs.ts";
import { createReversal, shareReversal, type SharedReversal } from "./reversal.ts";
import type { Buffers, Kept, Outer, Point, Rollout, RolloutOptions } from "./rollout.ts";
import { createSweep } from "./run-sweep.ts";
import { allFinite, readAll, share, type Shared } from "./shared.ts";
import { storedName } from "./sweep.ts";
import { stateLeaves } from "./symbols.ts";

/** Kept tensors of one chunk lie in one piece, so their bytes bound a chunk. */
const KEPT_BYTES_A_CHUNK = 16e6;

/**
 * Compiles what a problem needs on an engine.
 * @throws DrmadError shape-mismatch, invalid-loss, unused-hyperparameter and the like: the experiment is traced here
 */
export function createRollout(problem: Problem, engine: Engine, options: RolloutOptions = {}): Rollout {
  checkEveryHyperIsUsed(problem, [trainProgram(problem, []), startProgram(problem), outerProgram(problem)]);
  const start = Object.fromEntries(problem.hypers.tensors.map((t) => [t.name, t.start]));
  const shared = share(problem, engine, options);
  let reversal: SharedReversal | undefined;
  return bind(shared, () => (reversal ??= shareReversal(shared)), start);
}

function bind(shared: Shared, reversal: () => SharedReversal, point: Point): Rollout {
  const { problem, engine } = shared;
  const leaves = stateLeaves(problem);
  const hyper = (): Promise<Buffers> => shared.hyper(point);
  const free = (...groups: readonly Buffers[]): void => engine.free(groups.flatMap((group) => Object.values(group)));
  const smallest = problem.weights.reduce((a, b) => (sizeOf(b.shape) < sizeOf(a.shape) ? b : a));

  const numberBytes = engine.description.precision === "float64" ? 8 : 4;
  const bytesKept = ({ graph }: Program, keep: readonly string[]): number =>
    keep.reduce((n, name) => n + numberBytes * sizeOf(graph.nodes[graph.outputs[`kept/${name}`]!]!.shape), 0);

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

    async start() {
      const { executable } = await shared.compile("start", () => startProgram(problem));
      const drawn = Object.fromEntries(
        await Promise.all(
          problem.weights.map(
            async ({ path, shape, drawn: data }) => [`drawn/${path}`, await engine.load({ data, shape })] as const,
          ),
        ),
      );
      const weights = await executable.run({ ...drawn, ...(await hyper()) });
      free(drawn);
      const slots = leaves.filter((leaf) => leaf.kind === "slot");
      const zeros = slots.map(
        async ({ name, shape }) => [name, await engine.load({ data: new Float32Array(sizeOf(shape)), shape })] as const,
      );
      return { ...weights, ...Object.fromEntries(await Promise.all(zeros)) };
    },

    stateBytes: leaves.reduce((n, leaf) => n + numberBytes * sizeOf(leaf.shape), 0),
    keptBytes: (keep) => bytesKept(trainProgram(problem, keep), keep),

    async train(from, { range = { from: 0, to: problem.steps }, keep = [] } = {}) {
      const compiled = await shared.compile(`train ${keep.join()}`, () => trainProgram(problem, keep));
      const constant = { ...(await hyper()), ...(await shared.data("train")) };
      const bytes = bytesKept(compiled.program, keep);
      const most = bytes === 0 ? Infinity : Math.max(1, Math.floor(KEPT_BYTES_A_CHUNK / bytes));
      await compiled.verify(
        problem.batch ?? rowsOf(problem.data.train),
        (n) => trainProgram(problem, keep, n),
        from,
        point,
      );
      let state = from;
      const kept: Kept[] = [];
      const runChunk = async (chunk: Range): Promise<void> => {
        const rows = await shared.rowTable(chunk);
        const result = await compiled.executable.run({ ...constant, ...state, ...rows }, chunk);
        free(rows);
        if (state !== from) free(state);
        state = Object.fromEntries(leaves.map(({ name }) => [name, result[name]!]));
        // A sweep needs the runs of steps even where it reads nothing of them.
        const tensors = Object.fromEntries(keep.map((name) => [storedName(name), result[`kept/${name}`]!]));
        kept.push({ range: chunk, tensors });
        const watched = await engine.read(state[`weights/${smallest.path}`]!);
        if (!allFinite(watched.data)) {
          throw new DrmadError(
            "non-finite",
            `training diverged: weights ${smallest.path} are not finite after step ${chunk.to}`,
            {
              hint: "Start from a smaller learning rate or a smaller initial scale.",
            },
          );
        }
        shared.progress("train", chunk.to, problem.steps);
      };
      try {
        await inChunks(range, "forward", shared.pace.train, most, runChunk);
      } catch (error) {
        if (state !== from) free(state);
        free(...kept.map(({ tensors }) => tensors));
        throw error;
      }
      return { final: state, kept };
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
        throw new DrmadError(
          "non-finite",
          Number.isFinite(value)
            ? `the gradient of the validation loss is not finite, though the loss is ${value}`
            : `training diverged: the validation loss is ${value}`,
          { hint: "Start from a smaller learning rate or a smaller initial scale." },
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

    sweep: (path) => createSweep(shared, path, point, hyper, free),
    reversal: () => createReversal(reversal(), point, free),
    load: (array) => engine.load(array),
    read: (buffer) => engine.read(buffer),
    free,
  };
  return rollout;
}
