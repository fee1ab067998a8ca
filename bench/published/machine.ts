import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memory: string;
  readonly system: string;
  readonly node: string;
  readonly onnxruntime: string;
}

export const machine = (): Machine => ({
  processor: cpus()[0]?.model.trim() ?? "unknown",
  cores: availableParallelism(),
  memory: `${(totalmem() / 2 ** 30).toFixed(1)} GiB`,
  system: `${process.platform} ${release()} ${process.arch}`,
  node: process.version,
  onnxruntime: (createRequire(import.meta.url)("onnxruntime-node/package.json") as { version: string }).version,
});

/** Processes that wanted a core in the last minute, on average. */
export const load = (): number => loadavg()[0]!;

/** The largest resident size this process has had, in bytes, or undefined where the system does not say. */
export function peakResident(): number | undefined {
  try {
    const found = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync("/proc/self/status", "utf8"));
    return found === null ? undefined : Number(found[1]) * 1024;
  } catch {
    return undefined;
  }
}
