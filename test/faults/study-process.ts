import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export const PHASES = ["forward", "backward", "commit", "recovery"] as const;
export type Phase = (typeof PHASES)[number];

export interface StudySpec {
  readonly place: string;
  readonly name: string;
  readonly kind: "lbfgs" | "random" | "staged";
  readonly outerSteps: number;
  readonly innerSteps: number;
}

/** Where to kill: so many times the phase must have been announced, and so long after the last of them. */
export interface Aim {
  readonly phase: Phase;
  readonly nth: number;
  readonly milliseconds: number;
}

export interface Life {
  /** The phase that it was killed in, or how it ended by itself. */
  readonly end: string;
  readonly killed: boolean;
  /** The events that it told, in order. */
  readonly told: readonly { readonly type: string; readonly [key: string]: unknown }[];
  readonly stderr: string;
}

const CHILD = fileURLToPath(new URL("child.mjs", import.meta.url));

/** Begins a study, or goes on with it, in a process of its own, and kills that where the aim says. */
export function live(spec: StudySpec, aim?: Aim): Promise<Life> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CHILD, JSON.stringify(spec)], { stdio: ["ignore", "pipe", "pipe"] });
    let [rest, stderr, end] = ["", "", "start"];
    let seen = 0;
    const told: Life["told"][number][] = [];
    const read = (line: string): void => {
      if (line.startsWith("told ")) told.push(JSON.parse(line.slice(5)) as Life["told"][number]);
      else end = line.replace(/^in /, "");
      if (aim === undefined || line !== `in ${aim.phase}`) return;
      if (++seen === aim.nth) setTimeout(() => child.kill("SIGKILL"), aim.milliseconds);
    };
    child.stdout.on("data", (piece: Buffer) => {
      const lines = (rest + piece.toString()).split("\n");
      rest = lines.pop()!;
      lines.forEach(read);
    });
    child.stderr.on("data", (piece: Buffer) => (stderr += piece.toString()));
    child.on("error", reject);
    // After the pipes are empty: the last line says what it was doing.
    child.on("close", (code, signal) => {
      const killed = signal === "SIGKILL";
      if (killed || code === 0) resolve({ end, killed, told, stderr });
      else reject(new Error(`the study ended with ${code ?? signal}: ${stderr}`));
    });
  });
}
