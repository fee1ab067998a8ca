import { Command } from "commander";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { DrmadError } from "../errors.ts";
import { builtIns } from "../experiments/index.ts";
import * as persist from "../store/persist.ts";
import { tune } from "../study/tune.ts";
import { dashboardLine, openDashboard } from "./dashboard.ts";
import { fileKind } from "./file-kind.ts";
import { writeJson } from "./json.ts";
import { withStore } from "./store-options.ts";
import { TUNE_EXAMPLES, withTune, type TuneFlags } from "./tune-command.ts";
import { runTuning } from "./tune-run.ts";

export function addTune(program: Command, finish: (exit: number) => void): void {
  withTune(program.command("tune"))
    .addHelpText("after", TUNE_EXAMPLES)
    .action(async (name: string, flags: TuneFlags) => {
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

async function runStudy(name: string, flags: TuneFlags, args: readonly string[]): Promise<number> {
  const { store: place, study = "", tags, notes, data, method } = flags;
  const builtIn = Object.hasOwn(builtIns, name);
  const experiment = builtIn ? name : resolve(name);
  // `auto` looks at the memory that there is: what it found then is part of the study.
  const chosen = /^auto (\d+) MB$/.exec(method?.name ?? "")?.[1];
  const spelt = args.map((word) => word.replace(/^((?:--method=)?)auto$/, chosen ? `$1auto:${chosen}MB` : "$&"));
  const begun: Begun = { args: spelt, experiment, ...(data !== undefined && { data: resolve(data) }) };
  const source = !builtIn && fileKind(experiment) === "file" ? readFileSync(experiment, "utf8") : undefined;
  return withStore({ ...(place !== undefined && { store: place }) }, true, (store) =>
    beside(flags, () =>
      runTuning(name, flags, (defined, options) =>
        persist.tune(defined, {
          ...options,
          store,
          name: study,
          experiment,
          about: { begun },
          ...(tags !== undefined && { tags }),
          ...(notes !== undefined && { notes }),
          ...(source !== undefined && { source }),
        }),
      ),
    ),
  );
}

/** Says how the study can be seen while something runs, or shows it. */
async function beside(flags: TuneFlags, run: () => Promise<number>): Promise<number> {
  const { json, quiet, store } = flags;
  const tell = (text: string): void => void (json !== true && quiet !== true && process.stderr.write(`${text}\n`));
  if (flags.dashboard !== true) {
    tell(`In a browser: ${dashboardLine(store)}`);
    return run();
  }
  // With a connection of its own, it sees of the store what any other program does.
  const dashboard = await openDashboard({ ...(store !== undefined && { store }) });
  try {
    const { url, built, warnings } = dashboard;
    if (json === true) writeJson({ type: "dashboard", url, store: dashboard.store, built });
    tell([`In a browser: ${url}`, ...warnings.map((message) => `warning: ${message}`)].join("\n"));
    return await run();
  } finally {
    await dashboard.close();
    tell(`The dashboard ended with the study; ${dashboardLine(store)} shows it again.`);
  }
}

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
