import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { optionalTest } from "../optional.ts";
import { noPostgres, startPostgres, type Postgres } from "../postgres.ts";
import { buildFirst, runCli, temporaryFolder, writeExperiment, type Event, type Outcome } from "./run-cli.ts";

buildFirst();
const cwd = temporaryFolder();
writeExperiment(cwd, "mine.ts");
const cli = (...args: string[]): Promise<Outcome> => runCli(args, { cwd });
const resultOf = ({ events }: Outcome): Event => events.at(-1)!;
const losses = ({ events }: Outcome): unknown[] =>
  events.filter(({ type }) => type === "step").map((event) => (event["valid"] as { loss: number }).loss);
const TUNE = ["tune", "mine.ts", "--optimizer", "lbfgs", "--outer-steps"];

beforeAll(async () => {
  const first = await cli(...TUNE, "2", "--json", "--study", "first", "--keep", "last:1");
  expect(first.code).toBe(0);
  expect(first.events.find(({ type }) => type === "forecast")).toMatchObject({ keep: "last:1", steps: 3 });
});

test("a fork extends a study that is done, and can be resumed and shown", async () => {
  const plain = await cli(...TUNE, "4", "--json");
  const longer = await cli("fork", "first", "longer", "--outer-steps", "4", "--json");
  expect([longer.code, losses(longer)]).toEqual([0, losses(plain)]);
  const shown = (await cli("show", "longer")).stdout;
  expect(shown.replaceAll(/\s+/g, " ")).toContain("goes on from step 2 of first, with outer steps 2 → 4");
  expect(shown).toMatch(
    /method +reverse[^]*optimizer +lbfgs[^]*memory 10[^]*training +20 steps, minibatches of 20 rows[^]*seed +0/,
  );
  expect(shown).toMatch(/time .* the last run, .* the study in all, .* since it was begun/);
  expect(shown).toMatch(/arrays kept at \d of 5 steps: 0/);
  // One step is the best, and not every one that was better than those before.
  expect(shown.split("\n").filter((line) => / \*(?: +kept)?$/.test(line))).toHaveLength(1);
  const { stdout: page } = await cli("export", "longer", "--format", "html", "--out", "-");
  expect(page).toContain("It goes on from step 2 of first, with outer steps 2 → 4.");
  const { stdout: told } = await cli("export", "longer", "--format", "json", "--out", "-");
  expect(JSON.parse(told)).toMatchObject({
    fork: { of: "first", step: 2, text: expect.stringContaining("goes on from step 2 of first") },
    times: { run: expect.any(Number), study: expect.any(Number), sinceBegun: expect.any(Number) },
  });
  expect(resultOf(await cli("resume", "longer", "--json"))).toMatchObject({ study: "longer", stop: "budget" });
  const other = await cli("fork", "first", "other", "--at", "0", "--seed", "3", "--outer-rate", "0.1");
  expect([other.code, other.stderr]).toEqual([0, expect.stringContaining("starts at the values of step 0 of first")]);
  for (const [code, ...args] of [
    ["invalid-argument", "first", "again"],
    ["invalid-argument", "first", "again", "--at", "7", "--outer-steps", "9"],
    ["study-not-found", "none", "again"],
    ["study-exists", "first", "longer", "--outer-steps", "9"],
  ] as const) {
    const refused = await cli("fork", ...args, "--json");
    expect([refused.code, resultOf(refused)["code"]]).toEqual([2, code]);
  }
});

