import type { Command } from "commander";
import type { State, Store, StudySummary } from "../store/store.ts";
import { DrmadError } from "../errors.ts";
import { number, table } from "./format.ts";
import { writeJson } from "./json.ts";
import { checked, folder, withOutput, type OutputFlags } from "./options.ts";
import { showOne } from "./show.ts";
import { showSeveral } from "./show-several.ts";
import { storeOption, withStore, type StoreFlags } from "./store-options.ts";

type Flags = StoreFlags & OutputFlags;

const EXAMPLES = {
  runs: `
Examples:
  drmad runs
  drmad runs --store ~/studies.db --json | jq -c 'select(.state == "stale") | .name'
`,
  show: `
Examples:
  drmad show first-try
  drmad show first-try gentle exact --out compared   the settings that differ, what came of them, and their curves
  drmad show first-try --json | jq -c 'select(.type == "event") | .event'
`,
  stop: `
Examples:
  drmad stop first-try
`,
};

/** `drmad runs`, `drmad show` and `drmad stop`: what can be done with studies from beside. */
export function addStudies(program: Command, finish: (exit: number) => void): void {
  const runs = program.command("runs").description("list the studies of a store").addOption(storeOption());
  withOutput(runs)
    .addHelpText("after", EXAMPLES.runs)
    .action(async (flags: Flags) => finish(await withStore(flags, false, (store) => list(store, flags))));
  withOutput(
    program
      .command("show")
      .description("show a study: its state, its options and its outer steps; or several beside each other")
      .argument("<names...>", "of the study, or of several")
      .addOption(storeOption())
      .addOption(checked("--out <folder>", "of several: a new or empty folder for a picture of their curves", folder)),
  )
    .addHelpText("after", EXAMPLES.show)
    .action(async (names: readonly string[], flags: Flags & { readonly out?: string }) => {
      const [name, ...others] = names as [string, ...string[]];
      if (others.length === 0 && flags.out !== undefined) {
        throw new DrmadError("invalid-argument", "--out is for the curves of several studies", {
          hint: "Name others too, or leave it out; drmad tune has drawn the pictures of one.",
        });
      }
      const shown = (store: Store): Promise<number> =>
        others.length === 0 ? showOne(store, name, flags.json === true) : showSeveral(store, names, flags);
      finish(await withStore(flags, false, shown));
    });
  withOutput(
    program
      .command("stop")
      .description("stop a running study after the outer step that it has kept; drmad resume goes on")
      .argument("<name>", "of the study")
      .addOption(storeOption()),
  )
    .addHelpText("after", EXAMPLES.stop)
    .action(async (name: string, flags: Flags) =>
      finish(await withStore(flags, false, (store) => stop(store, name, flags))),
    );
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const lineOf = (summary: StudySummary): object => ({ type: "study", ...summary });

async function list(store: Store, { json }: Flags): Promise<number> {
  const studies = await store.list();
  if (json === true) {
    for (const study of studies) writeJson(lineOf(study));
    writeJson({ type: "result", store: store.place, studies: studies.length });
    return 0;
  }
  if (studies.length === 0) {
    say(`No studies in ${store.place}; drmad tune EXPERIMENT --study NAME begins one.`);
    return 0;
  }
  const rows = studies.map((study) => [
    study.name,
    study.state,
    stepsOf(study),
    study.startLoss === null ? "-" : number(study.startLoss),
    study.best === null ? "-" : number(study.best.loss),
    study.best === null ? "-" : String(study.best.step),
    study.updated.toISOString().slice(0, 16).replace("T", " "),
    study.tags.join(","),
  ]);
  const lines = table([["study", "state", "steps", "untuned", "best", "at", "updated (UTC)", "tags"], ...rows]);
  lines.forEach(say);
  return 0;
}

const stepsOf = ({ steps, outerSteps }: StudySummary): string =>
  outerSteps === null ? "-" : `${Math.max(0, steps - 1)}/${outerSteps}`;

/** Between two looks, and until a person would rather be told that it takes longer. */
const [LOOK_MS, PATIENCE_MS] = [200, 60_000];

async function stop(store: Store, name: string, { json }: Flags): Promise<number> {
  await store.requestStop(name);
  const over = performance.now() + PATIENCE_MS;
  let state: State = "running";
  while (state === "running" && performance.now() < over) {
    ({ state } = await store.get(name));
    if (state === "running") await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  if (json === true) writeJson({ type: "result", study: name, state });
  else say(state === "running" ? `${name} was asked to stop, and has not yet.` : `${name} is ${state}.`);
  return 0;
}
