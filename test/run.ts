import type { NdArray } from "../src/data/dataset.ts";
import type { Buffer, Engine, Program, Range } from "../src/engine/engine.ts";

type Arrays = Readonly<Record<string, NdArray>>;

/** Compiles a program, feeds it arrays, and reads all its results. */
export async function runProgram(
  engine: Engine,
  program: Program,
  feeds: Arrays,
  range?: Range,
): Promise<Record<string, NdArray>> {
  const executable = await engine.compile(program);
  const inputs: Record<string, Buffer> = {};
  for (const [name, array] of Object.entries(feeds)) inputs[name] = await engine.load(array);
  const outputs = await executable.run(inputs, range);
  const results: Record<string, NdArray> = {};
  for (const [name, buffer] of Object.entries(outputs)) results[name] = await engine.read(buffer);
  engine.free([...Object.values(inputs), ...Object.values(outputs)]);
  return results;
}

export const floats = (shape: readonly number[], data: readonly number[]): NdArray => ({
  data: Float64Array.from(data),
  shape,
});
export const integers = (shape: readonly number[], data: readonly number[]): NdArray => ({
  data: Int32Array.from(data),
  shape,
});
