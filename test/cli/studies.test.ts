import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { decodeSafetensors } from "../../src/store/safetensors.ts";
import { buildFirst, runCli, temporaryFolder, writeExperiment, type Event, type Outcome } from "./run-cli.ts";

buildFirst();
const cwd = temporaryFolder();
const elsewhere = temporaryFolder();
writeExperiment(cwd, "mine.ts");
const cli = (...args: string[]): Promise<Outcome> => runCli(args, { cwd });
const TUNE = ["tune", "mine.ts", "--outer-steps", "4", "--optimizer", "lbfgs", "--json"];

/** Lines of a kind, without what differs between two runs. */
const stepsOf = (events: readonly Event[]): object[] =>
  events
    .filter(({ type }) => type === "step")
    .map((event) => ({ ...event, seconds: 0, inner: "of kept studies only" }));
const resultOf = ({ events }: Outcome): Event => events.at(-1)!;
const values = (outcome: Outcome): string[] => {
  const bytes = readFileSync(join(resultOf(outcome)["folder"] as string, "hyperparameters.safetensors"));
  return Object.entries(decodeSafetensors(bytes).tensors).map(
    ([name, { data }]) => `${name} ${Buffer.from(data.buffer).toString("hex")}`,
  );
};
/** Ends the process in the middle of its second outer step. */
const killed = (signal: NodeJS.Signals, ...args: string[]): Promise<Outcome> =>
  runCli(args, {
    cwd,
    watch: (stdout, child) => void (stdout.includes('"step":1,') && child.kill(signal)),
  });

test("a study that is killed goes on to the very end it would have had", async () => {
  const plain = await cli(...TUNE);
  const first = await killed("SIGKILL", ...TUNE, "--study", "first try", "--tags", "a,b", "--notes", "n");
  expect(first.code).toBeNull();
  const { events } = await cli("runs", "--json");
  expect(events[0]).toMatchObject({ name: "first try", state: "stale", tags: ["a", "b"], notes: "n", outerSteps: 4 });
  // From another place, the store is named.
  const again = await runCli(["resume", "first try", "--json", "--store", join(cwd, "runs/drmad.db")], {
    cwd: elsewhere,
  });
  expect(again.code).toBe(0);
  expect([...stepsOf(first.events), ...stepsOf(again.events)]).toEqual(stepsOf(plain.events));
  expect(resultOf(again)).toMatchObject({ study: "first try", stop: "budget", test: resultOf(plain)["test"] });
  expect(values(again)).toEqual(values(plain));
  expect((await cli("runs", "--json")).events[0]).toMatchObject({ state: "done", steps: 5 });

  const shown = await cli("show", "first try");
  expect(shown.stdout).toMatch(/first try: done[^]*begun by +drmad tune mine\.ts[^]*step +train loss[^]*\n +4 /);
  const log = await cli("show", "first try", "--json");
  const types = log.events.filter(({ type }) => type === "event").map(({ event }) => (event as Event).type);
  expect(types).toEqual(["start", "step", "step", ...types.slice(3, -1), "result"]);
  expect(types.filter((type) => type === "step")).toHaveLength(5);
});

test("one that runs is stopped from beside, refuses a second process, and goes on", async () => {
  const args = ["tune", "mine.ts", "--outer-steps", "10000", "--patience", "10000", "--json", "--study", "long"];
  const begun = { yet: false };
  const running = runCli(args, { cwd, watch: (stdout) => void (begun.yet ||= stdout.includes('"step":1,')) });
  while (!begun.yet) await new Promise((resolve) => setTimeout(resolve, 20));
  const second = await cli("resume", "long", "--json");
  expect(second.code).toBe(2);
  expect(resultOf(second)).toMatchObject({ type: "error", code: "study-running" });
  const stopped = await cli("stop", "long");
  expect([stopped.code, stopped.stdout]).toEqual([0, "long is stopped.\n"]);
  expect((await running).code).toBe(130);
  const steps = (await cli("show", "long", "--json")).events[0]!["steps"] as number;
  const more = await cli("resume", "long", "--seconds", "0.1", "--quiet");
  expect(more.stdout).toContain("Go on: drmad resume long");
  expect(more.stdout).toMatch(/Time: .* this run, .* the study in all, .* since it was begun\./);
  const loud = await cli("resume", "long", "--seconds", "0.1");
  expect(loud.stderr).toMatch(
    /resumes long: outer step \d+ of 10000 is next \(\d+ steps kept, the last \d+ s ago\); begun/,
  );
  expect((await cli("show", "long", "--json")).events[0]!["steps"]).toBeGreaterThan(steps);
});

const refused = async (code: string, ...args: string[]): Promise<void> => {
  const outcome = await cli(...args, "--json");
  expect([outcome.code, resultOf(outcome)["code"]]).toEqual([2, code]);
};

test("what is wrong has a code, and exit code 2", async () => {
  writeFileSync(join(cwd, "text.db"), "no database ".repeat(100));
  await Promise.all([
    refused("study-exists", "tune", "mine.ts", "--study", "first try"),
    refused("study-not-found", "resume", "none"),
    refused("study-not-found", "show", "none"),
    refused("study-not-running", "stop", "first try"),
    refused("file-not-found", "runs", "--store", "none.db"),
    refused("invalid-argument", "tune", "mine.ts", "--study", " "),
    refused("malformed-file", "runs", "--store", "text.db"),
  ]);
  writeExperiment(cwd, "mine.ts", { rate: "0.4" });
  await refused("study-changed", "resume", "long");
});

test.each(["resume", "runs", "show", "stop"])("%s has help with an example", async (command) => {
  const { code, stdout } = await cli(command, "--help");
  expect(code).toBe(0);
  expect(stdout).toMatch(new RegExp(`Examples:\\n  drmad ${command}`));
});
