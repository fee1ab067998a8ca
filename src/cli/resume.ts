import type { Command } from "commander";
import { DrmadError } from "../errors.ts";
import * as persist from "../store/persist.ts";
import type { Store } from "../store/store.ts";
import type { TuneEvent } from "../study/events.ts";
import { checked, folder, positiveNumber, withOutput, type OutputFlags } from "./options.ts";
import { storeOption, withStore, type StoreFlags } from "./store-options.ts";
import { flagsOf, type Begun } from "./tune.ts";
import { runTuning } from "./tune-run.ts";

interface ResumeFlags extends StoreFlags, OutputFlags {
  readonly out?: string;
  readonly seconds?: number;
  readonly quiet?: true;
}

const EXAMPLES = `
Examples:
  drmad resume first-try                 from the last outer step that was kept, to the same end bit for bit
  drmad resume first-try --seconds 600   for ten minutes more
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
    .option("--quiet", "no progress, only the result");
  withOutput(command)
    .addHelpText("after", EXAMPLES)
    .action(async (name: string, flags: ResumeFlags) =>
      finish(await withStore(flags, false, (store) => resume(store, name, flags))),
    );
}

async function resume(store: Store, name: string, now: ResumeFlags): Promise<number> {
  const { options } = await store.get(name);
  const begun = options["begun"] as Begun | undefined;
  if (begun === undefined) {
    throw new DrmadError("unsupported", `the study ${JSON.stringify(name)} was not begun from the command line`, {
      hint: "Go on with it where it was begun: study.resume(experiment, { store, name }).",
    });
  }
  const {
    json: _json,
    quiet: _quiet,
    trace: _trace,
    out: _out,
    seconds: _seconds,
    store: _store,
    dashboard: _dashboard,
    ...before
  } = flagsOf(begun);
  const { data } = begun;
  const flags = { ...before, ...now, study: name, ...(data !== undefined && { data }) };
  const { state, steps } = await store.get(name);
  // What was told before is shown again, for people; programs have it, or ask drmad show.
  const earlier = now.json === true || state === "done" ? [] : await earlierSteps(store, name, steps);
  return runTuning(begun.experiment, flags, (experiment, { threads: _threads, onEvent, ...tuning }) =>
    // Threads are as they were: the study remembers.
    persist.resume(experiment, {
      ...tuning,
      store,
      name,
      onEvent(event) {
        onEvent?.(event);
        if (event.type === "start") earlier.forEach((step) => onEvent?.(step));
      },
    }),
  );
}

async function earlierSteps(store: Store, name: string, steps: number): Promise<readonly TuneEvent[]> {
  const logged = steps === 0 ? [] : await store.events(name);
  return logged.flatMap(({ event }) => (event.type === "step" ? [event] : []));
}
