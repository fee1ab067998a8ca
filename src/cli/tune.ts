import { Command } from "commander";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { DrmadError } from "../errors.ts";
import { builtIns } from "../experiments/index.ts";
import type { Method } from "../hypergradient/method.ts";
import { withoutPassword } from "../store/postgres.ts";
import * as persist from "../store/persist.ts";
import type { Store } from "../store/store.ts";
import type { TuneEvent } from "../study/events.ts";
import type { TuneOptions } from "../study/settings.ts";
import { tune } from "../study/tune.ts";
import { dashboardLine, openDashboard } from "./dashboard.ts";
import { fileKind } from "./file-kind.ts";
import { writeJson } from "./json.ts";
import { runStarts } from "./starts.ts";
import { withStore } from "./store-options.ts";
import { TUNE_EXAMPLES, withTune, type TuneFlags } from "./tune-command.ts";
import { runTuning } from "./tune-run.ts";

export function addTune(program: Command, finish: (exit: number) => void): void {
  withTune(program.command("tune"))
    .addHelpText("after", TUNE_EXAMPLES)
    .action(async (name: string, flags: TuneFlags) => {
      requireStudy(flags);
      // The words after the command's own name.
      const args = (program as Command & { readonly rawArgs: readonly string[] }).rawArgs.slice(1);
      if (flags.dashboard === true && flags.study === undefined) {
        throw new DrmadError("invalid-argument", "--dashboard shows a study that is kept, and none is", {
          hint: "Give it a name too: --study NAME.",
        });
      }
      finish(await (flags.study === undefined ? runTuning(name, flags, tune) : runStudy(name, flags, args)));
    });
}

/** How a study was begun, for going on with it from another folder and on a machine with other memory. */
export interface Begun {
  readonly args: readonly string[];
  /** Absolute, or a built-in name. */
  readonly experiment: string;
  readonly data?: string;
}

/** What means nothing without a study that is kept. */
function requireStudy({ study, starts, keep, seeds }: TuneFlags): void {
  const [option] = [["--starts", starts] as const, ["--keep", keep] as const].flatMap(([text, value]) =>
    value === undefined ? [] : [text],
  );
  if (study === undefined && option !== undefined)
    throw new DrmadError("invalid-argument", `${option} is for a study that is kept`, {
      hint: "Give --study NAME too.",
    });
  if (starts !== undefined && seeds !== undefined) {
    throw new DrmadError("invalid-argument", "--starts and --seeds were both given", {
      hint: "--starts tunes each seed by itself, --seeds averages over them at every step: give one of the two.",
    });
  }
}

async function runStudy(name: string, flags: TuneFlags, args: readonly string[]): Promise<number> {
  const { store: place, study = "", tags, notes, keep, data, method, starts } = flags;
  const builtIn = Object.hasOwn(builtIns, name);
  const experiment = builtIn ? name : resolve(name);
  const begun: Begun = {
    args: keptWords(args, method),
    experiment,
    ...(data !== undefined && { data: resolve(data) }),
  };
  const source = sourceOf(experiment);
  const kept = {
    experiment,
    ...(tags !== undefined && { tags }),
    ...(notes !== undefined && { notes }),
    ...(keep !== undefined && { keep }),
    ...(source !== undefined && { source }),
  };
  return withStore({ ...(place !== undefined && { store: place }) }, true, async (store) => {
    if (starts !== undefined) {
      const { seed = 0 } = flags;
      const seeds = Array.from({ length: starts }, (_, i) => seed + i);
      await requireNone(store, `${study}/1`);
      return beside(flags, (tell) => runStarts(store, name, flags, { name: study, seeds }, begun, { ...kept, tell }));
    }
    return beside(flags, (tell) =>
      runTuning(name, flags, (defined, { onEvent, ...options }, say) =>
        persist.tune(defined, {
          ...options,
          ...kept,
          store,
          name: study,
          about: { begun },
          onEvent: telling(tell, say, onEvent),
        }),
      ),
    );
  });
}

async function requireNone(store: Store, name: string): Promise<void> {
  if (!(await store.list()).some((study) => study.name === name)) return;
  throw new DrmadError("study-exists", `there is a study ${JSON.stringify(name)} already in ${store.place}`, {
    hint: "Choose another name, or go on with all of its starts: drmad resume NAME, without the number.",
  });
}

/** The text of an experiment's file, where it is one. */
export const sourceOf = (experiment: string): string | undefined =>
  !Object.hasOwn(builtIns, experiment) && fileKind(experiment) === "file"
    ? readFileSync(experiment, "utf8")
    : undefined;

/** The words of a command line as they are kept: each has one meaning for ever, and none is secret. */
export function keptWords(args: readonly string[], method: Method | undefined): readonly string[] {
  // `auto` looks at the memory that there is: what it found then is part of the study.
  const chosen = /^auto (\d+) MB$/.exec(method?.name ?? "")?.[1];
  return args
    .map((word) => word.replace(/^((?:--method=)?)auto$/, chosen ? `$1auto:${chosen}MB` : "$&"))
    .map((word) => word.replace(/postgres(?:ql)?:\/\/.*/is, withoutPassword));
}

/** Tells, once the study is there, how it can be seen. */
type Tell = (say: (line: string) => void) => void;

/** Serves the page of a study while something runs, where that is asked for; nothing is told of a study that never began. */
async function beside(flags: TuneFlags, run: (begun: Tell) => Promise<number>): Promise<number> {
  const { json, quiet, store } = flags;
  const loud = json !== true && quiet !== true;
  if (flags.dashboard !== true) return run(once((say) => loud && say(`In a browser: ${dashboardLine(store)}`)));
  // With a connection of its own, it sees of the store what any other program does.
  const dashboard = await openDashboard({ ...(store !== undefined && { store }) });
  let told = false;
  try {
    const { url, built, warnings } = dashboard;
    return await run(
      once((say) => {
        told = true;
        if (json === true) writeJson({ type: "dashboard", url, store: dashboard.store, built });
        if (loud) [`In a browser: ${url}`, ...warnings.map((message) => `warning: ${message}`)].forEach(say);
      }),
    );
  } finally {
    await dashboard.close();
    const line = `The dashboard ended with the study; ${dashboardLine(store)} shows it again.`;
    if (told && loud) process.stderr.write(`${line}\n`);
  }
}

function once(tell: Tell): Tell {
  let told = false;
  return (say) => {
    if (!told) tell(say);
    told = true;
  };
}

/** Calls as soon as the first event says that the study is in its store. */
const telling = (tell: Tell, say: (line: string) => void, onEvent: TuneOptions["onEvent"]) => (event: TuneEvent) => {
  if (event.type === "start") tell(say);
  onEvent?.(event);
};

/** The options that a study was begun with. @throws DrmadError where another drmad wrote what this one cannot read */
export function flagsOf({ args }: Begun): TuneFlags {
  let found: TuneFlags | undefined;
  try {
    withTune(new Command("tune"))
      .exitOverride()
      .configureOutput({ outputError: () => undefined })
      .action((_: string, flags: TuneFlags) => void (found = flags))
      .parse(args, { from: "user" });
  } catch (cause) {
    throw new DrmadError("study-changed", `the study was begun with options that are unknown now: ${args.join(" ")}`, {
      hint: "Go on with it by the drmad that began it.",
      cause,
    });
  }
  return found!;
}
