import type { Command } from "commander";
import { relative } from "node:path";
import { DrmadError } from "../errors.ts";
import { tune } from "../study/tune.ts";
import type { StopReason, TuneResult } from "../study/events.ts";
import { interrupt } from "./interrupt.ts";
import { writeJson } from "./json.ts";
import {
  checked,
  folder as folderRule,
  given,
  oneOf,
  positiveNumber,
  wholeNumber,
  withOutput,
  withRun,
  type RunFlags,
} from "./options.ts";
import { coarseToFineRule, optimizerRule, outerOf, type OuterFlags } from "./outer-options.ts";
import { prepare, type Prepared } from "./prepare.ts";
import { describeResult, runFiles } from "./run-files.ts";
import { destination, stemOf, writeRun, type Destination } from "./run-folder.ts";
import { fill, terminalOf } from "./terminal.ts";
import { tuneSummary } from "./tune-summary.ts";
import { liveView, plainView, silentView, type View } from "./tune-view.ts";
import { VERSION } from "./version.ts";

interface TuneFlags extends RunFlags, OuterFlags {
  /** How many, from the seed on. */
  readonly seeds?: number;
  readonly outerSteps?: number;
  readonly precision?: "float32" | "float64";
  readonly patience?: number;
  readonly seconds?: number;
  readonly testCurve?: true;
  readonly fidelity?: true | number;
  readonly onChaos?: "continue" | "stop";
  readonly out?: string;
  readonly quiet?: true;
}

const EXAMPLES = `
Examples:
  drmad tune digits-l2                          the built-in experiment on embedded data, seconds
  drmad tune ./mine.ts --outer-steps 50         your own; the file exports an experiment as default
  drmad tune mnist-l2 --data ~/mnist --method reverse
  drmad tune ./mine.ts --seeds 3 --coarse-to-fine 5,5
  drmad tune ./mine.ts --json | jq -c 'select(.type == "step") | .valid'
`;

export function addTune(program: Command, finish: (exit: number) => void): void {
  const command = program
    .command("tune")
    .description("tune an experiment's hyperparameters by differentiating through its training")
    .argument("<experiment>", "a built-in name, or the path of a .ts or .js file")
    .addOption(
      checked("--outer-steps <n>", "updates of the hyperparameters (default: the experiment's)", wholeNumber(1)),
    )
    .addOption(
      checked(
        "--optimizer <name>",
        `of the hyperparameters: ${optimizerRule.allowed} (default: the experiment's)`,
        optimizerRule,
      ),
    )
    .addOption(
      checked("--outer-rate <rate>", "its rate; alone, it leaves the experiment's other settings", positiveNumber),
    )
    .addOption(checked("--clip <length>", "shorten hypergradients that are longer", positiveNumber))
    .addOption(
      checked(
        "--coarse-to-fine <n,m>",
        "change all of a hyperparameter alike for n outer steps, all of each of its tensors for m more",
        coarseToFineRule,
      ),
    )
    .addOption(
      checked(
        "--seeds <n>",
        "average every outer step over n seeds, from --seed on (default: 1)",
        wholeNumber(1, 1000),
      ),
    )
    .addOption(checked("--precision <name>", "float32 or float64 (default: float32)", oneOf(["float32", "float64"])))
    .addOption(
      checked("--patience <n>", "stop after that many outer steps without a better one (default: 10)", wholeNumber(1)),
    )
    .addOption(checked("--seconds <n>", "begin no outer step after that time", positiveNumber))
    .addOption(
      checked("--out <folder>", "a new or empty folder for the results (default: a new one below runs)", folderRule),
    )
    .option("--test-curve", "evaluate the test split at every step too; it chooses nothing")
    .addOption(
      checked(
        "--fidelity [n]",
        "measure the method against the exact hypergradient at the first step and the chosen one, or every n steps",
        wholeNumber(1),
      ),
    )
    .addOption(
      checked(
        "--on-chaos <what>",
        "continue or stop where a hypergradient is chaotic, before it is used (default: continue)",
        oneOf(["continue", "stop"]),
      ),
    )
    .option("--quiet", "no progress, only the result");
  withOutput(withRun(command))
    .addHelpText("after", EXAMPLES)
    .action(async (name: string, flags: TuneFlags) => finish(await runTune(name, flags)));
}

