import type { Command } from "commander";
import type { Difference } from "../hypergradient/check.ts";
import { reverse } from "../hypergradient/reverse.ts";
import { DrmadError } from "../errors.ts";
import type { FidelityReport } from "../hypergradient/fidelity.ts";
import { checkExperiment } from "../study/check.ts";
import { fidelity } from "../study/fidelity.ts";
import { hyperCounts } from "../study/session.ts";
import { checkReport, stepText } from "./check-report.ts";
import { fidelityReport } from "./fidelity-report.ts";
import { clock, count, counted } from "./format.ts";
import { interrupt } from "./interrupt.ts";
import { writeJson } from "./json.ts";
import { liveBlock } from "./live-block.ts";
import { checked, given, wholeNumber, withOutput, withRun, type RunFlags } from "./options.ts";
import { prepare, type Prepared } from "./prepare.ts";
import { progressBar, throttled } from "./progress.ts";
import { paint, terminalOf, type Terminal } from "./terminal.ts";

interface CheckFlags extends RunFlags {
  readonly directions: number;
  readonly quiet?: true;
}

const EXAMPLES = `
Examples:
  drmad check digits-l2 --inner-steps 50        fewer training steps: sooner done, and as telling
  drmad check ./mine.ts --method drmad          how far an approximation is from the exact gradient
`;

export function addCheck(program: Command, finish: (exit: number) => void): void {
  const command = program
    .command("check")
    .description("check an experiment's hypergradient against finite differences, in float64")
    .argument("<experiment>", "a built-in name, or the path of a .ts or .js file")
    .addOption(
      checked("--directions <n>", "random directions besides the gradient", wholeNumber(0, 1000)).default(2, "2"),
    )
    .option("--quiet", "no progress, only the result");
  withOutput(withRun(command))
    .addHelpText("after", EXAMPLES)
    .action(async (name: string, flags: CheckFlags) => finish(await runCheck(name, flags)));
}

/** Two trainings for the gradient and its repetition, and for each direction four for rounding and two a step. */
const most = (directions: number): number => 2 + (1 + directions) * (4 + 2 * 17);
/** One for an approximation, two at most for the exact hypergradient, and a plain one. */
const MEASURING = 4;

async function runCheck(name: string, flags: CheckFlags): Promise<number> {
  const prepared = await prepare(name, flags);
  const { experiment, problem, threads } = prepared;
  const method = flags.method ?? experiment.options.method ?? reverse();
  const own = method.name === "finiteDifference" ? 2 * hyperTotal(prepared) : 0;
  const measuring = method.exact ? 0 : MEASURING + own;
  const trainings = measuring + most(flags.directions) + own;
  const about = `at most ${count(trainings)} trainings of ${counted(problem.steps, "step")}, usually half as many`;
  const first = `; the first ${count(measuring)} measure ${method.name} against the exact hypergradient`;
  const start = `checking ${problem.name}: ${about}${method.exact ? "" : first}`;
  const view = viewOf(flags, problem.name, start, trainings, problem.steps);
  const stop = interrupt(() => view.note("stopping (Ctrl-C again quits at once)"));
  try {
    const options = {
      ...given(flags, "innerSteps", "seed", "engine", "trustEngine"),
      threads,
      signal: stop.signal,
      onProgress: (phase: string, done: number, total: number) => view.progress(phase, done, total),
    };
    const measured = method.exact
      ? undefined
      : await fidelity(experiment, method, { ...options, precision: "float64" });
    if (measured !== undefined) view.fidelity(measured);
    if (measured !== undefined && measured.outcome !== "ok") {
      view.close();
      if (flags.json === true)
        writeJson({ type: "result", experiment: problem.name, method: method.name, passed: false, fidelity: measured });
      else process.stdout.write(`${fidelityReport(measured).join("\n")}\n`);
      return 1;
    }
    const check = await checkExperiment(experiment, {
      ...options,
      method,
      directions: flags.directions,
      onDifference: (direction, difference) => view.difference(direction, difference),
    });
    view.close();
    if (flags.json === true)
      writeJson({ type: "result", experiment: problem.name, ...check, ...(measured && { fidelity: measured }) });
    else {
      // What is said of an approximation last is whether to use it.
      const lines = measured === undefined ? [] : ["", ...fidelityReport(measured)];
      process.stdout.write(`${[...checkReport(problem.name, check), ...lines].join("\n")}\n`);
    }
    return check.passed || !check.exact ? 0 : 1;
  } catch (error) {
    view.close();
    if (!(error instanceof DrmadError && error.code === "cancelled")) throw error;
    throw new DrmadError("cancelled", "interrupted before the check was complete");
  } finally {
    stop.dispose();
  }
}

