import type { Command } from "commander";
import { cpus } from "node:os";
import { relative, resolve } from "node:path";
import { DrmadError } from "../errors.ts";
import { shellWord } from "./format.ts";
import { interrupt } from "./interrupt.ts";
import { toJson, writeJson } from "./json.ts";
import { checked, folder as folderRule, withOutput, type OutputFlags } from "./options.ts";
import { catalogue, dataFolders, fingerprint, recordedAt } from "./papers.ts";
import { partsIn } from "./parts.ts";
import { drawn } from "./reproduce-drawings.ts";
import { listing, report } from "./reproduce-report.ts";
import type { Recorded, Reproduction } from "./reproduction.ts";
import { fill, terminalOf } from "./terminal.ts";
import { VERSION } from "./version.ts";

interface ReproduceFlags extends OutputFlags {
  readonly small?: true;
  readonly out?: string;
  readonly data?: string;
}

const EXAMPLES = `
Examples:
  drmad reproduce                                     what there is, and what was found
  drmad reproduce 2016-fu/mnist-penalties --small     a minute instead of an hour; not the paper's sizes
`;

export function addReproduce(program: Command, finish: (exit: number) => void): void {
  const command = program
    .command("reproduce")
    .description("run an experiment of a paper again, beside the paper's figures; without an id, list them")
    .argument("[id]", "which one")
    .option("--small", "a small run, which checks what must hold at any size")
    .addOption(
      checked(
        "--out <folder>",
        "a folder for the results; given again after an interruption, it is continued (default: runs/ID)",
        folderRule,
      ),
    )
    .addOption(checked("--data <folder>", "where the data sets lie (default: DRMAD_DATA)", folderRule));
  withOutput(command)
    .addHelpText("after", EXAMPLES)
    .action(async (id: string | undefined, flags: ReproduceFlags) =>
      finish(await (id === undefined ? list(flags) : reproduce(id, flags))),
    );
}

async function list({ json }: ReproduceFlags): Promise<number> {
  const papers = await catalogue();
  const entries = Object.entries(papers).map(([id, { about }]) => ({ id, about, recorded: recordedAt(id) }));
  if (json === true) for (const entry of entries) writeJson({ type: "reproduction", ...entry });
  else process.stdout.write(`${listing(entries, terminalOf(process.stdout).columns()).join("\n")}\n`);
  if (json === true) writeJson({ type: "result", count: entries.length });
  return 0;
}

async function chosen(id: string): Promise<Reproduction> {
  const papers = await catalogue();
  const found = Object.hasOwn(papers, id) ? papers[id] : undefined;
  if (found !== undefined) return found.load();
  throw new DrmadError("invalid-argument", `there is no reproduction ${JSON.stringify(id)}`, {
    hint: "drmad reproduce, without an id, lists them.",
  });
}

async function reproduce(id: string, flags: ReproduceFlags): Promise<number> {
  const reproduction = await chosen(id);
  const small = flags.small === true;
  const data = dataFolders(flags.data, reproduction.data);
  const terminal = terminalOf(process.stderr);
  const say = (text: string): void =>
    flags.json === true ? writeJson({ type: "progress", text }) : terminal.write(`${fill(text, terminal.columns())}\n`);
  const stop = interrupt(() => say("stopping; finished parts are kept (Ctrl-C again quits at once)"));
  const parts = partsIn(
    flags.out ?? `runs/${id}${small ? "-small" : ""}`,
    { id, small, drmad: VERSION, files: fingerprint(), data },
    stop.signal,
    say,
  );
  say(`${reproduction.title}. ${reproduction.source}.`);
  if (!small)
    say(
      `A full run took about ${reproduction.minutes} minutes on two cores that others used as well; --small is shorter.`,
    );
  try {
    const findings = await reproduction.run({
      small,
      signal: stop.signal,
      folder: (name) => data[name],
      part: parts.part,
    });
    const recorded: Recorded = {
      schema: 1,
      id,
      small,
      config: small ? reproduction.config.small : reproduction.config.full,
      command: `drmad reproduce ${id}${small ? " --small" : ""}`,
      drmad: VERSION,
      node: process.version,
      processor: `${cpus()[0]?.model.trim() ?? "unknown"}, ${cpus().length} cores`,
      seconds: Math.round(parts.seconds()),
      tables: findings.tables,
      conclusions: findings.conclusions,
      expectations: findings.expectations,
    };
    const files = [...(await drawn(findings.drawings)), ["results.json", encode(`${toJson(recorded, 2)}\n`)] as const];
    parts.finish(files);
    tell(
      flags,
      reproduction,
      recorded,
      parts.folder,
      files.map(([name]) => name),
    );
    return findings.expectations.every(({ holds }) => holds) ? 0 : 1;
  } catch (error) {
    if (!(error instanceof DrmadError && error.code === "cancelled")) throw error;
    const again = continuation(id, flags, parts.folder);
    if (flags.json === true)
      throw new DrmadError("cancelled", "interrupted", { hint: `Continue with ${again}`, cause: error });
    // On a line of its own, which no window breaks.
    terminal.write(`${again}\n`);
    throw new DrmadError("cancelled", "interrupted", { hint: "Continue with the command above.", cause: error });
  } finally {
    stop.dispose();
  }
}

/** The command that goes on where a run stopped; its paths hold wherever it is pasted. */
export function continuation(id: string, { small, data }: ReproduceFlags, folder: string): string {
  const words = ["drmad", "reproduce", id, ...(small === true ? ["--small"] : []), "--out", folder];
  return [...words, ...(data === undefined ? [] : ["--data", resolve(data)])].map(shellWord).join(" ");
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

function tell(
  { json }: ReproduceFlags,
  reproduction: Reproduction,
  recorded: Recorded,
  folder: string,
  files: readonly string[],
): void {
  if (json === true) return writeJson({ type: "result", folder, files, ...recorded });
  const near = relative(process.cwd(), folder) || ".";
  const lines = report(reproduction, recorded, terminalOf(process.stdout).columns());
  process.stdout.write(`${[...lines, "", `Written to ${near}: ${files.join(", ")}`].join("\n")}\n`);
}
