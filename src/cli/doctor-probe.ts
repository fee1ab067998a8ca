import { openEngine } from "../engine/choose.ts";
import type { Precision } from "../engine/engine.ts";
import { digitsL2 } from "../experiments/digits-l2.ts";
import type { NdArray } from "../data/dataset.ts";
import { resolveProblem, type Problem } from "../problem/problem.ts";
import { flopOf } from "../rollout/probe.ts";
import { trainProgram } from "../rollout/programs.ts";
import { hyperInputName } from "../rollout/hypers.ts";
import { ROWS as ROWS_TABLE } from "../rollout/step.ts";
import { inputsOf, type GraphInput } from "../tensor/graph.ts";
import { sizeOf } from "../tensor/shape.ts";

export interface ProbeResult {
  readonly milliseconds: number;
  readonly mflop: number;
}

const ROWS = 8;
const STEPS = 200;

/**
 * One training step of a small network on digits: compared with the reference interpreter, then timed.
 * @throws DrmadError engine-unavailable, engine-disagrees
 */
export async function nativeProbe(precision: Precision): Promise<ProbeResult> {
  const problem = await resolveProblem(digitsL2());
  const { engine } = await openEngine({ engine: "native", precision, worker: false });
  try {
    const program = trainProgram(problem, {}, ROWS);
    const inputs = inputsOf(program.graph);
    const values = Object.fromEntries(inputs.map((input) => [input.name, valueOf(problem, input)]));
    await engine.verify(program, values);

    const executable = await engine.compile(program);
    const loaded = await Promise.all(
      inputs.map(async (input) => [input.name, await engine.load(tiled(values[input.name]!, input))] as const),
    );
    const run = async (): Promise<number> => {
      const begin = performance.now();
      const results = await executable.run(Object.fromEntries(loaded), { from: 0, to: STEPS });
      engine.free(Object.values(results));
      return (performance.now() - begin) / STEPS;
    };
    await run();
    return { milliseconds: Math.min(await run(), await run(), await run()), mflop: flopOf(program.graph) / 1e6 };
  } finally {
    await engine.close();
  }
}

/** Weights, penalties and rows of the experiment itself; slots start at 0. */
function valueOf({ data, weights, hypers }: Problem, { name, shape }: GraphInput): NdArray {
  const weight = weights.find(({ path }) => name === `weights/${path}`);
  if (weight !== undefined) return { data: weight.drawn, shape };
  const hyper = hypers.tensors.find((tensor) => hyperInputName(tensor.name) === name);
  if (hyper !== undefined) return { data: hyper.start, shape };
  if (name.startsWith("train/")) return data.train[name.slice("train/".length)]!;
  if (name === ROWS_TABLE) return { data: Int32Array.from({ length: ROWS }, (_, i) => i), shape };
  if (name === "t" || name === "k") return { data: Int32Array.of(0), shape };
  return { data: new Float64Array(sizeOf(shape)), shape };
}

/** A table of rows for every step, from those of one. */
function tiled({ data, shape }: NdArray, { name }: GraphInput): NdArray {
  if (name !== ROWS_TABLE) return { data, shape };
  const table = new Int32Array(STEPS * data.length);
  for (let step = 0; step < STEPS; step++) table.set(data, step * data.length);
  return { data: table, shape: [STEPS, ...shape.slice(1)] };
}
