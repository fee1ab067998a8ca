import { spawn, spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";

export interface Timing {
  readonly seconds: number;
  /** CPU seconds of the whole process, all threads. */
  readonly cpu: number;
}

/** What training led to. */
export interface Outcome {
  readonly loss: number;
  readonly weights: Float32Array;
}

/** A process that runs the published problem whenever it is asked to. */
export interface Contestant {
  readonly versions: string;
  time(job: string): Promise<Timing>;
  result(): Promise<Outcome>;
  stop(): void;
}

const HERE = import.meta.dirname;
const JITI = join(dirname(createRequire(import.meta.url).resolve("jiti/package.json")), "lib", "jiti-cli.mjs");

/** The arguments that run a script of this folder from its TypeScript source. */
export const fromSource = (script: string, ...args: readonly (string | number)[]): readonly string[] => [
  process.execPath,
  JITI,
  join(HERE, script),
  ...args.map(String),
];

async function contestant(command: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Contestant> {
  const child = spawn(command[0]!, command.slice(1), {
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<Record<string, unknown>> => {
    const line = await lines.next();
    if (line.done === true) throw new Error(`${command.join(" ")} ended with code ${child.exitCode}`);
    return JSON.parse(line.value) as Record<string, unknown>;
  };
  const ask = (line: string): Promise<Record<string, unknown>> => {
    child.stdin.write(`${line}\n`);
    return next();
  };
  const { versions } = await next();
  return {
    versions: String(versions),
    time: async (job) => (await ask(job)) as unknown as Timing,
    async result() {
      const { loss, weights } = (await ask("result")) as { loss: number; weights: string };
      const bytes = Uint8Array.from(Buffer.from(weights, "base64"));
      return { loss, weights: new Float32Array(bytes.buffer) };
    },
    stop: () => child.stdin.end(),
  };
}

/** The first Python on this machine that can import a module. */
function pythonWith(module: string): string | undefined {
  return ["python3", "/usr/bin/python3"].find(
    (python) => spawnSync(python, ["-c", `import ${module}`], { stdio: "ignore" }).status === 0,
  );
}

const pythonThreads = (threads: number): Record<string, string> => ({
  OPENBLAS_NUM_THREADS: String(threads),
  OMP_NUM_THREADS: String(threads),
  MKL_NUM_THREADS: String(threads),
  // Threads that spin while they wait starve each other where anything else runs.
  OMP_WAIT_POLICY: "PASSIVE",
});

export const ours = (threads: number, steps: number): Promise<Contestant> =>
  contestant(fromSource("ours.ts", threads, steps));

/** A yardstick in Python, or undefined where its module is not installed. */
export async function yardstick(
  module: "numpy" | "torch",
  threads: number,
  steps: number,
): Promise<Contestant | undefined> {
  const python = pythonWith(module);
  if (python === undefined) return undefined;
  return contestant([python, join(HERE, `${module}_train.py`), String(steps), String(threads)], pythonThreads(threads));
}