test("several starts are studies of their own, and the best is the lowest on validation", async () => {
  const args = [...TUNE, "1", "--json", "--study", "tries", "--starts", "2", "--seed", "4"];
  const started = await cli(...args);
  const table = started.events.find(({ type }) => type === "starts")!;
  const studies = table["studies"] as { name: string; seed: number; valid: { loss: number } }[];
  expect(studies.map(({ name, seed }) => [name, seed])).toEqual([["tries/1", 4], ["tries/2", 5]]); // prettier-ignore
  const lowest = [...studies].sort((a, b) => a.valid.loss - b.valid.loss)[0]!.name;
  expect(table["best"]).toBe(lowest);
  const again = await cli("resume", "tries");
  expect(again.stdout).toMatch(new RegExp(`${lowest} .* best\n`));
  expect((await cli("resume", "tries/2", "--json")).code).toBe(0);
  await cli("clean", "--delete", "tries/1");
  const remade = await cli("resume", "tries", "--json");
  const told = remade.events.flatMap((event) => (event.type === "study" ? [[event["study"], event["how"]]] : []));
  expect([remade.code, told]).toEqual([0, [["tries/1", "again"], ["tries/2", "resumed"]]]); // prettier-ignore
  expect(remade.events.find(({ type }) => type === "warning")).toMatchObject({ study: "tries/1", message: "tries/1 is not in the store any more: it is made again from its start" }); // prettier-ignore
  expect(remade.events.find(({ type }) => type === "starts")).toEqual(table);
  expect(resultOf(await cli(...args))).toMatchObject({ code: "study-exists" });
  expect(resultOf(await cli(...TUNE, "1", "--starts", "2", "--json"))).toMatchObject({ code: "invalid-argument" });

  const shown = await cli("show", "first", "tries/1", "tries/2", "--out", "compared", "--json");
  expect(resultOf(shown)["differ"]).toEqual(["seed", "outerSteps"]);
  const png = readFileSync(join(cwd, "compared/comparison.png"));
  expect(png.subarray(1, 4).toString()).toBe("PNG");
  expect((await cli("show", "first", "tries/1")).stdout).toMatch(/study +seed +outerSteps +state[^]*first +0 +2 +done/);
});

test("clean removes what it is told, and tells first", async () => {
  const would = await cli("clean", "--delete", "tries/2", "--dry-run", "--json");
  expect(resultOf(would)).toMatchObject({ dryRun: true, removed: 1 });
  expect((await cli("clean", "--delete", "tries/2")).stdout).toMatch(/tries\/2 +the study[^]*were removed/);
  expect((await cli("show", "tries/2")).code).toBe(2);
  for (const args of [["--delete"], ["--state", "done"], ["--delete", "first", "--keep", "all"], ["none"]])
    expect((await cli("clean", ...args)).code).toBe(2);
  expect((await cli("clean", "--delete", "--state", "done", "--older-than", "1")).stdout).toContain("Nothing was");
  expect((await cli("show", "first")).code).toBe(0);
});

let server: Postgres | undefined;
beforeAll(async () => {
  if (noPostgres() === undefined) server = await startPostgres();
});
afterAll(() => server?.stop());

optionalTest(
  "a study in PostgreSQL is tuned, forked and shown, and no password is kept or printed",
  noPostgres(),
  async () => {
    server!.database("cli");
    const url = server!.url("cli", "locked", "secret");
    const all = [];
    for (const args of [
      [...TUNE, "1", "--study", "one", "--out", "out"],
      ["fork", "one", "two", "--outer-steps", "2"],
      ["resume", "two"],
      ["show", "two", "--json"],
      ["runs"],
      ["clean"],
    ]) {
      const outcome = await cli(...args, "--store", url);
      expect([args[0], outcome.code]).toEqual([args[0], 0]);
      all.push(outcome.stdout, outcome.stderr);
    }
    all.push(server!.sql("cli", "select options from studies"), readFileSync(join(cwd, "out/result.json"), "utf8"));
    expect(all.join("")).not.toContain(":secret");
    expect(existsSync(join(cwd, "postgres:"))).toBe(false);
    const wrong = await cli("runs", "--json", "--store", url.replace("secret", "wrong"));
    expect([wrong.code, resultOf(wrong)["code"]]).toEqual([2, "store-unreachable"]);
    expect(wrong.stdout + wrong.stderr).not.toContain("wrong@");
    const none = await cli("runs", "--store", server!.url("none", "postgres"));
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining("createdb")]);
    expect((await cli("runs", "--store", server!.database("empty"))).code).toBe(2);
  },
);

test.each(["fork", "clean"])("%s has help with an example", async (command) => {
  const { code, stdout } = await cli(command, "--help");
  expect([code, stdout]).toEqual([0, expect.stringMatching(new RegExp(`Examples:\\n  drmad ${command}`))]);
});
