import type { Program, Range, HeldArray } from "../engine/engine.ts";
import { rowsOf, type Problem } from "../problem/problem.ts";
import { add, sub } from "../tensor/elementwise.ts";
import { toGraph, type Graph } from "../tensor/graph.ts";
import { input } from "../tensor/layout.ts";
import { sum } from "../tensor/reduce.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { blame, type Scene } from "./blame.ts";
import { inChunks } from "./chunks.ts";
import type { NonFinite } from "./non-finite.ts";
import { takeRows } from "./probe.ts";
import { outerProgram, startProgram, trainProgram } from "./programs.ts";
import type { Point } from "../data/point.ts";
import type { Buffers } from "./rollout.ts";
import { allFinite, readAll, type Shared } from "./shared.ts";
import { hyperInputName, hyperSymbols } from "./hypers.ts";
import { productsOf } from "./products.ts";
import { ROWS, stepSymbols, type StepSymbols } from "./step.ts";
import { stateLeaves, type StateLeaf } from "./state.ts";

const LOSS = "watched/loss";
const STATE = "watched/state";

const stepOf = (problem: Problem): StepSymbols =>
  stepSymbols(problem, hyperSymbols(problem), ({ name, shape }: StateLeaf) => input(name, shape));

const named = (name: string, list: readonly Tensor[]): Record<string, Tensor> =>
  Object.fromEntries(list.map((x, i) => [`${name}/${i}`, x]));

/** Training that says at every step whether the loss and the state after it are finite: x − x is 0 or NaN. */
function watchProgram(problem: Problem): Program {
  const step = stepOf(problem);
  const next = stateLeaves(problem).map(({ name }, i) => [`next/${name}`, step.next[i]!] as const);
  // As in training, so that the step is compiled to the same arithmetic.
  const products = named("kept", [...productsOf(problem, step.loss).values()]);
  const state = step.next.map((x) => sum(sub(x, x))).reduce((a, b) => add(a, b));
  return {
    name: "watched training step",
    graph: toGraph({ ...Object.fromEntries(next), ...products, [LOSS]: step.loss, [STATE]: state }),
    loop: { ...trainProgram(problem).loop!, scan: [LOSS, STATE] },
  };
}

/** A step with its loss, its gradient and its update as results of their own. */
function stepGraph(problem: Problem): Graph {
  const { loss, gradients, next } = stepOf(problem);
  return toGraph({ loss, ...named("gradient", gradients), ...named("next", next) });
}

const integers = (values: readonly number[], shape: readonly number[] = []): HeldArray => ({
  data: Int32Array.from(values),
  shape,
});

/** A step's number and minibatch. */
function stepFeeds({ batch, data, sampler }: Problem, step: number): Record<string, HeldArray> {
  const n = batch ?? rowsOf(data.train);
  const split = Object.entries(data.train).map(
    ([key, array]) => [`train/${key}`, batch === undefined ? array : takeRows(array, sampler(step))] as const,
  );
  const all = Array.from({ length: n }, (_, i) => i);
  return { ...Object.fromEntries(split), t: integers([step]), k: integers([0]), [ROWS]: integers(all, [1, n]) };
}

const broken = (state: Readonly<Record<string, HeldArray>>): readonly string[] =>
  Object.entries(state).flatMap(([name, { data }]) => (allFinite(data) ? [] : [name.replace("/", " ")]));

function largestWeight(state: Readonly<Record<string, HeldArray>>): number {
  let most = 0;
  for (const [name, { data }] of Object.entries(state)) {
    if (name.startsWith("weights/")) for (const v of data) most = Math.max(most, Math.abs(v));
  }
  return most;
}

/** A replay: where it is, and the first step in which something was not finite. */
interface Replay {
  state: Buffers;
  brokenStep: number | undefined;
}

export interface HuntOptions {
  /** How long the interpreter may take for the calculation that broke, as estimated from its size; by default 2. */
  readonly seconds?: number;
}

/**
 * Replays a run at a point to where a number stops being finite: before, in, or after training. The native engine finds the
 * step; the interpreter goes through it operation by operation, in the engine's precision.
 * Cost: up to the step, about two plain training runs; and one interpreted step.
 * @returns undefined where the initial weights, every step, and the validation loss with its gradient are finite
 */
