/**
 * A child process that runs one timed job per line of its input ("plain", or a method's name) and answers each
 * with a line of JSON: wall and CPU seconds. "result" answers with the weights and the validation loss of the last "plain".
 *
 *     jiti bench/published/ours.ts THREADS STEPS
 */
import { createInterface } from "node:readline";
import { openEngine } from "../../src/engine/choose.ts";
import { resolveProblem } from "../../src/problem/problem.ts";
import { createRollout } from "../../src/rollout/create.ts";
import type { Buffers } from "../../src/rollout/rollout.ts";
import { METHODS, published, publishedExperiment } from "./problem.ts";

const [threads, steps] = process.argv.slice(2).map(Number) as [number, number];
const problem = await resolveProblem(publishedExperiment(published(), steps, true), { seed: 0 });
const { engine, reason } = await openEngine({ engine: "native", threads });
const rollout = createRollout(problem, engine, { trustEngine: true });

let last: Buffers = {};

async function plain(): Promise<void> {
  rollout.free(last);
  const start = await rollout.start();
  last = (await rollout.train(start)).final;
  rollout.free(start);
}

async function timed(job: () => Promise<void>): Promise<object> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  await job();
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { seconds, cpu: (user + system) / 1e6 };
}

async function result(): Promise<object> {
  const { value } = await rollout.outer(last);
  const weights = problem.weights.map(async ({ path }) => (await rollout.read(last[`weights/${path}`]!)).data);
  const all = Float32Array.from((await Promise.all(weights)).flatMap((data) => Array.from(data)));
  return { loss: value, weights: Buffer.from(all.buffer).toString("base64") };
}

async function answer(line: string): Promise<object> {
  if (line === "result") return result();
  if (line === "plain") return timed(plain);
  const measured = METHODS[line];
  if (measured === undefined) throw new Error(`there is no job "${line}"`);
  const { method } = measured;
  return timed(async () => rollout.free((await method.run(rollout)).final));
}

const say = (value: object): boolean => process.stdout.write(`${JSON.stringify(value)}\n`);
say({ versions: reason });
for await (const line of createInterface({ input: process.stdin })) say(await answer(line));
await engine.close();
