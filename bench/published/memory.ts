/**
 * Runs one method, or plain training with the outer loss's value and gradient ("plain"), once in this fresh process, and
 * prints the process's peak resident size as JSON.
 *
 *     jiti bench/published/memory.ts METHOD STEPS table|sampler
 */
import { openEngine } from "../../src/engine/choose.ts";
import { resolveProblem } from "../../src/problem/problem.ts";
import { createRollout } from "../../src/rollout/create.ts";
import { peakResident } from "./machine.ts";
import { METHODS, published, publishedExperiment } from "./problem.ts";

const [name, steps, batches] = process.argv.slice(2) as [string, string, string];
const experiment = publishedExperiment(published(), Number(steps), batches === "table");
const { engine } = await openEngine();
const rollout = createRollout(await resolveProblem(experiment, { seed: 0 }), engine, { trustEngine: true });
if (name === "plain") {
  const start = await rollout.start();
  const { final } = await rollout.train(start);
  await rollout.outer(final);
} else {
  const method = METHODS[name];
  if (method === undefined) throw new Error(`there is no method "${name}"`);
  await method.method.run(rollout);
}
process.stdout.write(`${JSON.stringify({ peak: peakResident() ?? null })}\n`);
await engine.close();
