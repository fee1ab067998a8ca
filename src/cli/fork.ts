import type { Command } from "commander";
import { resolve } from "node:path";
import * as persist from "../store/persist.ts";
import type { Store } from "../store/store.ts";
import { checked, wholeNumber } from "./options.ts";
import { begunFlags, experimentOption } from "./resume.ts";
import { withStore } from "./store-options.ts";
import { withTuning, type TuneFlags } from "./tune-command.ts";
import { runTuning } from "./tune-run.ts";
import { keptWords, sourceOf, type Begun } from "./tune.ts";

const EXAMPLES = `
Only the options that are given differ from those of the first study; "drmad show NEW" lists them. With another way of moving
(--method, --optimizer, --outer-rate, --outer-steps, --patience, …) the new study has the first one's steps as well. With other
data, seeds, training steps or precision its start is the values of the step: what was measured before cannot be compared.

Examples:
  drmad fork first-try longer --outer-steps 100      to the end that a study of 100 outer steps would have had
  drmad fork first-try gentle --at 12 --outer-rate 0.01
  drmad fork first-try exact --method reverse
`;

type ForkFlags = TuneFlags & { readonly at?: number; readonly experiment?: string };

export function addFork(program: Command, finish: (exit: number) => void): void {
  const command = program
    .command("fork")
    .description("begin a study from a kept step of another, with other options")
    .argument("<name>", "of the study to go on from, which stays as it is")
    .argument("<new>", "the name of the new one")
    .addOption(experimentOption())
    .addOption(checked("--at <step>", "the outer step to go on from (default: the last)", wholeNumber(0)));
  withTuning(command).addHelpText("after", EXAMPLES);
  const words = wordsOf(command);
  command.action(async (name: string, to: string, flags: ForkFlags) =>
    finish(await withStore(flags, false, (store) => fork(store, name, to, flags, words))),
  );
}

/** Of no meaning for going on with the study later. */
const PASSING = ["at", "experiment", "store", "json", "quiet", "trace", "out", "seconds"];

/** The words of the options that a command is given, in order. */
function wordsOf(command: Command): readonly string[] {
  const words: string[] = [];
  for (const option of command.options) {
    if (PASSING.includes(option.name())) continue;
    command.on(`option:${option.name()}`, (value: string | null) =>
      words.push(value === null || value === undefined ? option.long! : `${option.long}=${value}`),
    );
  }
  return words;
}

async function fork(
  store: Store,
  of: string,
  name: string,
  { at, experiment: typed, ...now }: ForkFlags,
  words: readonly string[],
): Promise<number> {
  const [first, before] = await begunFlags(store, of, typed);
  const { tags: _tags, notes: _notes, ...kept } = before;
  const flags: TuneFlags = { ...kept, ...now, study: name };
  const begun: Begun = {
    ...first,
    args: [...first.args, ...keptWords(words, now.method), `--study=${name}`],
    ...(now.data !== undefined && { data: resolve(now.data) }),
  };
  const source = sourceOf(first.experiment);
  const { tags, notes, keep } = now;
  return runTuning(first.experiment, flags, (experiment, { threads: _threads, ...tuning }) =>
    // Threads are as they were, unless they are given.
    persist.fork(experiment, {
      ...tuning,
      ...(now.threads !== undefined && { threads: now.threads }),
      store,
      of,
      ...(at !== undefined && { at }),
      name,
      experiment: first.experiment,
      about: { begun },
      ...(tags !== undefined && { tags }),
      ...(notes !== undefined && { notes }),
      ...(keep !== undefined && { keep }),
      ...(source !== undefined && { source }),
    }),
  );
}
