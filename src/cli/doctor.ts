import type { Command } from "commander";
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, freemem, totalmem } from "node:os";
import { openEngine } from "../engine/choose.ts";
import { nativeProbe, type ProbeResult } from "./doctor-probe.ts";
import { counted, listed, number } from "./format.ts";
import { writeJson } from "./json.ts";
import { withOutput, type OutputFlags } from "./options.ts";
import { paint, terminalOf } from "./terminal.ts";
import { VERSION } from "./version.ts";

interface Finding {
  readonly name: string;
  readonly status: "ok" | "warn" | "fail";
  readonly detail: string;
  readonly fix?: string;
}

const EXAMPLES = `
Examples:
  drmad doctor
  drmad doctor --json
`;

export function addDoctor(program: Command, finish: (exit: number) => void): void {
  withOutput(program.command("doctor").description("say what runs on this machine, and why"))
    .addHelpText("after", EXAMPLES)
    .action(async (flags: OutputFlags) => finish(await runDoctor(flags.json === true)));
}

async function runDoctor(json: boolean): Promise<number> {
  const findings: Finding[] = [];
  const tell = (finding: Finding): void => {
    findings.push(finding);
    if (json) writeJson({ type: "finding", ...finding });
    else process.stdout.write(`${lineOf(finding)}\n`);
  };
  tell({ name: "drmad", status: "ok", detail: VERSION });
  tell(nodeFinding(process.versions.node));
  tell({ name: "platform", status: "ok", detail: platform() });
  tell(memoryFinding());
  const runtime = await runtimeFinding();
  tell(runtime);
  if (runtime.status === "ok") {
    for (const precision of ["float32", "float64"] as const) tell(await stepFinding(precision));
    tell(await workerFinding());
  }
  const chosen = await choice();
  tell(chosen);
  const runs = chosen.status !== "fail";
  if (json) writeJson({ type: "result", runs, findings });
  return runs ? 0 : 1;
}

function lineOf({ name, status, detail, fix }: Finding): string {
  const colours = { ok: "green", warn: "yellow", fail: "red" } as const;
  const terminal = terminalOf(process.stdout);
  const line = `${paint(terminal, colours[status], status.padEnd(4))}  ${name.padEnd(15)} ${detail}`;
  return fix === undefined ? line : `${line}\n${" ".repeat(22)}${fix}`;
}

export function nodeFinding(version: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const base = { name: "Node.js", detail: version } as const;
  if (major < 20 || (major === 20 && minor < 19)) {
    return { ...base, status: "fail", fix: "drmad needs Node.js 20.19 or later; 24 is recommended." };
  }
  if (major % 2 === 1) return { ...base, status: "warn", fix: "Odd versions get no long support; 24 is recommended." };
  if (major < 22)
    return { ...base, status: "ok", detail: `${version}, works; its support ended in April 2026, 24 is recommended` };
  return { ...base, status: "ok" };
}

function platform(): string {
  const processors = cpus();
  const cores = availableParallelism();
  const model = processors[0]?.model.trim() ?? "unknown processor";
  return `${process.platform} ${process.arch}, ${counted(cores, "core")} to use (${model})`;
}

const gigabytes = (bytes: number): string => `${number(bytes / 1e9)} GB`;

function memoryFinding(): Finding {
  const limit = process.constrainedMemory();
  // Without a limit some systems say 0, and some a number beyond all memory.
  const total = limit > 0 && limit < totalmem() ? limit : totalmem();
  const free = Math.min(freeMemory(), total);
  const detail = `${gigabytes(free)} free of ${gigabytes(total)}${total < totalmem() ? " (a limit on this process)" : ""}`;
  return free < 5e8
    ? { name: "memory", status: "warn", detail, fix: "Close other programs: small studies need about 0.3 GB." }
    : { name: "memory", status: "ok", detail };
}

/** What Linux would give without swapping, rather than what lies idle. */
function freeMemory(): number {
  try {
    const found = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync("/proc/meminfo", "utf8"));
    return found === null ? freemem() : Number(found[1]) * 1024;
  } catch {
    return freemem();
  }
}

const reason = (error: unknown): string => (error instanceof Error ? error.message.split("\n")[0]! : String(error));

async function runtimeFinding(): Promise<Finding> {
  const name = "ONNX Runtime";
  try {
    const { env, listSupportedBackends } = await import("onnxruntime-node");
    const backends = listSupportedBackends().map((backend) => backend.name);
    return {
      name,
      status: "ok",
      detail: `${env.versions.node ?? "unknown version"}; its build knows ${listed(backends)}, drmad uses cpu`,
    };
  } catch (error) {
    return {
      name,
      status: "fail",
      detail: `cannot be loaded: ${reason(error)}`,
      fix: "Run npm install --ignore-scripts again. Its binaries are for Linux (glibc 2.28 or newer) and Windows on x64 and arm64, and macOS on arm64.",
    };
  }
}

const probeText = ({ milliseconds, mflop }: ProbeResult): string =>
  `agrees with the reference interpreter; a training step of ${mflop.toPrecision(2)} MFLOP takes ${milliseconds.toPrecision(2)} ms`;

async function stepFinding(precision: "float32" | "float64"): Promise<Finding> {
  try {
    return { name: precision, status: "ok", detail: probeText(await nativeProbe(precision)) };
  } catch (error) {
    return {
      name: precision,
      status: "fail",
      detail: reason(error),
      fix: "Use --engine reference, and please report this.",
    };
  }
}

async function workerFinding(): Promise<Finding> {
  const begin = performance.now();
  try {
    const { engine } = await openEngine({ engine: "native", worker: true });
    await engine.close();
    return { name: "engine thread", status: "ok", detail: `starts in ${(performance.now() - begin).toFixed(0)} ms` };
  } catch (error) {
    return {
      name: "engine thread",
      status: "fail",
      detail: reason(error),
      fix: "Worker threads must be allowed; see the message.",
    };
  }
}

async function choice(): Promise<Finding> {
  try {
    const { engine, reason: why } = await openEngine();
    const native = engine.description.name === "onnxruntime";
    await engine.close();
    const detail = `drmad runs on ${why.replace("1 thread(s)", "1 thread, or all for large steps")}`;
    return native
      ? { name: "chosen", status: "ok", detail }
      : {
          name: "chosen",
          status: "warn",
          detail,
          fix: "It runs, about a hundred times slower than the native engine.",
        };
  } catch (error) {
    return {
      name: "chosen",
      status: "fail",
      detail: `nothing runs here: ${reason(error)}`,
      fix: "See the lines above.",
    };
  }
}