export async function huntNonFinite(
  shared: Shared,
  point: Point,
  start: Buffers,
  { seconds = 2 }: HuntOptions,
): Promise<NonFinite | undefined> {
  const { problem, engine } = shared;
  const { precision } = engine.description;
  const leaves = stateLeaves(problem);
  const free = (buffers: Buffers): void => engine.free(Object.values(buffers));
  const readState = async (state: Buffers): Promise<Record<string, HeldArray>> =>
    Object.fromEntries(
      await Promise.all(leaves.map(async ({ name }) => [name, await engine.read(state[name]!)] as const)),
    );
  const hypers = Object.fromEntries(
    problem.hypers.tensors.map(({ name, shape }) => [hyperInputName(name), { data: point[name]!, shape }]),
  );
  const told = ({ feeds, ...scene }: Scene): NonFinite =>
    blame({ ...scene, feeds: { ...feeds, ...hypers } }, precision, seconds);

  const replay: Replay = { state: start, brokenStep: undefined };
  try {
    const initial = await readState(start);
    if (broken(initial).length > 0) {
      const feeds = Object.fromEntries(
        problem.weights.map(({ path, shape, drawn: data }) => [`drawn/${path}`, { data, shape }]),
      );
      const { graph } = startProgram(problem);
      return told({ where: "the initial weights", found: broken(initial).join(", "), graph, feeds });
    }

    const constant = { ...(await shared.hyper(point)), ...(await shared.data("train")) };
    const watch = await watcher(shared, constant);
    await inChunks(
      { from: 0, to: problem.steps },
      "forward",
      { stepsPerSecond: undefined },
      Infinity,
      async (chunk) => {
        if (replay.brokenStep !== undefined) return;
        await advance(replay, chunk, watch, free);
        shared.progress("train", replay.brokenStep ?? chunk.to, problem.steps);
      },
    );
    const reached = await readState(replay.state);
    const growth = { from: largestWeight(initial), to: largestWeight(reached) };

    if (replay.brokenStep !== undefined) {
      const step = replay.brokenStep;
      const { next, losses } = await watch(replay.state, { from: step, to: step + 1 });
      const names = broken(await readState(next).finally(() => free(next)));
      const found = [...(allFinite(losses) ? [] : [`the loss ${losses[0]}`]), ...names].join(", ");
      const feeds = { ...reached, ...stepFeeds(problem, step) };
      const where = `step ${step + 1} of ${problem.steps}`;
      return { step, ...told({ where, found, graph: stepGraph(problem), feeds, growth }) };
    }

    const { executable, program } = await shared.compile("outer", () => outerProgram(problem));
    const result = await executable.run({ ...replay.state, ...constant, ...(await shared.data("valid")) });
    const numbers = await readAll(engine, result, Object.keys(result)).finally(() => free(result));
    if (Object.values(numbers).every(allFinite)) return undefined;
    const value = numbers["value"]![0]!;
    const where = `the ${Number.isFinite(value) ? "gradient of the " : ""}validation loss`;
    const valid = Object.entries(problem.data.valid).map(([key, array]) => [`valid/${key}`, array] as const);
    const feeds = { ...reached, ...Object.fromEntries(valid) };
    return told({ where, found: `a loss of ${value}`, graph: program.graph, feeds, growth });
  } finally {
    free(replay.state);
  }
}

/** Goes over a range. Where a step of it breaks, the replay stays before that step. */
async function advance(replay: Replay, range: Range, watch: Watch, free: (buffers: Buffers) => void): Promise<void> {
  const { next, losses, states } = await watch(replay.state, range);
  const at = losses.findIndex((loss, i) => !Number.isFinite(loss + states[i]!));
  if (at < 0) {
    free(replay.state);
    replay.state = next;
    return;
  }
  free(next);
  replay.brokenStep = range.from + at;
  if (at > 0) await advance(replay, { from: range.from, to: replay.brokenStep }, watch, free);
}

/** Trains over a range, and reads what was watched. */
type Watch = (
  state: Buffers,
  range: Range,
) => Promise<{ readonly next: Buffers; readonly losses: Float64Array; readonly states: Float64Array }>;

async function watcher(shared: Shared, constant: Buffers): Promise<Watch> {
  const { engine, problem } = shared;
  const { executable } = await shared.compile("watch", () => watchProgram(problem));
  return async (state, range) => {
    const rows = await shared.rowTable(range);
    const result = await executable.run({ ...constant, ...state, ...rows }, range);
    const { [LOSS]: losses, [STATE]: states } = await readAll(engine, result, [LOSS, STATE]);
    engine.free([...Object.values(rows), result[LOSS]!, result[STATE]!]);
    const next = Object.fromEntries(stateLeaves(problem).map(({ name }) => [name, result[name]!]));
    return { next, losses: losses!, states: states! };
  };
}
