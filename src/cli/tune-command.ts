import type { Command } from "commander";
import {
  checked,
  folder as folderRule,
  oneOf,
  positiveNumber,
  wholeNumber,
  withOutput,
  withRun,
  type RunFlags,
} from "./options.ts";
import { coarseToFineRule, optimizerRule, type OuterFlags } from "./outer-options.ts";
import { anyText, storeOption, studyName, tagList } from "./store-options.ts";

/** What `drmad tune` takes besides the experiment. */
export interface TuneFlags extends RunFlags, OuterFlags {
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
  /** Keep it as a study of this name. */
  readonly study?: string;
  readonly store?: string;
  readonly tags?: readonly string[];
  readonly notes?: string;
  /** Serve a page of the study while it runs. */
  readonly dashboard?: true;
}

export const TUNE_EXAMPLES = `
Examples:
  drmad tune digits-l2                          the built-in experiment on embedded data, seconds
  drmad tune ./mine.ts --outer-steps 50         your own; the file exports an experiment as default
  drmad tune mnist-l2 --data ~/mnist --method reverse
  drmad tune ./mine.ts --seeds 3 --coarse-to-fine 5,5
  drmad tune ./mine.ts --study first-try          kept; drmad resume first-try goes on whatever ended it
  drmad tune ./mine.ts --json | jq -c 'select(.type == "step") | .valid'
`;

/** The argument and the options of `drmad tune`, on a command of its own or of the program. */
export function withTune(command: Command): Command {
  command
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
    .option("--quiet", "no progress, only the result")
    .addOption(checked("--study <name>", "keep it in a store under this name, to resume it after anything", studyName))
    .addOption(storeOption())
    .addOption(checked("--tags <list>", "of the study, with commas between them", tagList))
    .addOption(checked("--notes <text>", "of the study", anyText))
    .option("--dashboard", "show the study in a browser while it runs, at the address that is printed");
  return withOutput(withRun(command));
}
