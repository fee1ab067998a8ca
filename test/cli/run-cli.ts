import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const COMMAND_LINE = join(ROOT, "dist/cli/main.js");

/** The command line is tested as its users have it: compiled. `npm test` has built it; a bare vitest builds it here. */
export function buildFirst(): void {
  beforeAll(() => {
    const { status, stderr } = spawnSync(process.execPath, [join(ROOT, "scripts/build.mjs")], { encoding: "utf8" });
    if (status !== 0) throw new Error(`the build failed:\n${stderr}`);
  });
}

/** A new empty folder, gone after the last test of the file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "drmad-cli-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The JSON lines of stdout. */
  readonly events: readonly Event[];
}

export interface Event {
  readonly type: string;
  readonly [key: string]: unknown;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Sees all of stdout so far, after every piece of it. */
  readonly watch?: (stdout: string, child: ChildProcess) => void;
  /** Has the process as soon as it runs. */
  readonly started?: (child: ChildProcess) => void;
}

/** Nothing of the environment that would change what is printed, or find data. */
const environment = (): NodeJS.ProcessEnv => {
  const { DRMAD_DATA: _data, DRMAD_TRACE: _trace, NO_COLOR: _colour, FORCE_COLOR: _force, ...rest } = process.env;
  return rest;
};

export function runCli(args: readonly string[], { cwd, env = {}, watch, started }: RunOptions): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [COMMAND_LINE, ...args], { cwd, env: { ...environment(), ...env } });
    started?.(child);
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (piece: Buffer) => {
      stdout += piece.toString();
      watch?.(stdout, child);
    });
    child.stderr.on("data", (piece: Buffer) => (stderr += piece.toString()));
    child.on("error", reject);
    child.on("close", (code) => {
      const lines = args.includes("--json") ? stdout.split("\n").filter((line) => line !== "") : [];
      resolve({ code, stdout, stderr, events: lines.map((line) => JSON.parse(line) as Event) });
    });
  });
}

/** The parts of a small experiment that a test may replace, as TypeScript. */
export interface ExperimentParts {
  readonly hyper?: string;
  readonly train?: string;
  readonly valid?: string;
  readonly rate?: string;
  readonly data?: string;
}

const CROSS_ENTROPY = "ops.crossEntropy(nn.forward(w, x), y)";

/** A whole training takes milliseconds. Line 7 has the inner loss. */
export const experimentText = ({
  hyper = 'l2: hyper.perInput(1e-3, { transform: "log", biases: 0 })',
  train = `ops.add(${CROSS_ENTROPY}, nn.l2(w, h.l2))`,
  valid = CROSS_ENTROPY,
  rate = "0.5",
  data = "digits({ train: 60, valid: 40, test: 40 })",
}: ExperimentParts = {}): string => `import { defineExperiment, digits, hyper, momentum, nn, ops } from "drmad";
const experiment = defineExperiment({
  data: ${data},
  params: nn.mlp([64, 8, 10]),
  hyper: { ${hyper} },
  train: {
    loss: (w, h, { x, y }) => ${train},
    dynamics: (h) => momentum({ rate: ${rate}, decay: 0.9 }),
    steps: 20,
    batch: 20,
  },
  valid: { loss: (w, h, { x, y }) => ${valid} },
  metrics: { error: (w, _, { x, y }) => nn.errorRate(nn.forward(w, x), y) },
});
export { experiment as default };
`;

export function writeExperiment(folder: string, name: string, parts: ExperimentParts = {}): void {
  writeFileSync(join(folder, name), experimentText(parts));
}