const hyperTotal = ({ problem }: Prepared): number => Object.values(hyperCounts(problem)).reduce((a, b) => a + b, 0);

interface View {
  progress(phase: string, done: number, total: number): void;
  difference(direction: string, difference: Difference): void;
  /** Measured before the differences are. */
  fidelity(report: FidelityReport): void;
  note(text: string): void;
  close(): void;
}

function viewOf({ json, quiet }: CheckFlags, name: string, start: string, trainings: number, steps: number): View {
  if (json === true) {
    writeJson({ type: "start", experiment: name, mostTrainings: trainings, innerSteps: steps });
    return {
      progress: (phase, done, total) => writeJson({ type: "progress", phase, done, total }),
      difference: (direction, difference) => writeJson({ type: "difference", direction, ...difference }),
      fidelity: (report) => writeJson({ type: "fidelity", ...report }),
      note: () => undefined,
      close: () => undefined,
    };
  }
  const terminal = terminalOf(process.stderr);
  if (quiet === true) return plainView(terminal);
  return terminal.live ? liveView(terminal, start, trainings) : plainView(terminal, start);
}

const differenceText = (direction: string, { step, error }: Difference): string =>
  `direction ${direction}, step ${stepText(step)}: relative error ${error.toExponential(1)}`;

/** A line as each direction begins: every difference stands in the report, which may end up in the same place. */
function plainView(terminal: Terminal, start?: string): View {
  const line = (text: string): void => (start === undefined ? undefined : terminal.write(`${text}\n`));
  if (start !== undefined) line(start);
  let current: string | undefined;
  return {
    progress: () => undefined,
    difference(direction) {
      if (direction !== current) line(`direction ${direction}`);
      current = direction;
    },
    fidelity: ({ verdict }) => line(verdict),
    note: (text) => terminal.write(`${text}\n`),
    close: () => undefined,
  };
}

function liveView(terminal: Terminal, start: string, trainings: number): View {
  const block = liveBlock(terminal);
  const begin = performance.now();
  let trained = 0;
  let share = 0;
  let latest = "the gradient itself";
  let stopping: string | undefined;
  const draw = (): void => {
    const bar = paint(terminal, "cyan", progressBar(share, 20, terminal.unicode));
    block.draw([
      `training ${count(trained + 1)} of at most ${count(trainings)}  ${bar}`,
      latest,
      `${clock((performance.now() - begin) / 1000)} elapsed`,
      ...(stopping === undefined ? [] : [paint(terminal, "yellow", stopping)]),
    ]);
  };
  const soon = throttled(draw);
  block.print(paint(terminal, "bold", start));
  draw();
  return {
    progress(phase, done, total) {
      if (phase !== "train") return;
      share = done / total;
      if (done === total) trained++;
      soon();
    },
    difference(direction, difference) {
      latest = differenceText(direction, difference);
      soon();
    },
    fidelity({ verdict }) {
      block.print(verdict);
    },
    note(text) {
      stopping = text;
      draw();
    },
    close() {
      soon.cancel();
      block.close();
    },
  };
}
