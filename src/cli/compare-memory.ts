import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { DrmadError } from "../errors.ts";
import type { EngineOptions } from "../engine/choose.ts";
import type { PrepareOptions } from "./prepare.ts";

/** What a process of its own does while its memory is watched: train plainly, or run a contestant by name. */
export interface MemoryJob extends PrepareOptions, Pick<EngineOptions, "engine"> {
  readonly experiment: string;
  /** Absent for plain training with the outer loss's value and gradient. */
  readonly contestant?: string;
}

/** Its answer: bytes, or null where the system does not tell. */
export interface MemoryAnswer {
  readonly peak: number | null;
}

// From source a child needs the loader that this process has.
const FROM_SOURCE = import.meta.url.endsWith(".ts");
const ENTRY = fileURLToPath(new URL(FROM_SOURCE ? "./memory-main.ts" : "./memory-main.js", import.meta.url));

function loader(): string[] {
  if (!FROM_SOURCE) return [];
  const manifest = createRequire(import.meta.url).resolve("jiti/package.json");
  return ["--import", new URL("lib/jiti-register.mjs", pathToFileURL(manifest)).href];
}

const cancelled = (): DrmadError => new DrmadError("cancelled", "stopped while memory was measured");

/** @returns the peak resident size of a fresh process in bytes; undefined where the system does not tell */
function peakOf(job: MemoryJob, signal: AbortSignal): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(cancelled());
    // What the experiment prints is no answer: that comes by a channel of its own.
    const child = spawn(process.execPath, [...loader(), ENTRY, JSON.stringify(job)], {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    let answer: MemoryAnswer | undefined;
    let told = "";
    const stop = (): void => void child.kill("SIGKILL");
    signal.addEventListener("abort", stop);
    child.on("message", (message) => (answer = message as MemoryAnswer));
    child.stderr!.on("data", (piece: Buffer) => (told = (told + piece.toString()).slice(-500)));
    child.on("error", reject);
    child.on("close", (code) => {
      signal.removeEventListener("abort", stop);
      if (signal.aborted) reject(cancelled());
      else if (answer !== undefined) resolve(answer.peak ?? undefined);
      else reject(new Error(`a process of its own ended with code ${code}: ${told.trim()}`));
    });
  });
}

export interface MemoryOptions {
  readonly rounds: number;
  readonly signal: AbortSignal;
  readonly onTurn: (round: number, name: string) => void;
  /** Of a process that died: the figures go on without it. */
  readonly warn: (message: string) => void;
  /** How a process is measured; here for tests. */
  readonly peak?: typeof peakOf;
}

/** What contestants' processes took more than plain training's, in bytes: one difference a round. */
export type Memory = Readonly<Record<string, readonly number[]>>;

/**
 * Extra memory: the peak of a fresh process that runs a contestant once, less that of one that trains plainly and evaluates
 * the outer loss and its gradient, in turn round after round. Neither compares compiled steps with the interpreter.
 *
 * A contestant whose process dies, of too much memory for example, has no figure; a round whose plain training dies has none.
 * @returns undefined where the system does not tell
 */
export async function measureMemory(
  job: MemoryJob,
  names: readonly string[],
  { rounds, signal, onTurn, warn, peak = peakOf }: MemoryOptions,
): Promise<Memory | undefined> {
  const died = new Set<string>();
  const measured = async (round: number, name: string, of: MemoryJob): Promise<number | "unknown" | undefined> => {
    onTurn(round, name);
    try {
      return (await peak(of, signal)) ?? "unknown";
    } catch (error) {
      if (error instanceof DrmadError) throw error;
      if (!died.has(name)) warn(`the memory of ${name} is not measured: ${(error as Error).message}`);
      died.add(name);
      return undefined;
    }
  };
  // A first process fills caches, of compiled sources among others, that would count as memory.
  if ((await measured(0, PLAIN, job)) === "unknown") return undefined;
  const extra: Record<string, number[]> = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    const plain = await measured(round, PLAIN, job);
    if (typeof plain !== "number") continue;
    for (const name of names.filter((one) => !died.has(one))) {
      const found = await measured(round, name, { ...job, contestant: name });
      if (typeof found === "number") extra[name]!.push(found - plain);
    }
  }
  return Object.fromEntries(names.map((name) => [name, died.has(name) ? [] : extra[name]!]));
}

const PLAIN = "plain training";
