import type { Command } from "commander";
import { cpus } from "node:os";
import { relative, resolve } from "node:path";
import { DrmadError, nearest } from "../errors.ts";
import { dataFolder } from "./data-folder.ts";
import { listed, shellWord } from "./format.ts";
import { interrupt } from "./interrupt.ts";
import { toJson, writeJson } from "./json.ts";
import { checked, folder as folderRule, withOutput, type OutputFlags } from "./options.ts";
import { catalogue, dataFolders, fingerprint, recordedAt } from "./papers.ts";
import { folderOf, partsIn } from "./parts.ts";
import { drawn } from "./reproduce-drawings.ts";
import { aboutOne, listing, report, type Listed } from "./reproduce-report.ts";
import { wordedFindings } from "./reproduce-words.ts";
import type { Recorded, Reproduction } from "./reproduction.ts";
import { fill, terminalOf } from "./terminal.ts";
import { VERSION } from "./version.ts";

interface ReproduceFlags extends OutputFlags {
  readonly small?: true;
  readonly about?: true;
  readonly out?: string;
  readonly data?: string;
}

const EXAMPLES = `
Examples:
  drmad reproduce                                     what there is
  drmad reproduce 2015-maclaurin/chaos --about        more about one, and what was found
  drmad reproduce 2016-fu/mnist-penalties --small     a minute instead of an hour; not the paper's sizes

Without --out, results go to runs/ID-1, runs/ID-2, …; where the latest of these was interrupted, it goes on from the
parts that it finished.
`;

export function addReproduce(program: Command, finish: (exit: number) => void): void {
  const command = program
    .command("reproduce")
    .description("run an experiment of a paper again, beside the paper's figures; without an id, list them")
    .argument("[id]", "which one")
    .option("--about", "tell about it instead of running it, and what was found; without an id, about all")
    .option("--small", "a small run, which checks what must hold at any size")
    .addOption(
      checked(
        "--out <folder>",
        "a folder for the results; an interrupted run in it goes on (default: the latest unfinished runs/ID-n, or a new one)",
        folderRule,
      ),
    )
    .addOption(
      checked(
        "--data <folder>",
        "the folder of a data set's files, or one with mnist, data/mnist, … (default: DRMAD_DATA)",
        folderRule,
      ),
    );
  withOutput(command)
    .addHelpText("after", EXAMPLES)
    .action(async (id: string | undefined, flags: ReproduceFlags) =>
      finish(await (id === undefined ? list(flags) : reproduce(id, flags))),
    );
}

async function list({ json, about }: ReproduceFlags, only?: string): Promise<number> {
  const papers = await catalogue();
  const known = Object.entries(papers).filter(([id]) => only === undefined || id === only);
  const entries: readonly Listed[] = await Promise.all(
    known.map(async ([id, { load, ...words }]) => {
      const { source, minutes, data } = await load();
      return { id, ...words, source, minutes, data, recorded: recordedAt(id) };
    }),
  );
  if (json === true) for (const entry of entries) writeJson({ type: "reproduction", ...entry });
  else {
    const columns = terminalOf(process.stdout).columns();
    const lines = about === true ? entries.flatMap((entry) => aboutOne(entry, columns)) : listing(entries, columns);
    process.stdout.write(`${lines.join("\n")}\n`);
  }
  if (json === true) writeJson({ type: "result", count: entries.length });
  return 0;
}

/** The ids that a wrong one may stand for: nearly the same letters, else those that it is a part of, whole or by its last name. */
export function meantBy(id: string, ids: readonly string[]): readonly string[] {
  const near = nearest(id, ids);
  if (near !== undefined) return [near];
  const [wanted, last] = [id.toLowerCase(), id.toLowerCase().split("/").at(-1)!];
  const parts = ids.filter((each) => wanted !== "" && each.startsWith(wanted));
  if (parts.length > 0) return parts;
  return ids.filter((each) => last !== "" && each.split("/").at(-1)!.includes(last));
}

async function chosen(id: string): Promise<Reproduction> {
  const papers = await catalogue();
  const found = Object.hasOwn(papers, id) ? papers[id] : undefined;
  if (found !== undefined) return found.load();
  const meant = meantBy(id, Object.keys(papers));
  throw new DrmadError("invalid-argument", `there is no reproduction ${JSON.stringify(id)}`, {
    hint: `${meant.length === 0 ? "" : `Did you mean ${listed(meant, "or")}? `}drmad reproduce, without an id, lists them.`,
  });
}

async function reproduce(id: string, flags: ReproduceFlags): Promise<number> {
  const reproduction = await chosen(id);
  if (flags.about === true) return list(flags, id);
  const small = flags.small === true;
  const data = dataFolders(flags.data, reproduction.data);
  const terminal = terminalOf(process.stderr);
  const say = (text: string): void =>
    flags.json === true ? writeJson({ type: "progress", text }) : terminal.write(`${fill(text, terminal.columns())}\n`);
  const stop = interrupt(() => say("stopping; finished parts are kept (Ctrl-C again quits at once)"));
  const own = flags.out === undefined ? folderOf(`runs/${id}${small ? "-small" : ""}`) : undefined;
  const parts = partsIn(
    own?.folder ?? flags.out!,
    { id, small, drmad: VERSION, files: fingerprint(), data },
    stop.signal,
    say,
  );
  if (own?.unfinished === true) say(`Going on with the unfinished run in ${own.folder}.`);
  say(`${reproduction.title}. ${reproduction.source}.`);
  if (!small)
    say(
      `A full run took about ${reproduction.minutes} minutes on two cores that others used as well; --small is shorter.`,
    );
  try {
    const found = await reproduction.run({
      small,
      signal: stop.signal,
      folder: (name) => data[name] ?? dataFolder("this reproduction", name, flags.data),
      part: parts.part,
    });
    const findings = { ...found, ...wordedFindings(found) };
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
