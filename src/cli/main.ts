#!/usr/bin/env node
import { CommanderError } from "commander";
import { failureOf } from "./failure.ts";
import { writeJson } from "./json.ts";
import { printStudyNames, STUDY_NAMES } from "./study-names.ts";
import { fill, paint, terminalOf } from "./terminal.ts";

// Deep enough to reach the user's own lines below ours.
Error.stackTraceLimit = 100;

// A reader that goes away (`| head`, a Ctrl-C that ends `| tee` first) is no reason to lose a run.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

async function run(args: readonly string[]): Promise<number> {
  let exit = 0;
  // A shell that waits for names to complete should not wait for all that commands need.
  if (args[0] === STUDY_NAMES) return printStudyNames(args[1]);
  try {
    const { createProgram } = await import("./program.ts");
    await createProgram((code) => (exit = code)).parseAsync(args, { from: "user" });
    return exit;
  } catch (error) {
    return report(error, args);
  }
}

/** One paragraph: what happened, and what to do about it. */
function report(error: unknown, args: readonly string[]): number {
  // Help and version are no errors; help because no command was given is.
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  if (error instanceof CommanderError && error.code === "commander.help") return 2;
  const { code, message, hint, exit } = failureOf(error);
  const stack = error instanceof Error ? error.stack : undefined;
  if (args.includes("--json")) writeJson({ type: "error", code, message, hint, exit });
  const terminal = terminalOf(process.stderr);
  const paragraph = `drmad: ${sentence(message)}${hint === undefined ? "" : ` ${sentence(hint)}`}`;
  const text = fill(paragraph, terminal.columns());
  terminal.write(`${text.replace(/^drmad:/, paint(terminal, "red", "drmad:"))}\n`);
  const traced = args.includes("--trace") || (process.env["DRMAD_TRACE"] ?? "") !== "";
  if (stack !== undefined && (traced || code === "defect")) terminal.write(`\n${stack}\n`);
  return exit;
}

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);

process.exitCode = await run(process.argv.slice(2));
