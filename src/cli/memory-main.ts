import { readFileSync } from "node:fs";
import { openEngine } from "../engine/choose.ts";
import { createRollout } from "../rollout/create.ts";
import { methodNamed } from "./compare-methods.ts";
import type { MemoryAnswer, MemoryJob } from "./compare-memory.ts";
import { prepare } from "./prepare.ts";

/** The largest resident size that this process has had; null where the system does not say. */
function peakResident(): number | null {
  try {
    const found = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync("/proc/self/status", "utf8"));
    return found === null ? null : Number(found[1]) * 1024;
  } catch {
    return null;
  }
}

/** The entry of a process whose memory is measured: it does its one job and says how large it became. */
const job = JSON.parse(process.argv[2]!) as MemoryJob;
const { problem, threads } = await prepare(job.experiment, job);
const { engine } = await openEngine({ ...(job.engine === undefined ? {} : { engine: job.engine }), threads });
const rollout = createRollout(problem, engine, { trustEngine: true });
if (job.contestant === undefined) {
  const start = await rollout.start();
  const { final } = await rollout.train(start);
  await rollout.outer(final);
} else {
  await methodNamed(job.contestant).run(rollout);
}
const answer: MemoryAnswer = { peak: peakResident() };
process.send!(answer, () => process.disconnect());
await engine.close();
