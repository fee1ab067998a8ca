import type { Buffer, Engine, HeldArray, Program, Range } from "../src/engine/engine.ts";

type Arrays = Readonly<Record<string, HeldArray>>;

/** Compiles a program, feeds it arrays, and reads all its results. */
export async function runProgram(
  engine: Engine,
  program: Program,
  feeds: Arrays,
  range?: Range,
): Promise<Record<string, HeldArray>> {
  const executable = await engine.compile(program);
  const inputs: Record<string, Buffer> = {};
  for (const [name, array] of Object.entries(feeds)) inputs[name] = await engine.load(array);
  const outputs = await executable.run(inputs, range);
  const results: Record<string, HeldArray> = {};
  for (const [name, buffer] of Object.entries(outputs)) results[name] = await engine.read(buffer);
  engine.free([...Object.values(inputs), ...Object.values(outputs)]);
  return results;
}

export const floats = (shape: readonly number[], data: readonly number[]): HeldArray => ({
  data: Float64Array.from(data),
  shape,
});
export const integers = (shape: readonly number[], data: readonly number[]): HeldArray => ({
  data: Int32Array.from(data),
  shape,
});
