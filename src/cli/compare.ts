import type { Command } from "commander";
import { relative } from "node:path";
import { DrmadError } from "../errors.ts";
import { toPng } from "../picture/png.ts";
import { compareMethods, type Comparison } from "../study/compare.ts";
import { pngAssets } from "./assets.ts";
import { described, isMeasured } from "./compare-figures.ts";
import { measureMemory, type Memory } from "./compare-memory.ts";
import { contestants } from "./compare-methods.ts";
import { comparisonPicture } from "./compare-picture.ts";
import { comparisonReport } from "./compare-table.ts";
import { compareView, type CompareView } from "./compare-view.ts";
import { heedSignals, interrupt } from "./interrupt.ts";
import { toJson, writeJson } from "./json.ts";
import { methodsRule, type Spelt } from "./methods.ts";
import { checked, folder as folderRule, wholeNumber, withExperiment, withOutput, type ExperimentFlags } from "./options.ts"; // prettier-ignore
import { prepare } from "./prepare.ts";
import { destination, stemOf, writeRun, type RunFiles } from "./run-folder.ts";
import { fill, terminalOf } from "./terminal.ts";
import { VERSION } from "./version.ts";

interface CompareFlags extends ExperimentFlags {
  readonly methods?: readonly Spelt[];
  readonly rounds: number;
  readonly memoryRounds: number;
  readonly out?: string;
}

const EXAMPLES = `
Examples:
  drmad compare digits-l2                       the usual methods, a table and a chart
  drmad compare ./mine.ts --methods drmad:32,truncated:100,auto:50MB
  drmad compare ./mine.ts --rounds 1 --memory-rounds 0     a quick look
`;

/** What compare.json holds follows this number. */
const SCHEMA = 1;

export function addCompare(program: Command, finish: (exit: number) => void): void {
  const command = program
    .command("compare")
    .description("compare methods at an experiment's starting point: time, memory, and nearness to the exact hypergradient")
    .argument("<experiment>", "a built-in name, or the path of a .ts or .js file")
    .addOption(
      checked("--methods <names>", `${methodsRule.allowed} (default: the usual ones); controls are added`, methodsRule),
    )
    .addOption(checked("--rounds <n>", "timed rounds in which all take turns", wholeNumber(1, 1000)).default(5, "5")) // prettier-ignore
    .addOption(
      checked("--memory-rounds <n>", "rounds of fresh processes that tell peak memory", wholeNumber(0, 1000)).default(3, "3"), // prettier-ignore
    )
    .addOption(checked("--out <folder>", "a new or empty folder for the results (default: a new one below runs)", folderRule)); // prettier-ignore
  withOutput(withExperiment(command))
    .addHelpText("after", EXAMPLES)
    .action(async (name: string, flags: CompareFlags) => finish(await runCompare(name, flags)));
}

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

async function runCompare(name: string, flags: CompareFlags): Promise<number> {
  const to = destination(flags.out);
  const view = compareView(flags.json === true);
  const stop = interrupt(() => view.note("stopping; nothing is written (Ctrl-C again quits at once)"));
  try {
    const { comparison, memory, warnings: told } = await measure(name, flags, view, stop.signal);
    const warnings = [...told];
    const files = await filesOf(name, flags, comparison, memory, warnings);
    const folder = writeRun(to, stemOf(`${comparison.experiment}-compare`), files);
    view.close();
    tell(flags, comparison, memory, { folder, files: files.map(([file]) => file), warnings });
    return 0;
  } catch (error) {
    view.close();
    if (!(error instanceof DrmadError && error.code === "cancelled")) throw error;
    throw new DrmadError("cancelled", "interrupted before the comparison was complete; nothing was written");
  } finally {
    stop.dispose();
  }
}

async function measure(
  name: string,
  flags: CompareFlags,
  view: CompareView,
  signal: AbortSignal,
): Promise<{
  readonly comparison: Comparison;
  readonly memory: Memory | undefined;
  readonly warnings: readonly string[];
}> {
  const { rounds, memoryRounds, methods } = flags;
  const { experiment, problem, threads } = await prepare(name, flags);
  if (signal.aborted) throw new DrmadError("cancelled", "stopped while the experiment was loaded");
  const comparison = await compareMethods(
    experiment,
    (wanted) => {
      const entered = contestants(methods)(wanted);
      view.start(problem.name, problem.steps, entered, rounds, memoryRounds);
      return entered;
    },
    {
      ...flags,
      threads,
      signal,
      cpuSeconds,
      onTurn: (round, contestant) => view.turn("time", round, rounds, contestant),
      onProgress: (phase, done, total) => view.progress(phase, done, total),
    },
  );
  const warnings = [...comparison.warnings];
  if (memoryRounds === 0) return { comparison, memory: undefined, warnings };
  const { data, seed, innerSteps, engine } = flags;
  const job = {
    experiment: name,
    threads,
    ...(data === undefined ? {} : { data }),
    ...(seed === undefined ? {} : { seed }),
    ...(innerSteps === undefined ? {} : { innerSteps }),
    ...(engine === undefined ? {} : { engine }),
  };
  const names = comparison.rows.filter(isMeasured).map((row) => row.name);
  const onTurn = (round: number, contestant: string): void => view.turn("memory", round, memoryRounds, contestant);
  const warn = (message: string): void => void warnings.push(message);
  const memory = await measureMemory(job, names, { rounds: memoryRounds, signal, onTurn, warn });
  return { comparison, memory, warnings };
}

/** A picture is worth less than the figures: where it cannot be drawn, the rest is kept without. */
async function filesOf(
  name: string,
  flags: CompareFlags,
  comparison: Comparison,
  memory: Memory | undefined,
  warnings: string[],
): Promise<RunFiles> {
  const { json: _json, trace: _trace, methods, ...rest } = flags;
  const { rows, ...about } = comparison;
  const options = { experiment: name, ...rest, ...(methods && { methods: methods.map(({ spelling }) => spelling) }) };
  const told = rows.map((row) => described(row, comparison, memory));
  const text = toJson({ schema: SCHEMA, drmad: VERSION, options, ...about, rows: told }, 2);
  const files: [string, Uint8Array][] = [];
  try {
    await heedSignals();
    files.push(["compare.png", await toPng(comparisonPicture(comparison), pngAssets())]);
  } catch (error) {
    warnings.push(`the picture could not be drawn: ${error instanceof Error ? error.message : String(error)}`);
  }
  await heedSignals();
  return [...files, ["compare.json", new TextEncoder().encode(`${text}\n`)]];
}

interface Kept {
  readonly folder: string;
  readonly files: readonly string[];
  readonly warnings: readonly string[];
}

function tell(
  { json, memoryRounds }: CompareFlags,
  comparison: Comparison,
  memory: Memory | undefined,
  { folder, files, warnings }: Kept,
): void {
  if (json === true) {
    for (const message of warnings) writeJson({ type: "warning", message });
    for (const row of comparison.rows) writeJson({ type: "row", ...described(row, comparison, memory) });
    const { rows, ...about } = comparison;
    const told = rows.map((row) => described(row, comparison, memory));
    writeJson({ type: "result", folder, files, ...about, rows: told });
    return;
  }
  for (const message of warnings) process.stderr.write(`warning: ${message}\n`);
  const columns = terminalOf(process.stdout).columns();
  const near = relative(process.cwd(), folder) || ".";
  const shown = near.startsWith("..") ? folder : near;
  const lines = comparisonReport(comparison, memory, memoryRounds, columns);
  process.stdout.write(`${[...lines, "", fill(`Written to ${shown}: ${files.join(", ")}`, columns)].join("\n")}\n`);
}
