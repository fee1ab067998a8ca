import { settingsAt } from "../dynamics/dynamics.ts";
import type { Program, Range, Reversible, ReversibleProgram } from "../engine/engine.ts";
import { rowsOf, type Problem } from "../problem/problem.ts";
import { add, and, broadcastTo, greater, less, log, mul, where } from "../tensor/elementwise.ts";
import { toGraph } from "../tensor/graph.ts";
import { input, reshape } from "../tensor/layout.ts";
import { mean } from "../tensor/reduce.ts";
import { sizeOf, type Shape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { inChunks } from "./chunks.ts";
import { quantisedDecay, withQuantisedDecay } from "./quantised.ts";
import type { Point } from "../data/point.ts";
import type { Buffers, Kept, Reversal, Reversed } from "./rollout.ts";
import { createSweep } from "./run-sweep.ts";
import type { Shared } from "./shared.ts";
import { storedName } from "./path.ts";
import { hypersAt, hyperSymbols } from "./hypers.ts";
import { productsOf } from "./products.ts";
import { STEP, stepSymbols } from "./step.ts";

/** What is restored at a time lies in memory in full, so its bytes bound a run of steps. */
const RESTORED_BYTES = 6e6;

/** Traced once for all points: the problem as it is trained in fixed point, and its programs. */
export interface SharedReversal {
  readonly shared: Shared;
  readonly program: ReversibleProgram;
  /** Bits lost in all of training at a point. */
  lostBits(point: Point): Promise<number>;
  compiled(): Promise<Reversible>;
  verify(from: Buffers, point: Point): Promise<void>;
}

function gradientProgram(problem: Problem, length?: number): Program {
  const step = stepSymbols(problem, hyperSymbols(problem), (leaf) => input(leaf.name, leaf.shape), length);
  const products = [...productsOf(problem, step.loss)];
  const gradients = problem.weights.map(({ path }, i) => [`gradient/${path}`, step.gradients[i]!] as const);
  const kept = products.map(([name, product]) => [`kept/${name}`, product] as const);
  return { name: "training gradient", graph: toGraph(Object.fromEntries([...gradients, ...kept])) };
}

/** One number where that says it all, else one for each weight. */
const spread = (setting: Tensor, shape: Shape): Tensor =>
  sizeOf(setting.shape) === 1 ? reshape(setting, []) : broadcastTo(setting, shape);

/** @param original the problem before its decay was rounded */
function settingsProgram(original: Problem): Program {
  const dynamics = original.dynamics(hypersAt(original, hyperSymbols(original), STEP).tree);
  const outputs = original.weights.flatMap(({ path, shape }) => {
    const { rate, decay } = settingsAt(dynamics, path, shape) as { readonly rate: Tensor; readonly decay: Tensor };
    return [
      [`rate/${path}`, spread(rate, shape)],
      [`decay/${path}`, spread(quantisedDecay(decay), shape)],
      [`given/${path}`, spread(decay, shape)],
    ] as const;
  });
  return { name: "settings of momentum", graph: toGraph(Object.fromEntries(outputs)) };
}

/** Beyond any memory: what a decay is counted as that loses no finite number of bits. */
const ENDLESS = 1e30;

/** Bits that a step loses, log2(1/γ) for every weight, summed over the steps of a range. */
function lossProgram(original: Problem): Program {
  const dynamics = original.dynamics(hypersAt(original, hyperSymbols(original), STEP).tree);
  const lost = original.weights.map(({ path, shape }) => {
    const { decay } = settingsAt(dynamics, path, shape) as { readonly decay: Tensor };
    const bits = mul(-1 / Math.LN2, log(quantisedDecay(decay)));
    const counted = where(and(greater(decay, 0), less(decay, 1)), bits, ENDLESS);
    return mul(sizeOf(shape), mean(counted));
  });
  const before = input("lost", []);
  const total = lost.reduce((sum, bits) => add(sum, bits), before);
  return {
    name: "bits that momentum loses",
    graph: toGraph({ lostAfter: total }),
    loop: { carry: { lost: "lostAfter" }, scan: [], direction: "forward" },
  };
}

/** More than rounding in the sum of single numbers and what is not yet a whole word add to the bits. */
const BITS_MARGIN = 1.02;

/**
 * A weight's place in the integers (weight, velocity and accumulator, 8 bytes each), its part of a block of words that is
 * not full yet, and where every weight has a rate and a decay of its own, these and its growth.
 */
const weightBytes = (numberBytes: number): number => 3 * 8 + 2 * numberBytes + 4 + 2 * 8 + 4;

/** Whatever the size: pages of 64 KiB that memory comes in, and the table of a decay's bits. */
const FIXED_BYTES = 2 ** 18 + 2 * 2 ** 16;

/** @throws DrmadError unsupported for other dynamics than momentum */
export function shareReversal(original: Shared): SharedReversal {
  const problem = withQuantisedDecay(original.problem);
  const gradient = gradientProgram(problem);
  const program: ReversibleProgram = {
    weights: problem.weights.map(({ path, shape }) => ({ name: path, shape })),
    gradient,
    settings: settingsProgram(original.problem),
  };
  const parts = original.fixedPoint;
  const verify = (parts.verify ??= original.verifier(gradient));
  return {
    shared: {
      ...original,
      problem,
      sweeps: parts.sweeps,
      compile: (key, make) => original.compile(`reversible ${key}`, make),
    },
    program,
    async lostBits(point) {
      const { engine, problem: untouched } = original;
      const counter = await original.compile("bits lost", () => lossProgram(untouched));
      const none = await engine.load({ data: new Float64Array(1), shape: [] });
      const { lost } = await counter.executable.run({ ...(await original.hyper(point)), lost: none }, { from: 0, to: untouched.steps }); // prettier-ignore
      const bits = (await engine.read(lost!)).data[0]!;
      engine.free([none, lost!]);
      return bits < ENDLESS ? bits : Infinity;
    },
    compiled: () => (parts.compiled ??= original.engine.compileReversible(program)),
    verify: (from, point) =>
      verify(problem.batch ?? rowsOf(problem.data.train), (n) => gradientProgram(problem, n), from, point),
  };
}

/** Training in fixed point at one point of hyperparameters. */
export function createReversal(
  { shared, program, lostBits, compiled, verify }: SharedReversal,
  point: Point,
  free: (...groups: readonly Buffers[]) => void,
): Reversal {
  const { problem, engine } = shared;
  const hyper = (): Promise<Buffers> => shared.hyper(point);
  const inputs = async (range: Range): Promise<{ readonly rows: Buffers; readonly all: Buffers }> => {
    const rows = await shared.rowTable(range);
    return { rows, all: { ...(await hyper()), ...(await shared.data("train")), ...rows } };
  };
  const shapeOf = (name: string): Shape => {
    const weight = program.weights.find((w) => name === `weights/${w.name}` || name === `velocity/${w.name}`);
    const { nodes, outputs } = program.gradient.graph;
    return weight?.shape ?? nodes[outputs[`kept/${name}`]!]!.shape;
  };
  const numberBytes = engine.description.precision === "float64" ? 8 : 4;

  const rowBytes = (keep: readonly string[]): number =>
    keep.reduce((n, name) => n + numberBytes * sizeOf(shapeOf(name)), 0);
  const rowsRestored = (keep: readonly string[]): number =>
    keep.length === 0
      ? problem.steps
      : Math.max(1, Math.min(problem.steps, Math.floor(RESTORED_BYTES / rowBytes(keep))));

  return {
    sweep: (path) => createSweep(shared, path, point, hyper, free),
    async bytes(keep) {
      const weights = program.weights.reduce((n, { shape }) => n + sizeOf(shape), 0);
      const bits = BITS_MARGIN * (await lostBits(point));
      return Math.ceil(
        FIXED_BYTES + bits / 8 + weights * weightBytes(numberBytes) + rowsRestored(keep) * rowBytes(keep),
      );
    },
    async train(from): Promise<Reversed> {
      await verify(from, point);
      const run = await (await compiled()).begin(from);
      const whole: Range = { from: 0, to: problem.steps };
      try {
        await inChunks(whole, "forward", shared.pace.train, Infinity, async (chunk) => {
          const { rows, all } = await inputs(chunk);
          await run.forward(all, chunk).finally(() => free(rows));
          shared.progress("train", chunk.to, problem.steps);
        });
        const final = await run.state();
        return { final, information: () => run.information(), back, end: () => run.end() };
      } catch (error) {
        run.end();
        throw error;
      }

      async function* back(keep: readonly string[]): AsyncGenerator<Kept> {
        const most = rowsRestored(keep);
        for (let to = problem.steps; to > 0;) {
          const range = { from: Math.max(0, to - most), to };
          const { rows, all } = await inputs(range);
          const restored = await run.back(all, range, keep).finally(() => free(rows));
          const tensors = Object.fromEntries(keep.map((name) => [storedName(name), restored[name]!]));
          yield { range, tensors };
          to = range.from;
        }
      }
    },
  };
}
