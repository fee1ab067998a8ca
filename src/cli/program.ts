import { Command } from "commander";
import { builtIns } from "../experiments/index.ts";
import { addCheck } from "./check.ts";
import { addClean } from "./clean.ts";
import { addCompare } from "./compare.ts";
import { addDashboard } from "./dashboard.ts";
import { addCompletion } from "./completion.ts";
import { addData } from "./data.ts";
import { addDoctor } from "./doctor.ts";
import { addExport } from "./export.ts";
import { addImport } from "./import.ts";
import { addFork } from "./fork.ts";
import { addReproduce } from "./reproduce.ts";
import { addResume } from "./resume.ts";
import { addStorage } from "./storage.ts";
import { addStudies } from "./studies.ts";
import { addTune } from "./tune.ts";
import { VERSION } from "./version.ts";

const about = `
Built-in experiments:
${Object.entries(builtIns)
  .map(([name, builtIn]) => `  ${name.padEnd(12)} ${builtIn.about}`)
  .join("\n")}

Examples:
  drmad tune digits-l2
  drmad tune digits-l2 --study first-try, then drmad resume first-try after whatever ended it
  drmad dashboard
  drmad check digits-l2 --inner-steps 50
  drmad compare digits-l2
  drmad export first-try --format html
  drmad doctor
`;

/** The whole command line. Wrong usage throws a CommanderError; a command calls `finish` with its exit code. */
export function createProgram(finish: (exit: number) => void): Command {
  const program = new Command("drmad")
    .description("Hypergradients: tune thousands of hyperparameters by differentiating through whole training runs.")
    .version(VERSION, "-v, --version")
    .exitOverride()
    .configureOutput({ outputError: () => undefined })
    .addHelpText("after", about);
  program.commandsGroup("Tuning:");
  addTune(program, finish);
  addResume(program, finish);
  addFork(program, finish);
  addStudies(program, finish);
  addDashboard(program, finish);
  addClean(program, finish);
  addStorage(program, finish);
  program.commandsGroup("Elsewhere:");
  addExport(program, finish);
  addImport(program, finish);
  program.commandsGroup("Whether a hypergradient is right, and which method to take:");
  addCheck(program, finish);
  addCompare(program, finish);
  addReproduce(program, finish);
  program.commandsGroup("Data, machine and shell:");
  addData(program, finish);
  addDoctor(program, finish);
  addCompletion(program);
  return program;
}
