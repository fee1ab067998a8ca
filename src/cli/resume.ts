import type { Command, Option } from "commander";
import { resolve } from "node:path";
import * as v from "valibot";
import { DrmadError } from "../errors.ts";
import { builtIns } from "../experiments/index.ts";
import * as persist from "../store/persist.ts";
import type { Store } from "../store/store.ts";
import type { TuneEvent } from "../study/events.ts";
import { checked, folder, positiveNumber, withOutput, type OutputFlags } from "./options.ts";
import { runStarts, startsOf } from "./starts.ts";
import type { Rule } from "./rule.ts";
import { storeOption, withStore, type StoreFlags } from "./store-options.ts";
import { ageText } from "./study-text.ts";
import type { TuneFlags } from "./tune-command.ts";
import { flagsOf, type Begun } from "./tune.ts";
import { runTuning } from "./tune-run.ts";

interface ResumeFlags extends StoreFlags, OutputFlags {
  readonly out?: string;
  readonly seconds?: number;
  readonly quiet?: true;
  readonly experiment?: string;
}

const file: Rule<string> = { schema: v.pipe(v.string(), v.nonEmpty()), allowed: "the path of a file" };

const EXAMPLES = `
Examples:
  drmad resume first-try                 from the last outer step that was kept, to the same end bit for bit
  drmad resume first-try --seconds 600   for ten minutes more
  drmad resume tries                     all of tries/1, tries/2, … of drmad tune --starts
`;

export function addResume(program: Command, finish: (exit: number) => void): void {
  const command = program
    .command("resume")
    .description("go on with a study that was interrupted, killed or stopped")
    .argument("<name>", "of the study")
    .addOption(storeOption())
    .addOption(checked("--seconds <n>", "begin no outer step after that time", positiveNumber))
    .addOption(
      checked("--out <folder>", "a new or empty folder for the results (default: a new one below runs)", folder),
    )
    .addOption(experimentOption())
    .option("--quiet", "no progress, only the result");
  withOutput(command)
    .addHelpText("after", EXAMPLES)
    .action(async (name: string, flags: ResumeFlags) =>
      finish(await withStore(flags, false, (store) => resume(store, name, flags))),
    );
}

/** The file that is run, for a study that was imported or whose file has moved. */
export const experimentOption = (): Option =>
  checked("--experiment <file>", "the experiment's file, where the study was imported or it lies elsewhere now", file);

/** How a study was begun from the command line, and the options that another process goes on with. */
export async function begunFlags(store: Store, name: string, typed?: string): Promise<readonly [Begun, TuneFlags]> {
  const { options, imported } = await store.get(name);
  const begun = options["begun"] as Begun | undefined;
  if (begun === undefined) {
    throw new DrmadError("unsupported", `the study ${JSON.stringify(name)} was not begun from the command line`, {
      hint: "Go on with it where it was begun: study.resume(experiment, { store, name }).",
    });
  }
  const code = !Object.hasOwn(builtIns, begun.experiment);
  if (imported && code && typed === undefined) {
    throw new DrmadError(
      "invalid-argument",
      `the study ${JSON.stringify(name)} was imported, and would run the code in ${begun.experiment}`,
      { hint: "Look at that file, or your own copy of it, and name it: --experiment FILE." },
    );
  }
  const {
    json: _json,
    quiet: _quiet,
    trace: _trace,
    out: _out,
    seconds: _seconds,
    store: _store,
    dashboard: _dashboard,
    ...flags
  } = flagsOf(begun);
  const { data } = begun;
  return [
    typed === undefined ? begun : { ...begun, experiment: resolve(typed) },
    { ...flags, ...(data !== undefined && { data }) },
  ];
}

async function resume(store: Store, name: string, now: ResumeFlags): Promise<number> {
  const studies = await store.list();
  // Any of them tells how all were begun: the first may have been removed.
  const first = studies.find((each) => each.name.startsWith(`${name}/`) && startsOf(each.options)?.name === name);
  const starts = first && startsOf(first.options);
  if (starts !== undefined && !studies.some((study) => study.name === name)) {
    const [begun, before] = await begunFlags(store, first!.name);
    return runStarts(store, begun.experiment, { ...before, ...now }, starts, begun);
  }
  const { experiment: typed, ...rest } = now;
  const [begun, before] = await begunFlags(store, name, typed);
  const flags = { ...before, ...rest, study: name };
  const { state, steps } = await store.get(name);
  // Not when it was written last: a note is no end.
  const ended = (await store.events(name)).at(-1)?.at ?? new Date();
  // What was told before is shown again, for people; programs have it, or ask drmad show.
  const earlier = now.json === true || state === "done" ? [] : await earlierSteps(store, name, steps);
  return runTuning(begun.experiment, flags, async (experiment, { threads: _threads, onEvent, ...tuning }, say) => {
    if (state === "done")
      say(`${name} has ended, ${ageText((Date.now() - ended.getTime()) / 1000)} ago: its result again`);
    // Threads are as they were: the study remembers.
    return persist.resume(experiment, {
      ...tuning,
      store,
      name,
      onEvent(event) {
        onEvent?.(event);
        // One that goes on says so before it shows what it had.
        if (event.type === "resumed") earlier.forEach((step) => onEvent?.(step));
      },
    });
  });
}

async function earlierSteps(store: Store, name: string, steps: number): Promise<readonly TuneEvent[]> {
  const logged = steps === 0 ? [] : await store.events(name);
  return logged.flatMap(({ event }) => (event.type === "step" ? [event] : []));
}