async function runTune(name: string, flags: TuneFlags): Promise<number> {
  const to = destination(flags.out);
  const view = viewOf(name, flags);
  const stop = interrupt(() => view.note("stopping; what was reached is written (Ctrl-C again quits at once)"));
  let done: Study;
  let kept: Kept | Error;
  try {
    done = await study(name, flags, view, stop.signal);
    kept = await keep(to, name, flags, done);
  } catch (error) {
    throw interrupted(error);
  } finally {
    view.close();
    stop.dispose();
  }
  tell(flags, done, kept);
  if (kept instanceof Error) throw kept;
  if (done.result.stop === "cancelled") return stop.code();
  return FAILED.includes(done.result.stop) ? 1 : 0;
}

const FAILED: readonly StopReason[] = [
  "non-finite",
  "not-stationary",
  "not-converged",
  "invalid-experiment",
  "chaotic",
];

interface Study extends Prepared {
  readonly result: TuneResult;
}

async function study(name: string, flags: TuneFlags, view: View, signal: AbortSignal): Promise<Study> {
  const prepared = await prepare(name, flags);
  const { experiment, threads } = prepared;
  const { seed = 0, seeds } = flags;
  const optimizer = outerOf(flags, experiment.options.outer?.optimizer);
  if (signal.aborted) throw new DrmadError("cancelled", "stopped while the experiment was loaded");
  const result = await tune(experiment, {
    ...given(flags, "innerSteps", "engine", "trustEngine", "precision", "method", "outerSteps", "patience", "seconds"),
    ...given(flags, "testCurve", "fidelity", "onChaos"),
    ...(seeds === undefined ? { seed } : { seeds: Array.from({ length: seeds }, (_, i) => seed + i) }),
    ...(optimizer === undefined ? {} : { optimizer }),
    threads,
    signal,
    onEvent(event) {
      // The result comes last, once its files are there.
      if (event.type !== "result") view.event(event);
      if (event.type === "start" && flags.engine !== "reference" && event.engine.startsWith("reference")) {
        const message = "ONNX Runtime cannot be loaded, so the slow reference interpreter runs; drmad doctor says why";
        view.event({ type: "warning", message });
      }
    },
  });
  return { ...prepared, result };
}

/** Where the files of a study lie, and what went wrong with some of them. */
interface Kept {
  readonly folder: string;
  readonly files: readonly string[];
  readonly warnings: readonly string[];
}

/** @returns an error where nothing could be written: the figures should be seen before it is thrown */
async function keep(to: Destination, name: string, flags: TuneFlags, done: Study): Promise<Kept | Error> {
  const warnings: string[] = [];
  const { result, problem } = done;
  const record = { version: VERSION, options: optionsOf(name, flags, done), result, problem };
  const files = await runFiles(record, (message) => warnings.push(message));
  try {
    const folder = writeRun(to, stemOf(result.experiment), files);
    const moved = "folder" in to && folder !== to.folder;
    if (moved) warnings.push(`${to.folder} was filled by another meanwhile; the results are beside it`);
    return { folder, files: files.map(([file]) => file), warnings };
  } catch (error) {
    if (error instanceof DrmadError) return error;
    throw error;
  }
}

function tell({ json }: TuneFlags, { result, problem }: Study, kept: Kept | Error): void {
  const { folder, files, warnings } = kept instanceof Error ? { folder: null, files: [], warnings: [] } : kept;
  if (json === true) {
    for (const message of warnings) writeJson({ type: "warning", message });
    writeJson({ type: "result", folder, files, ...describeResult(result) });
    return;
  }
  for (const message of warnings) process.stderr.write(`warning: ${message}\n`);
  const columns = terminalOf(process.stdout).columns();
  const lines = [...tuneSummary(result, problem.hypers.tensors, columns)];
  if (folder !== null) {
    const near = relative(process.cwd(), folder) || ".";
    const shown = near.startsWith("..") ? folder : near;
    lines.push("", fill(`Written to ${shown}: ${files.join(", ")}`, columns));
  }
  process.stdout.write(`${lines.join("\n")}\n`);
}

function viewOf(name: string, { json, quiet, seconds }: TuneFlags): View {
  if (json === true) return { ...silentView, event: writeJson };
  if (quiet === true) return silentView;
  const terminal = terminalOf(process.stderr);
  return terminal.live ? liveView(terminal, name, seconds) : plainView(terminal);
}

/** Before its first step is complete there is nothing to keep. */
const interrupted = (error: unknown): unknown =>
  error instanceof DrmadError && error.code === "cancelled"
    ? new DrmadError("cancelled", "interrupted before the untuned start was trained; nothing was written")
    : error;

/** The options in force, by the names of the command line. */
function optionsOf(experiment: string, flags: TuneFlags, { threads }: Prepared): Readonly<Record<string, unknown>> {
  const { json: _json, quiet: _quiet, trace: _trace, method, ...rest } = flags;
  return { experiment, ...rest, ...(method === undefined ? {} : { method: method.name }), threads };
}
