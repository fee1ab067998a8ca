import { Command } from "commander";
import { builtIns } from "../experiments/index.ts";
import { addCheck } from "./check.ts";
import { addCompare } from "./compare.ts";
import { addDashboard } from "./dashboard.ts";
import { addDoctor } from "./doctor.ts";
import { addReproduce } from "./reproduce.ts";
import { addResume } from "./resume.ts";
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
  addTune(program, finish);
  addResume(program, finish);
  addStudies(program, finish);
  addDashboard(program, finish);
  addCheck(program, finish);
  addCompare(program, finish);
  addReproduce(program, finish);
  addDoctor(program, finish);
  return program;
}
