import type { Command } from "commander";
import { DrmadError } from "../errors.ts";
import type { Cleaned } from "../store/clean.ts";
import type { Store, StudySummary } from "../store/store.ts";
import { bytesText, counted, table } from "./format.ts";
import { writeJson } from "./json.ts";
import { checked, oneOf, positiveNumber, withOutput, type OutputFlags } from "./options.ts";
import { keepRule, storeOption, withStore, type StoreFlags } from "./store-options.ts";
import type { Keep } from "../store/retention.ts";

interface CleanFlags extends StoreFlags, OutputFlags {
  readonly keep?: Keep;
  readonly dryRun?: true;
  readonly delete?: true;
  readonly state?: Deletable;
  readonly olderThan?: number;
}

/** A running study is never removed. */
const DELETABLE = ["waiting", "failed", "stopped", "done", "stale"] as const;
type Deletable = (typeof DELETABLE)[number];

const EXAMPLES = `
Without --delete, no study goes: only arrays of outer steps that its --keep leaves out, never the first, the best or the last
step, and files that an interruption left. Losses and metrics of all steps stay.

Examples:
  drmad clean --dry-run                                 what would go, and how many bytes
  drmad clean first-try --keep last:3                   from now on too
  drmad clean --delete first-try                        the whole study, for good
  drmad clean --delete --state failed --older-than 30   all that failed and were not touched for 30 days
`;

export function addClean(program: Command, finish: (exit: number) => void): void {
  const command = program
    .command("clean")
    .description("make room in a store")
    .argument("[names...]", "of studies (default: all of them)")
    .addOption(storeOption())
    .addOption(checked("--keep <rule>", `of which steps to keep the arrays: ${keepRule.allowed}`, keepRule))
    .option("--delete", "remove whole studies: those that are named, or that --state and --older-than choose")
    .addOption(checked("--state <state>", "with --delete: only studies in this state", oneOf(DELETABLE)))
    .addOption(checked("--older-than <days>", "with --delete: only studies untouched for so long", positiveNumber))
    .option("--dry-run", "say what would be removed, and remove nothing");
  withOutput(command)
    .addHelpText("after", EXAMPLES)
    .action(async (names: readonly string[], flags: CleanFlags) => {
      requireSense(names, flags);
      finish(await withStore(flags, false, (store) => clean(store, names, flags)));
    });
}

const refused = (what: string, hint: string): DrmadError => new DrmadError("invalid-argument", what, { hint });

function requireSense(names: readonly string[], flags: CleanFlags): void {
  const chosen = flags.state !== undefined || flags.olderThan !== undefined;
  if (flags.delete === true && names.length === 0 && !chosen)
    throw refused("--delete needs to know which studies", "Name them, or choose them by --state and --older-than.");
  if (flags.delete !== true && chosen)
    throw refused("--state and --older-than choose studies to remove", "Give --delete as well, or leave them out.");
  if (flags.delete === true && flags.keep !== undefined)
    throw refused("--delete keeps nothing, and --keep says what to keep", "Give one of the two.");
}

const DAY_MS = 86_400_000;

async function clean(store: Store, names: readonly string[], flags: CleanFlags): Promise<number> {
  const { json, keep, dryRun = false } = flags;
  const cleaned = flags.delete === true ? await remove(store, names, flags) : await store.clean({ ...(names.length > 0 && { names }), ...(keep !== undefined && { keep }), dryRun }); // prettier-ignore
  const bytes = cleaned.reduce((sum, each) => sum + each.bytes, 0);
  if (json === true) {
    for (const each of cleaned) writeJson({ type: "cleaned", ...each });
    writeJson({ type: "result", store: store.place, dryRun, removed: cleaned.length, bytes });
    return 0;
  }
  const would = dryRun ? "would be " : "";
  const rows = cleaned.map((each) => [
    each.study ?? "(no study)",
    WHAT[each.what],
    String(each.files),
    bytesText(each.bytes),
  ]);
  const lines = rows.length === 0 ? [] : table([["study", "removed", "files", "size"], ...rows]);
  const sum = counted(
    cleaned.reduce((all, { files }) => all + files, 0),
    "file",
  );
  lines.push(
    cleaned.length === 0
      ? `Nothing ${would || "was "}to be removed.`.replace("be to be", "be")
      : `${sum}, ${bytesText(bytes)}, ${would || "were "}removed.`,
  );
  process.stdout.write(`${lines.join("\n")}\n`);
  return 0;
}

const WHAT: Readonly<Record<Cleaned["what"], string>> = {
  steps: "arrays of steps",
  leftovers: "leftovers",
  study: "the study",
};

async function remove(store: Store, names: readonly string[], flags: CleanFlags): Promise<readonly Cleaned[]> {
  const { dryRun = false, state, olderThan } = flags;
  // One that does not exist or runs is told before any is removed.
  const named = await Promise.all(names.map((name) => store.get(name)));
  const running = named.find((study) => study.state === "running");
  if (running !== undefined) await store.remove(running.name, { dryRun: true });
  const all = names.length > 0 ? named : await store.list();
  const before = olderThan === undefined ? Infinity : Date.now() - olderThan * DAY_MS;
  const isChosen = (study: StudySummary): boolean =>
    study.state !== "running" && (state === undefined || study.state === state) && study.updated.getTime() < before;
  const cleaned: Cleaned[] = [];
  for (const { name } of all.filter(isChosen)) cleaned.push(await store.remove(name, { dryRun }));
  return cleaned;
}
